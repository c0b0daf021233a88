//! What the packets of an output say without decoding.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ffmpeg_next::ffi;
use xxhash_rust::xxh3::Xxh3;

use crate::job::{JobError, Progress};
use crate::plan::OutputSpec;
use crate::transcode::libav::av::{NOPTS, Packet, seconds};
use crate::transcode::libav::input::Input;
use crate::transcode::libav::transcoder::codec_name;

/// How the bytes of a packet are framed; containers differ, so framing is not hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Hash all of it.
    Plain,
    /// Units of H.264 or H.265, behind start codes or their length.
    Units,
    /// AAC, maybe with an ADTS header.
    Aac,
}

impl Framing {
    pub(crate) fn of(codec: Option<&str>) -> Framing {
        match codec {
            Some("h264" | "hevc") => Framing::Units,
            Some("aac") => Framing::Aac,
            _ => Framing::Plain,
        }
    }
}

/// A running hash over the payload of a stream.
#[derive(Clone)]
pub(crate) struct Payload {
    hash: Xxh3,
    framing: Framing,
    pub(crate) packets: u64,
    /// Packets that the demuxer calls damaged, or whose units are none.
    pub(crate) strange: u64,
}

impl Payload {
    pub(crate) fn new(framing: Framing) -> Payload {
        Payload { hash: Xxh3::new(), framing, packets: 0, strange: 0 }
    }

    /// Takes note of a packet.
    pub(crate) fn take(&mut self, packet: &Packet) {
        self.strange += u64::from(packet.get().flags & ffi::AV_PKT_FLAG_CORRUPT != 0);
        self.add(packet.data());
    }

