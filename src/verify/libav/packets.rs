//! Scans the packets of an output without decoding.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ffmpeg_next::ffi;
use xxhash_rust::xxh3::Xxh3;

use crate::job::{JobError, Progress};
use crate::libav::input::{Input, stream_codec};
use crate::libav::packet::Packet;
use crate::libav::time::{NOPTS, seconds};
use crate::model::Codec;
use crate::plan::OutputSpec;
use crate::probe::bitstream::frame_size::FrameSizes;

/// The framing of packet data. Containers differ in framing, so it is not hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// None; all bytes are hashed.
    Raw,
    /// NAL units of H.264 or H.265 after start codes or length prefixes.
    NalUnits,
    /// AAC, optionally with an ADTS header.
    Aac,
}

impl Framing {
    pub(crate) fn of(codec: Option<&Codec>) -> Framing {
        match codec {
            Some(Codec::H264 | Codec::Hevc) => Framing::NalUnits,
            Some(Codec::Aac) => Framing::Aac,
            _ => Framing::Raw,
        }
    }
}

/// A running hash of the packet payloads of a stream.
#[derive(Clone)]
pub(crate) struct PayloadHash {
    hash: Xxh3,
    framing: Framing,
    pub(crate) packets: u64,
    /// Number of packets that the demuxer marks as corrupt, or whose NAL units are malformed.
    pub(crate) suspect: u64,
}

impl PayloadHash {
    pub(crate) fn new(framing: Framing) -> PayloadHash {
        PayloadHash { hash: Xxh3::new(), framing, packets: 0, suspect: 0 }
    }

    /// Adds a packet.
    pub(crate) fn add_packet(&mut self, packet: &Packet) {
        self.suspect += u64::from(packet.get().flags & ffi::AV_PKT_FLAG_CORRUPT != 0);
        self.add(packet.data());
    }

    fn add(&mut self, data: &[u8]) {
        self.packets += 1;
        if self.framing == Framing::NalUnits && !is_annex_b(data) && !are_nal_units(data) {
            self.suspect += 1;
        }
        match self.framing {
            Framing::Raw => self.hash.update(data),
            Framing::Aac => self.hash.update(without_adts(data)),
            Framing::NalUnits if is_annex_b(data) => annex_b_units(data, &mut |unit| self.hash.update(unit)),
            Framing::NalUnits => length_prefixed_units(data, &mut |unit| self.hash.update(unit)),
        }
    }

    pub(crate) fn digest(&self) -> u128 {
        self.hash.digest128()
    }
}

fn without_adts(data: &[u8]) -> &[u8] {
    match data {
        [0xff, second, ..] if second & 0xf6 == 0xf0 => {
            let header = if second & 1 == 1 { 7 } else { 9 };
            data.get(header..).unwrap_or(&[])
        }
        _ => data,
    }
}

fn is_annex_b(data: &[u8]) -> bool {
    // The length prefix of a unit of 1 or of 256 to 511 bytes looks the same, so the lengths must not match.
    (data.starts_with(&[0, 0, 0, 1]) || data.starts_with(&[0, 0, 1])) && !lengths_add_up(data)
}

fn lengths_add_up(mut data: &[u8]) -> bool {
    while let Some((length, rest)) = split_length(data) {
        let Some(after) = rest.get(length..) else { return false };
        data = after;
    }
    data.is_empty()
}

/// Returns whether the length prefixes match the packet and the first bit of each unit is zero (ISO/IEC
/// 14496-10 and 23008-2, 7.3.1).
fn are_nal_units(data: &[u8]) -> bool {
    let mut rest = data;
    while let Some((length, after)) = split_length(rest) {
        if after.first().is_none_or(|byte| byte & 0x80 != 0) {
            return false;
        }
        let Some(next) = after.get(length..) else { return false };
        rest = next;
    }
    rest.is_empty()
}

fn split_length(data: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rest) = data.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*length) as usize, rest))
}

fn length_prefixed_units(mut data: &[u8], each: &mut dyn FnMut(&[u8])) {
    if !lengths_add_up(data) {
        return each(data);
    }
    while let Some((length, rest)) = split_length(data) {
        each(without_trailing_zeros(&rest[..length]));
        data = &rest[length..];
    }
}

fn annex_b_units(data: &[u8], each: &mut dyn FnMut(&[u8])) {
    let mut start = None;
    let mut i = 0;
    while i + 3 <= data.len() {
        if data[i..i + 3] == [0, 0, 1] {
            if let Some(start) = start {
                each(without_trailing_zeros(&data[start..i]));
            }
            start = Some(i + 3);
            i += 3;
        } else {
            i += 1;
        }
    }
    if let Some(start) = start {
        each(without_trailing_zeros(&data[start..]));
    }
}

/// Removes trailing zeros, which belong to the next start code.
fn without_trailing_zeros(unit: &[u8]) -> &[u8] {
    let end = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &unit[..end]
}

/// The scan of one stream of the output.
pub(crate) struct StreamScan {
    /// Index of the stream in the output.
    pub(crate) index: u32,
    /// Number of packets that are played.
    pub(crate) packets: u64,
    /// Hash over all packets.
    pub(crate) payload: PayloadHash,
    /// Number of packets whose decode timestamp does not increase.
    pub(crate) dts_errors: u64,
    /// End of the stream in seconds.
    pub(crate) end_s: f64,
    /// Duration of the first packet with a duration, in seconds.
    pub(crate) packet_s: f64,
    /// The frame sizes, for video codecs whose packets state them.
    pub(crate) frame_sizes: Option<FrameSizes>,
}

