//! Proves an output with FFmpeg's libraries, in this process.

// The comparison reaches a few fields of libav objects; all of them are owned by `transcode::libav`.
#![allow(unsafe_code)]

mod audio;
mod compare;
mod decode_ahead;
mod deep;
mod inline_verifier;
mod packets;
mod planes;
mod samples;
mod similarity;
mod source_check;
mod stream_copies;

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ffmpeg_next::ffi;

use self::compare::Comparison;
use self::packets::Walk;
use self::similarity::NOT_SIMILAR;
use self::source_check::{check_reading, check_source};
use super::thresholds::{CUT_SLACK_S, END_SKEW_S, HEADER_FRAMES, MISSING_TAIL_S, PLAN_SLACK_S};
use crate::job::{JobError, Progress, VerifyLevel, VerifyReport};
use crate::model::DecodeReport;
use crate::plan::{AudioPlan, OutputSpec, VideoPlan};
use crate::transcode::libav::av::Packet;
use crate::transcode::libav::decode::Decoder;
use crate::transcode::libav::input::Input;
use crate::transcode::libav::transcoder::{Kind, Length, Transcoder};
use crate::transcode::libav::{share, stages};

pub use self::deep::deep;
pub(crate) use self::inline_verifier::{InlineVerifier, VerifierReport};
pub(crate) use self::stream_copies::{Copies, Seen};

/// Proves that `output` is what `spec` makes of `input`.
///
/// # Errors
///
/// [`JobError::Io`], [`JobError::Cancelled`], and [`JobError::Unreadable`] when the input gives
/// nothing. Whatever does not hold is listed in the report.
pub fn verify(
    input: File,
    output: File,
    name: &str,
    spec: &OutputSpec,
    level: VerifyLevel,
    cancel: Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
) -> Result<VerifyReport, JobError> {
    let mut report = VerifyReport { level, ..VerifyReport::default() };
    if level == VerifyLevel::Off {
        return Ok(report);
    }
    let reference = match level {
        VerifyLevel::Full => spec.clone(),
        _ => only_copies(spec),
    };
    let mut transcoder = Transcoder::open(Input::open(share(&input)?, name, cancel.clone())?, &reference)?;
    let walked = share(&output)?;
    let walk_over = |progress: &mut dyn FnMut(Progress)| Walk::over(walked, spec, cancel.clone(), progress);
    let mut comparison;
    let (walk, length) = if transcoder.decodes() {
        // What is not even there need not be compared picture by picture.
        let walk = walk_over(progress);
        if let Some(walk) = audio_walk(walk, spec, &mut report)? {
            comparison = Comparison::new(
                share(&output)?,
                spec,
                &reference,
                &mut transcoder,
                cancel.clone(),
                &mut *progress,
            )?;
            (walk, stages::run(&mut transcoder, &mut comparison)?)
        } else {
            return Ok(report);
        }
    } else {
        comparison = Comparison::new(
            share(&output)?,
            spec,
            &reference,
            &mut transcoder,
            cancel.clone(),
            &mut *progress,
        )?;
        let (walk, length) = std::thread::scope(|scope| {
            let walking = scope.spawn(|| walk_over(&mut |_| {}));
            let length = transcoder.run(&mut comparison);
            (walking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), length)
        });
        let length = length?;
        match audio_walk(walk, spec, &mut report)? {
            Some(walk) => (walk, length),
            None => return Ok(report),
        }
    };
    comparison.finish(&walk, &mut report)?;
    check_length(&walk, spec, length, &mut report);
    check_tail(transcoder.declared_s, transcoder.picture_end_s(), spec, &mut report);
    if level == VerifyLevel::Full {
        check_source(&input, name, &mut transcoder, spec, cancel, progress, &mut report)?;
        report.quality_only = is_quality_only(&report);
    }
    Ok(report)
}

