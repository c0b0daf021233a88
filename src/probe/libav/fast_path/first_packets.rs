//! Checks that the first packet of each stream matches its header.

use ffmpeg_next::ffi;

use super::super::packets::add_packet;
use super::super::streams::hdr;
use super::expected_packet::{ExpectedPacket, FirstPacketCheck};
use super::video::{complete_av1, complete_prores, complete_vp9, is_vp8};
use crate::libav::media_input::MediaInput;
use crate::libav::time::NOPTS;
use crate::model::MediaFacts;
use crate::probe::bitstream::{aac, mpeg_audio, nal_units};
use crate::probe::packet_walk::PacketWalk;

/// Packets read at most to find the first of every stream.
const MAX_PACKETS: u32 = 200;

/// Reads the first packet of every checked stream, which also lets the library set its start time, and
/// checks it. Adds all packets read to `walk`. Returns the streams without decode times, with the
/// presentation time of their first packet; `None` when a check fails.
pub(super) fn check_first_packets(
    input: &mut MediaInput,
    mut pending: Vec<FirstPacketCheck>,
    facts: &mut MediaFacts,
    walk: &mut PacketWalk,
) -> Option<Vec<(u32, i64)>> {
    let context = input.as_ptr();
    // SAFETY: the context is open and not used by other code; the packet is local and freed at the end.
    unsafe {
        let mut packet = ffi::av_packet_alloc();
        let mut passed = !packet.is_null();
        let (mut unstarted, mut without_dts) = (Vec::new(), Vec::new());
        for _ in 0..MAX_PACKETS {
            if !passed || pending.is_empty() && unstarted.is_empty() {
                break;
            }
            if ffi::av_read_frame(context, packet) < 0 {
                break;
            }
            add_packet(walk, context, &*packet);
            let index = (*packet).stream_index as u32;
            if let Some(at) = pending.iter().position(|check| check.index == index) {
                let data = match usize::try_from((*packet).size) {
                    Ok(size) if !(*packet).data.is_null() => std::slice::from_raw_parts((*packet).data, size),
                    _ => &[],
                };
                let hidden = (*packet).flags & ffi::AV_PKT_FLAG_DISCARD != 0;
                let key = (*packet).flags & ffi::AV_PKT_FLAG_KEY != 0;
                passed = key && pending.swap_remove(at).passes(data, facts);
                if let Some(video) = facts.video.iter_mut().find(|video| video.index == index) {
                    video.hdr = hdr(*(*context).streams.add(index as usize), &video.color);
                }
                // Without decode times the library does not know the start before it decodes.
                match ((*packet).dts == NOPTS, hidden) {
                    (true, false) => without_dts.push((index, (*packet).pts)),
                    _ => unstarted.push(index),
                }
            }
            // A stream may begin with discarded frames; its start time is that of the first other frame.
            unstarted.retain(|&index| (**(*context).streams.add(index as usize)).start_time == NOPTS);
            ffi::av_packet_unref(packet);
        }
        ffi::av_packet_free(&mut packet);
        (passed && pending.is_empty()).then_some(without_dts)
    }
}

impl FirstPacketCheck {
    fn passes(&self, data: &[u8], facts: &mut MediaFacts) -> bool {
        let video = |facts: &mut MediaFacts| facts.video.iter().position(|video| video.index == self.index);
        match &self.expected {
            ExpectedPacket::Any => true,
            ExpectedPacket::Aac { channels } => aac::first_element_channels(data) == Some(*channels),
            ExpectedPacket::Mp3 { sample_rate, channels } => {
                mpeg_audio::layer3(data) == Some((*sample_rate, *channels))
            }
            ExpectedPacket::Vp8 => video(facts).is_some_and(|at| is_vp8(data, &facts.video[at])),
            ExpectedPacket::Vp9 => {
                video(facts).is_some_and(|at| complete_vp9(data, &mut facts.video[at]).is_some())
            }
            ExpectedPacket::Prores => {
                video(facts).is_some_and(|at| complete_prores(data, &mut facts.video[at]).is_some())
            }
            ExpectedPacket::Av1 => {
                video(facts).is_some_and(|at| complete_av1(data, &mut facts.video[at]).is_some())
            }
            ExpectedPacket::Nal { set, length_bytes, is_set, is_slice, keeps_color } => {
                let Some(units) = nal_units(data, *length_bytes) else { return false };
                let is = |unit: &[u8], kind: &fn(u8) -> bool| unit.first().is_some_and(|&byte| kind(byte));
                units.iter().any(|unit| is(unit, is_slice))
                    && units.iter().all(|unit| !is(unit, is_set) || unit == set)
                    && keeps_color(&units)
            }
        }
    }
}