/// A scan of all packets of an output.
pub(crate) struct PacketScan {
    pub(crate) streams: usize,
    pub(crate) video: Option<StreamScan>,
    pub(crate) audio: Option<StreamScan>,
}

impl PacketScan {
    pub(crate) fn of(
        output: File,
        spec: &OutputSpec,
        cancel: Arc<AtomicBool>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<PacketScan, JobError> {
        let mut input =
            Input::open_output(output, &format!("output.{}", spec.container.extension()), cancel)?;
        // SAFETY: a plain field of an open context.
        let streams = unsafe { (*input.as_mut_ptr()).nb_streams } as usize;
        let mut video = start_scan(&mut input, ffi::AVMediaType::AVMEDIA_TYPE_VIDEO);
        let mut audio = start_scan(&mut input, ffi::AVMediaType::AVMEDIA_TYPE_AUDIO);
        let total_s = input.duration_s();
        let mut last_dts = [i64::MIN; 2];
        let mut packet = Packet::new()?;
        while input.read(&mut packet)? {
            let raw = packet.get();
            for (stream, last_dts) in [&mut video, &mut audio].into_iter().zip(&mut last_dts) {
                let Some(scan) = stream else { continue };
                if raw.stream_index != scan.index as i32 {
                    continue;
                }
                // SAFETY: the stream belongs to the open input.
                let base = unsafe { (*input.stream(scan.index)?).time_base };
                scan.payload.add_packet(&packet);
                scan.add_size(&packet);
                if raw.flags & ffi::AV_PKT_FLAG_DISCARD == 0 {
                    scan.packets += 1;
                }
                if raw.dts != NOPTS {
                    scan.dts_errors += u64::from(raw.dts <= *last_dts);
                    *last_dts = raw.dts;
                }
                if raw.pts != NOPTS {
                    scan.end_s = scan.end_s.max(seconds(raw.pts + raw.duration, base));
                    progress(Progress { done_s: scan.end_s, total_s, frames: scan.packets });
                }
                if scan.packet_s == 0.0 {
                    scan.packet_s = seconds(raw.duration, base);
                }
            }
        }
        Ok(PacketScan { streams, video, audio })
    }
}

impl StreamScan {
    fn add_size(&mut self, packet: &Packet) {
        let key = packet.get().flags & ffi::AV_PKT_FLAG_KEY != 0;
        if let Some(sizes) = self.frame_sizes.as_mut().filter(|sizes| key || !sizes.only_at_key_frames()) {
            sizes.add(packet.data());
        }
    }
}

fn start_scan(input: &mut Input, kind: ffi::AVMediaType) -> Option<StreamScan> {
    let index = input.first(kind)?;
    let framing = Framing::of(stream_codec(input, index).as_ref());
    Some(StreamScan {
        index,
        packets: 0,
        payload: PayloadHash::new(framing),
        dts_errors: 0,
        end_s: 0.0,
        packet_s: 0.0,
        frame_sizes: frame_sizes(input, index),
    })
}

fn frame_sizes(input: &mut Input, index: u32) -> Option<FrameSizes> {
    let codec = stream_codec(input, index)?;
    let stream = input.stream(index).ok()?;
    // SAFETY: the stream belongs to the open input; the bytes are copied.
    unsafe {
        let parameters = (*stream).codecpar;
        let length = usize::try_from((*parameters).extradata_size).unwrap_or(0);
        let config = match (*parameters).extradata {
            data if data.is_null() => &[][..],
            data => std::slice::from_raw_parts(data, length),
        };
        FrameSizes::of(&codec, config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(framing: Framing, data: &[u8]) -> u128 {
        let mut payload = PayloadHash::new(framing);
        payload.add(data);
        payload.digest()
    }

    #[test]
    fn the_hash_depends_on_content_not_on_framing() {
        let by_length = [0, 0, 0, 2, 0x65, 7, 0, 0, 0, 1, 9];
        let annex_b = [0, 0, 0, 1, 0x65, 7, 0, 0, 1, 9];
        let other = [0, 0, 0, 1, 0x65, 8, 0, 0, 1, 9];
        assert_eq!(digest(Framing::NalUnits, &by_length), digest(Framing::NalUnits, &annex_b));
        assert_ne!(digest(Framing::NalUnits, &by_length), digest(Framing::NalUnits, &other));
    }

    #[test]
    fn counts_malformed_nal_units() {
        let suspect = |data: &[u8]| {
            let mut payload = PayloadHash::new(Framing::NalUnits);
            payload.add(data);
            payload.suspect
        };
        assert_eq!(suspect(&[0, 0, 0, 2, 0x65, 7, 0, 0, 0, 1, 9]), 0);
        assert_eq!(suspect(&[0, 0, 0, 1, 0x65, 7, 0, 0, 1, 9]), 0, "after start codes");
        assert_eq!(suspect(&[0, 0, 0, 9, 0x65, 7]), 1, "a unit longer than its packet");
        assert_eq!(suspect(&[0, 0, 0, 2, 0xe5, 7]), 1, "a unit whose first bit is set");
        assert_eq!(suspect(&[0; 16]), 1, "nothing but zeros");
    }

    #[test]
    fn adts_headers_are_not_hashed() {
        let raw = [0x21, 0x10];
        let adts = [0xff, 0xf1, 0, 0, 0, 0, 0, 0x21, 0x10];
        assert_eq!(digest(Framing::Aac, &raw), digest(Framing::Aac, &adts));
    }
}