/// A walk over an output with the planned streams; `None` where something is wrong with them.
fn audio_walk(
    walk: Result<Walk, JobError>,
    spec: &OutputSpec,
    report: &mut VerifyReport,
) -> Result<Option<Walk>, JobError> {
    match walk {
        Ok(walk) => {
            check_streams(&walk, spec, report);
            Ok(report.failures.is_empty().then_some(walk))
        }
        Err(JobError::Unreadable(reason)) => {
            report.failures.push(format!("the output cannot be read: {reason}"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// An output whose making was watched.
pub(crate) struct TapReport {
    /// The source, read to its end.
    pub(crate) transcoder: Transcoder,
    /// What it came to.
    pub(crate) length: Length,
    /// What was seen.
    pub(crate) testimony: VerifierReport,
}

/// As [`verify`] with everything, for an output that was watched being made.
pub(crate) fn verify_watched(
    watched: TapReport,
    input: &File,
    output: &File,
    name: &str,
    spec: &OutputSpec,
    cancel: &Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
) -> Result<VerifyReport, JobError> {
    let mut report = VerifyReport { level: VerifyLevel::Full, ..VerifyReport::default() };
    let TapReport { mut transcoder, length, testimony } = watched;
    let walk = Walk::over(share(output)?, spec, Arc::clone(cancel), progress);
    let Some(walk) = audio_walk(walk, spec, &mut report)? else { return Ok(report) };
    for kind in [Kind::Video, Kind::Audio] {
        testimony.streams().decode(kind, output, cancel, &mut report, progress)?;
    }
    testimony.give(&walk, &mut report)?;
    check_header(output, spec, cancel, &mut report)?;
    check_decoding(&mut report);
    check_length(&walk, spec, length, &mut report);
    check_tail(transcoder.declared_s, transcoder.picture_end_s(), spec, &mut report);
    check_source(input, name, &mut transcoder, spec, Arc::clone(cancel), progress, &mut report)?;
    report.quality_only = is_quality_only(&report);
    Ok(report)
}

/// A better encode mends pictures that are unlike, and nothing else.
fn is_quality_only(report: &VerifyReport) -> bool {
    !report.failures.is_empty() && report.failures.iter().all(|text| text.starts_with(NOT_SIMILAR))
}

/// Decodes the start of each encoded stream from the file: the packets were decoded as they left the
/// encoder, but not with the parameters that the container gives.
fn check_header(
    output: &File,
    spec: &OutputSpec,
    cancel: &Arc<AtomicBool>,
    report: &mut VerifyReport,
) -> Result<(), JobError> {
    let picture = matches!(spec.video, Some(VideoPlan::Encode(_)));
    let audio = matches!(spec.audio, Some(AudioPlan::Encode(_) | AudioPlan::Silence { .. }));
    let video = (picture, "picture", ffi::AVMediaType::AVMEDIA_TYPE_VIDEO);
    let audio = (audio, "audio", ffi::AVMediaType::AVMEDIA_TYPE_AUDIO);
    for (_, what, media) in [video, audio].into_iter().filter(|(made, ..)| *made) {
        let mut input = Input::open_own(share(output)?, "output.mp4", Arc::clone(cancel))?;
        // That it is there at all was looked at before.
        let Some(stream) = input.first(media) else { continue };
        let mut decoder = Decoder::open(input.stream(stream)?, 1, true)?;
        let mut packet = Packet::new()?;
        let mut more = true;
        while more && decoder.frames < HEADER_FRAMES && decoder.damage_count == 0 {
            more = input.read(&mut packet)?;
            if !more || packet.get().stream_index == stream as i32 {
                decoder.feed(more.then_some(&packet), &mut |_| Ok(()))?;
            }
        }
        if decoder.frames == 0 || decoder.damage_count > 0 {
            let text = format!("the {what} of the output does not decode with what its container says of it");
            report.failures.push(text);
        }
    }
    Ok(())
}

/// As [`verify`] for an output of nothing but copies, whose source was read before it was written.
pub(crate) fn verify_copies(
    seen: &Seen,
    output: &File,
    spec: &OutputSpec,
    level: VerifyLevel,
    cancel: &Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
) -> Result<VerifyReport, JobError> {
    let mut report = VerifyReport { level, ..VerifyReport::default() };
    if level == VerifyLevel::Off {
        return Ok(report);
    }
    let walk = Walk::over(share(output)?, spec, Arc::clone(cancel), progress);
    let Some(walk) = audio_walk(walk, spec, &mut report)? else { return Ok(report) };
    seen.copies.check(&walk, &mut report);
    check_length(&walk, spec, seen.length, &mut report);
    check_tail(seen.declared_s, seen.picture_end_s, spec, &mut report);
    if level == VerifyLevel::Full {
        for kind in [Kind::Video, Kind::Audio] {
            seen.copies.decode(kind, output, cancel, &mut report, progress)?;
        }
        check_decoding(&mut report);
        check_reading(seen.read_errors, &mut report);
    }
    Ok(report)
}

fn check_decoding(report: &mut VerifyReport) {
    let count = report.decode.error_count;
    if count > 0 {
        report.failures.push(format!("the decoder reported {count} errors in the output"));
    }
}

/// The plan without what has to be decoded.
fn only_copies(spec: &OutputSpec) -> OutputSpec {
    let mut reference = spec.clone();
    reference.video = reference.video.filter(|plan| matches!(plan, VideoPlan::Copy { .. }));
    reference.audio = reference.audio.filter(|plan| matches!(plan, AudioPlan::Copy { .. }));
    reference.extend = None;
    reference
}

fn check_streams(walk: &Walk, spec: &OutputSpec, report: &mut VerifyReport) {
    let sides =
        [("picture", spec.video.is_some(), &walk.video), ("audio", spec.audio.is_some(), &walk.audio)];
    for (what, planned, found) in sides {
        match (planned, found) {
            (true, None) => report.failures.push(format!("the output has no {what}")),
            (false, Some(_)) => report.failures.push(format!("the output has a {what} that was not planned")),
            (true, Some(stream)) if stream.packets == 0 => {
                report.failures.push(format!("the {what} of the output is empty"));
            }
            (true, Some(stream)) if stream.disorder > 0 => report.failures.push(format!(
                "decode times of the {what} of the output do not rise at {} places",
                stream.disorder
            )),
            _ => {}
        }
    }
    if walk.streams > usize::from(walk.video.is_some()) + usize::from(walk.audio.is_some()) {
        report.failures.push("the output has streams that were not planned".to_owned());
    }
}

fn check_length(walk: &Walk, spec: &OutputSpec, length: Length, report: &mut VerifyReport) {
    let frame_s = match &spec.video {
        Some(VideoPlan::Encode(plan)) => 1.0 / plan.frame_rate.as_f64(),
        _ => walk.video.as_ref().map_or(0.0, |stream| stream.usual_s),
    };
    let video_s = walk.video.as_ref().map(|stream| stream.end_s);
    let audio_s = walk.audio.as_ref().map(|stream| stream.end_s);
    report.decode.video_end_s = video_s;
    report.decode.audio_end_s = audio_s;
    // An AAC frame is the grain of audio.
    let grain_s = walk.audio.as_ref().map_or(0.0, |stream| stream.usual_s);
    let planned = if video_s.is_some() { length.video_s } else { length.audio_s };
    if let (Some(planned), Some(real)) = (planned, video_s.or(audio_s)) {
        let delta = real - planned;
        report.duration_delta_s = Some(delta);
        if delta.abs() > frame_s.max(grain_s) + 0.001 {
            report.failures.push(format!("the output lasts {real:.3} s instead of {planned:.3} s"));
        }
    }
    // A video may turn out longer than its container said, unless a length was asked for: what it came
    // to is held against the output above.
    let asked = spec.trim_to_s.is_some() || spec.extend.is_some();
    let copied = matches!(spec.video, Some(VideoPlan::Copy { .. }));
    let early_s = if copied && spec.trim_to_s.is_some() { CUT_SLACK_S } else { PLAN_SLACK_S };
    if let (Some(planned), Some(real)) = (spec.expected_duration_s, video_s.or(audio_s))
        && (planned - real > frame_s + early_s || (asked && real - planned > frame_s + PLAN_SLACK_S))
    {
        report.duration_delta_s.get_or_insert(real - planned);
        report.failures.push(format!("the output lasts {real:.3} s, planned were {planned:.3} s"));
    }
    let frames = length.frames.or(spec.expected_frames);
    if let (Some(planned), Some(stream)) = (frames, &walk.video)
        && stream.packets != planned
    {
        report.failures.push(format!("the output has {} frames instead of {planned}", stream.packets));
    }
    let made = |plan: &AudioPlan| !matches!(plan, AudioPlan::Copy { .. });
    if let (Some(video), Some(audio), true) = (video_s, audio_s, spec.audio.as_ref().is_some_and(made)) {
        let skew = audio - video;
        if skew.abs() > frame_s + grain_s + END_SKEW_S {
            report.failures.push(format!("audio and picture of the output end {skew:.3} s apart"));
        }
    }
}

/// Looks for an end that is missing from the source: its index may promise more than there is.
fn check_tail(
    declared_s: Option<f64>,
    picture_end_s: Option<f64>,
    spec: &OutputSpec,
    report: &mut VerifyReport,
) {
    if spec.extend.is_some() {
        return;
    }
    let promised = declared_s.map(|s| spec.trim_to_s.map_or(s, |limit| s.min(limit)));
    if let (Some(promised), Some(end)) = (promised, picture_end_s)
        && promised - end > MISSING_TAIL_S.max(spec.max_hold_s)
    {
        report.source_failure(format!(
            "the picture of the source ends at {end:.2} s, its container promises {promised:.2} s"
        ));
    }
}

/// How far a decoder has come.
fn step(decoder: &Decoder, packet: &Packet, total_s: Option<f64>) -> Progress {
    let (raw, base) = (packet.get(), decoder.base());
    let time = if raw.dts == ffi::AV_NOPTS_VALUE { 0 } else { raw.dts };
    let done_s = time as f64 * f64::from(base.num) / f64::from(base.den.max(1));
    Progress { done_s: done_s.max(0.0), total_s, frames: decoder.frames }
}

/// Decodes a stream of the output and counts.
fn decode_all(
    input: &mut Input,
    kind: Kind,
    into: &mut DecodeReport,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), JobError> {
    let media = match kind {
        Kind::Video => ffi::AVMediaType::AVMEDIA_TYPE_VIDEO,
        Kind::Audio => ffi::AVMediaType::AVMEDIA_TYPE_AUDIO,
    };
    let Some(stream) = input.first(media) else { return Ok(()) };
    let total_s = input.duration_s();
    let mut decoder = Decoder::open(input.stream(stream)?, 1, false)?;
    let mut samples = 0;
    let mut packet = Packet::new()?;
    let mut more = true;
    while more {
        more = input.read(&mut packet)?;
        if more && packet.get().stream_index != stream as i32 {
            continue;
        }
        decoder.feed(more.then_some(&packet), &mut |frame| {
            samples += frame.get().nb_samples.max(0) as u64;
            Ok(())
        })?;
        if more {
            progress(step(&decoder, &packet, total_s));
        }
    }
    match kind {
        Kind::Video => into.video_frames += decoder.frames,
        Kind::Audio => into.audio_samples += samples,
    }
    into.error_count += decoder.damage_count;
    into.errors.append(&mut decoder.damage);
    Ok(())
}
