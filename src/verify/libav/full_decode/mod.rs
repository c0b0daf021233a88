//! The full decode (`--deep`): analyses all video and audio in one pass.

mod audio;
mod combing;
mod loudness_curve;
mod spans;
mod video;

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ffmpeg_next::ffi;

use self::audio::AudioAnalysis;
use self::video::VideoAnalysis;
use super::strict_decode::StreamDecode;
use crate::job::{JobError, Progress};
use crate::libav::decoder::{Decoder, hides_errors};
use crate::libav::input::{Input, stream_codec};
use crate::libav::packet::Packet;
use crate::libav::start_cut::StartCut;
use crate::model::{DeepReport, MediaFacts, SourceDamage};

/// Decodes the file and reports black, frozen and silent spans, borders, interlacing, loudness and errors.
/// `facts` are the results of the probe.
///
/// # Errors
///
/// [`JobError::Unreadable`] when no demuxer recognizes the file, [`JobError::Failed`], [`JobError::Io`],
/// [`JobError::Cancelled`]. Decode errors are in the report.
pub fn deep(
    input: File,
    name: &str,
    facts: MediaFacts,
    cancel: Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
) -> Result<DeepReport, JobError> {
    let mut input = Input::open(input, name, cancel)?;
    let total_s = input.duration_s();
    let (main_video, main_audio) = analysed_streams(&facts, &mut input);
    let mut undecodable = UndecodableStart::of(&facts, &mut input);
    let mut video = match main_video {
        Some(stream) => Some((stream, open_decoder(&mut input, stream)?, VideoAnalysis::default())),
        None => None,
    };
    let mut audio = match main_audio {
        Some(stream) => Some((stream, open_decoder(&mut input, stream)?, AudioAnalysis::default())),
        None => None,
    };
    let mut bytes: HashMap<i32, u64> = HashMap::new();
    let mut packet = Packet::new()?;
    let mut more = true;
    while more {
        more = input.read(&mut packet)?;
        let fed = more.then_some(&packet);
        let index = packet.get().stream_index;
        if more {
            *bytes.entry(index).or_default() += packet.get().size.max(0) as u64;
        }
        if let Some((_, decode, video)) = video.as_mut().filter(|(s, ..)| !more || *s as i32 == index) {
            if fed.is_some_and(|packet| undecodable.ends_at(packet)) {
                decode.forget_errors();
            }
            let base = decode.decoder.base();
            decode.feed(fed, &mut |frame| video.add_frame(frame, base))?;
            let done_s = video.end_s;
            progress(Progress { done_s, total_s, frames: decode.decoder.frames });
        }
        if let Some((_, decode, audio)) = audio.as_mut().filter(|(s, ..)| !more || *s as i32 == index) {
            let base = decode.decoder.base();
            decode.feed(fed, &mut |frame| audio.add_frame(frame, base))?;
            progress(Progress { done_s: audio.end_s, total_s, frames: 0 });
        }
    }
    let mut report = DeepReport { facts, ..DeepReport::default() };
    let mut damage = SourceDamage { error_count: input.read_errors, ..SourceDamage::default() };
    damage.errors.append(&mut input.unread);
    if let Some((_, decode, video)) = video {
        let frames = decode.decoder.frames;
        damage.add(decode.damage());
        report.decode.video_frames = frames;
        report.decode.video_end_s = (frames > 0).then_some(video.end_s);
        video.write_to(&mut report)?;
    }
    if let Some((_, decode, audio)) = audio {
        damage.add(decode.damage());
        audio.write_to(&mut report)?;
    }
    set_bit_rates(&bytes, &mut report);
    report.decode.packets = damage.packets;
    report.decode.error_count = damage.error_count;
    report.decode.heavy_damage = damage.heavy;
    report.decode.errors = damage.errors;
    Ok(report)
}

/// Sets the bit rates that no header states from the bytes of the packets.
fn set_bit_rates(bytes: &HashMap<i32, u64>, report: &mut DeepReport) {
    let measured = |index: u32, end_s: Option<f64>, start_s: Option<f64>| {
        let duration_s =
            end_s.map(|end_s| end_s - start_s.unwrap_or(0.0)).filter(|&seconds| seconds > 0.0)?;
        let bytes = bytes.get(&i32::try_from(index).ok()?)?;
        Some((*bytes as f64 * 8.0 / duration_s).round() as u64)
    };
    let (video_end_s, audio_end_s) = (report.decode.video_end_s, report.decode.audio_end_s);
    let main = |stream: Option<u32>| stream.unwrap_or(u32::MAX);
    let main_video = main(report.facts.main_video().map(|video| video.index));
    let main_audio = main(report.facts.main_audio().map(|audio| audio.index));
    for video in report.facts.video.iter_mut().filter(|video| video.index == main_video) {
        video.bit_rate = video.bit_rate.or_else(|| measured(video.index, video_end_s, video.start_s));
    }
    for audio in report.facts.audio.iter_mut().filter(|audio| audio.index == main_audio) {
        audio.bit_rate = audio.bit_rate.or_else(|| measured(audio.index, audio_end_s, audio.start_s));
    }
}

/// Returns the main video and the main audio stream.
fn analysed_streams(facts: &MediaFacts, input: &mut Input) -> (Option<u32>, Option<u32>) {
    // Without facts, as in a decode of its own, the first streams are decoded.
    if facts.video.is_empty() && facts.audio.is_empty() {
        let mut first = |kind| input.first(kind);
        return (first(ffi::AVMediaType::AVMEDIA_TYPE_VIDEO), first(ffi::AVMediaType::AVMEDIA_TYPE_AUDIO));
    }
    let video = facts.main_video().filter(|video| video.decodable).map(|video| video.index);
    let audio = facts.main_audio().filter(|audio| audio.decodable).map(|audio| audio.index);
    (video, audio)
}

/// The frames at the start that lack their key frame. The facts tell of them, so their errors do not count again.
struct UndecodableStart(Option<StartCut>);

impl UndecodableStart {
    fn of(facts: &MediaFacts, input: &mut Input) -> UndecodableStart {
        let lost =
            facts.main_video().filter(|video| video.undecodable_frames.is_some_and(|frames| frames > 0));
        let start = lost.and_then(|video| Some((video.index, video.first_decodable_s?)));
        let untimed = input.lacks_timestamps();
        UndecodableStart(start.and_then(|(index, start_s)| {
            let stream = input.stream(index).ok()?;
            // SAFETY: the stream belongs to the open input; a plain field.
            let base = unsafe { (*stream).time_base };
            Some(StartCut::new(start_s, base, untimed))
        }))
    }

    /// Returns whether a packet is the first that can be decoded.
    fn ends_at(&mut self, packet: &Packet) -> bool {
        let ends = self.0.as_mut().is_some_and(|cut| !cut.cuts(packet));
        if ends {
            self.0 = None;
        }
        ends
    }
}

/// Opens a decoder that reports errors; it is strict only where others hide them.
fn open_decoder(input: &mut Input, stream: u32) -> Result<StreamDecode, JobError> {
    let strict = hides_errors(stream_codec(input, stream).as_ref());
    let decoder = Decoder::open(input, stream, 1, strict)?;
    StreamDecode::with(input, stream, decoder)
}
