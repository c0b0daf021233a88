//! What the first packet of a stream must be like for its header to be believed.

use ffmpeg_next::ffi;

use super::super::open::MediaInput;
use super::super::walk::Walk;
use crate::model::MediaFacts;
use crate::probe::bitstream::{aac, mpeg_audio, nal_units};

/// Packets read to learn where every stream begins.
const MAX_PACKETS: u32 = 200;
const NO_TIME: i64 = i64::MIN;

/// What the first packet of a stream must agree with.
pub(super) struct Promise {
    /// The stream.
    pub(super) index: u32,
    /// What is promised.
    pub(super) kind: Kind,
}

/// The kinds of promises.
pub(super) enum Kind {
    /// Pictures that use this parameter set and no other.
    Set { set: Vec<u8>, length_bytes: usize, is_set: fn(u8) -> bool, is_slice: fn(u8) -> bool },
    /// A key frame that tells the rest.
    Vp8,
    /// A key frame that tells the rest.
    Vp9,
    /// A frame of AAC whose first element has this many channels.
    Aac { channels: u32 },
    /// A frame of layer III.
    Mp3 { sample_rate: u32, channels: u32 },
    /// Anything.
    Nothing,
}

/// Reads the first packet of every stream with a promise, which also tells the library where the
/// stream starts, and holds each to its promise. All that is read is noted in `walk`. Gives the
/// streams whose container states no decode times, with the presentation time of their first packet;
/// `None` when a promise is broken.
pub(super) fn starts_as_promised(
    input: &mut MediaInput,
    mut open: Vec<Promise>,
    facts: &mut MediaFacts,
    walk: &mut Walk,
) -> Option<Vec<(u32, i64)>> {
    let context = input.as_ptr();
    // SAFETY: the context is open and used by nobody else; the packet is ours and freed at the end.
    unsafe {
        let mut packet = ffi::av_packet_alloc();
        let mut kept = !packet.is_null();
        let (mut unstarted, mut undated) = (Vec::new(), Vec::new());
        for _ in 0..MAX_PACKETS {
            if !kept || open.is_empty() && unstarted.is_empty() {
                break;
            }
            if ffi::av_read_frame(context, packet) < 0 {
                break;
            }
            walk.add(context, &*packet);
            let index = (*packet).stream_index as u32;
            if let Some(at) = open.iter().position(|promise| promise.index == index) {
                let data = match usize::try_from((*packet).size) {
                    Ok(size) if !(*packet).data.is_null() => std::slice::from_raw_parts((*packet).data, size),
                    _ => &[],
                };
                let hidden = (*packet).flags & ffi::AV_PKT_FLAG_DISCARD != 0;
                let key = (*packet).flags & ffi::AV_PKT_FLAG_KEY != 0;
                kept = key && open.swap_remove(at).is_kept(data, facts);
                // Without decode times the library knows no start before it has decoded.
                match ((*packet).dts == NO_TIME, hidden) {
                    (true, false) => undated.push((index, (*packet).pts)),
                    _ => unstarted.push(index),
                }
            }
            // A stream may begin with frames that are not shown; it starts with the first that is.
            unstarted.retain(|&index| (**(*context).streams.add(index as usize)).start_time == NO_TIME);
            ffi::av_packet_unref(packet);
        }
        ffi::av_packet_free(&mut packet);
        (kept && open.is_empty()).then_some(undated)
    }
}

impl Promise {
    fn is_kept(&self, data: &[u8], facts: &mut MediaFacts) -> bool {
        let video = |facts: &mut MediaFacts| facts.video.iter().position(|video| video.index == self.index);
        match &self.kind {
            Kind::Nothing => true,
            Kind::Aac { channels } => aac::first_element_channels(data) == Some(*channels),
            Kind::Mp3 { sample_rate, channels } => {
                mpeg_audio::layer3(data) == Some((*sample_rate, *channels))
            }
            Kind::Vp8 => video(facts).is_some_and(|at| super::video::is_vp8(data, &facts.video[at])),
            Kind::Vp9 => {
                video(facts).is_some_and(|at| super::video::settle_vp9(data, &mut facts.video[at]).is_some())
            }
            Kind::Set { set, length_bytes, is_set, is_slice } => {
                let Some(units) = nal_units(data, *length_bytes) else { return false };
                let is = |unit: &[u8], kind: &fn(u8) -> bool| unit.first().is_some_and(|&byte| kind(byte));
                units.iter().any(|unit| is(unit, is_slice))
                    && units.iter().all(|unit| !is(unit, is_set) || unit == set)
            }
        }
    }
}