    fn add(&mut self, data: &[u8]) {
        self.packets += 1;
        if self.framing == Framing::Units && !is_annex_b(data) && !are_units(data) {
            self.strange += 1;
        }
        match self.framing {
            Framing::Plain => self.hash.update(data),
            Framing::Aac => self.hash.update(without_adts(data)),
            Framing::Units if is_annex_b(data) => units_annex_b(data, &mut |unit| self.hash.update(unit)),
            Framing::Units => units_by_length(data, &mut |unit| self.hash.update(unit)),
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
    // A first unit of one byte, or of 256 to 511 bytes, looks the same: it must also fill the packet.
    (data.starts_with(&[0, 0, 0, 1]) || data.starts_with(&[0, 0, 1])) && !lengths_add_up(data)
}

fn lengths_add_up(mut data: &[u8]) -> bool {
    while let Some((length, rest)) = split_length(data) {
        let Some(after) = rest.get(length..) else { return false };
        data = after;
    }
    data.is_empty()
}

/// Whether the lengths lead from unit to unit, and each begins as one may: its first bit is never set
/// (ISO/IEC 14496-10 and 23008-2, 7.3.1).
fn are_units(data: &[u8]) -> bool {
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

fn units_by_length(mut data: &[u8], each: &mut dyn FnMut(&[u8])) {
    if !lengths_add_up(data) {
        return each(data);
    }
    while let Some((length, rest)) = split_length(data) {
        each(trimmed(&rest[..length]));
        data = &rest[length..];
    }
}

fn units_annex_b(data: &[u8], each: &mut dyn FnMut(&[u8])) {
    let mut start = None;
    let mut i = 0;
    while i + 3 <= data.len() {
        if data[i..i + 3] == [0, 0, 1] {
            if let Some(start) = start {
                each(trimmed(&data[start..i]));
            }
            start = Some(i + 3);
            i += 3;
        } else {
            i += 1;
        }
    }
    if let Some(start) = start {
        each(trimmed(&data[start..]));
    }
}

/// Without the zeros that belong to the next start code.
fn trimmed(unit: &[u8]) -> &[u8] {
    let end = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &unit[..end]
}

/// One stream of the output.
pub(crate) struct StreamWalk {
    /// Index in the output.
    pub(crate) index: u32,
    /// Packets that are shown or heard.
    pub(crate) packets: u64,
    /// Hash over all packets.
    pub(crate) payload: Payload,
    /// Places where decode times do not rise.
    pub(crate) disorder: u64,
    /// The end in seconds.
    pub(crate) end_s: f64,
    /// The usual duration of a packet in seconds.
    pub(crate) usual_s: f64,
}

/// A walk over all packets of an output.
pub(crate) struct Walk {
    pub(crate) streams: usize,
    pub(crate) video: Option<StreamWalk>,
    pub(crate) audio: Option<StreamWalk>,
}

impl Walk {
    pub(crate) fn over(
        output: File,
        spec: &OutputSpec,
        cancel: Arc<AtomicBool>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Walk, JobError> {
        let mut input = Input::open_own(output, &format!("output.{}", spec.container.extension()), cancel)?;
        // SAFETY: a plain field of an open context.
        let streams = unsafe { (*input.as_mut_ptr()).nb_streams } as usize;
        let mut video = start(&mut input, ffi::AVMediaType::AVMEDIA_TYPE_VIDEO);
        let mut audio = start(&mut input, ffi::AVMediaType::AVMEDIA_TYPE_AUDIO);
        let total_s = input.duration_s();
        let mut last = [i64::MIN; 2];
        let mut packet = Packet::new()?;
        while input.read(&mut packet)? {
            let raw = packet.get();
            for (side, last) in [&mut video, &mut audio].into_iter().zip(&mut last) {
                let Some(walk) = side else { continue };
                if raw.stream_index != walk.index as i32 {
                    continue;
                }
                // SAFETY: the stream belongs to the open input.
                let base = unsafe { (*input.stream(walk.index)?).time_base };
                walk.payload.take(&packet);
                if raw.flags & ffi::AV_PKT_FLAG_DISCARD == 0 {
                    walk.packets += 1;
                }
                if raw.dts != NOPTS {
                    walk.disorder += u64::from(raw.dts <= *last);
                    *last = raw.dts;
                }
                if raw.pts != NOPTS {
                    walk.end_s = walk.end_s.max(seconds(raw.pts + raw.duration, base));
                    progress(Progress { done_s: walk.end_s, total_s, frames: walk.packets });
                }
                if walk.usual_s == 0.0 {
                    walk.usual_s = seconds(raw.duration, base);
                }
            }
        }
        Ok(Walk { streams, video, audio })
    }
}

fn start(input: &mut Input, kind: ffi::AVMediaType) -> Option<StreamWalk> {
    let index = input.first(kind)?;
    let framing = Framing::of(codec_name(input, index).as_deref());
    Some(StreamWalk {
        index,
        packets: 0,
        payload: Payload::new(framing),
        disorder: 0,
        end_s: 0.0,
        usual_s: 0.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(framing: Framing, data: &[u8]) -> u128 {
        let mut payload = Payload::new(framing);
        payload.add(data);
        payload.digest()
    }

    #[test]
    fn framing_does_not_change_the_hash_but_content_does() {
        let by_length = [0, 0, 0, 2, 0x65, 7, 0, 0, 0, 1, 9];
        let annex_b = [0, 0, 0, 1, 0x65, 7, 0, 0, 1, 9];
        let other = [0, 0, 0, 1, 0x65, 8, 0, 0, 1, 9];
        assert_eq!(digest(Framing::Units, &by_length), digest(Framing::Units, &annex_b));
        assert_ne!(digest(Framing::Units, &by_length), digest(Framing::Units, &other));
    }

    #[test]
    fn units_that_are_none_are_counted() {
        let strange = |data: &[u8]| {
            let mut payload = Payload::new(Framing::Units);
            payload.add(data);
            payload.strange
        };
        assert_eq!(strange(&[0, 0, 0, 2, 0x65, 7, 0, 0, 0, 1, 9]), 0);
        assert_eq!(strange(&[0, 0, 0, 1, 0x65, 7, 0, 0, 1, 9]), 0, "behind start codes");
        assert_eq!(strange(&[0, 0, 0, 9, 0x65, 7]), 1, "a unit longer than its packet");
        assert_eq!(strange(&[0, 0, 0, 2, 0xe5, 7]), 1, "a unit whose first bit is set");
        assert_eq!(strange(&[0; 16]), 1, "nothing but zeros");
    }

    #[test]
    fn an_adts_header_is_not_hashed() {
        let bare = [0x21, 0x10];
        let adts = [0xff, 0xf1, 0, 0, 0, 0, 0, 0x21, 0x10];
        assert_eq!(digest(Framing::Aac, &bare), digest(Framing::Aac, &adts));
    }
}
