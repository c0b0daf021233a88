//! Verifies an output with FFmpeg's libraries, in this process.

// This module reads some fields of libav objects, which `transcode::libav` owns.
#![allow(unsafe_code)]

mod audio;
mod frame_planes;
mod full_decode;
mod inline_verifier;
mod output_proof;
mod packets;
mod reference_samples;
mod similarity;
mod source_check;
mod stream_copies;
mod strict_decode;

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ffmpeg_next::ffi;

use self::packets::PacketScan;
use self::source_check::{check_reading, check_source};
use super::thresholds::{END_SKEW_S, HELD_SLACK_S, MISSING_TAIL_S, PLAN_SLACK_S, TRIM_SLACK_S};
use crate::job::{FailureCause, JobError, Progress, VerifyLevel, VerifyReport};
use crate::libav::decoder::Decoder;
use crate::libav::file::share;
use crate::libav::output_length::OutputLength;
use crate::libav::packet::Packet;
use crate::plan::{AudioPlan, OutputSpec, VideoPlan};
use crate::probe::bitstream::frame_size::FrameSizes;
use crate::transcode::libav::transcoder::Transcoder;

pub use self::full_decode::deep;
pub(crate) use self::inline_verifier::{InlineVerifier, VerifierReport};
pub use self::output_proof::prove;
pub(crate) use self::stream_copies::{CopyReport, StreamHashes};
pub(crate) use self::strict_decode::{StreamChoice, decode_streams};

/// Returns the scan of an output whose streams match the plan; `None` if a check failed.
fn valid_scan(
    scan: Result<PacketScan, JobError>,
    spec: &OutputSpec,
    report: &mut VerifyReport,
) -> Result<Option<PacketScan>, JobError> {
    match scan {
        Ok(scan) => {
            check_streams(&scan, spec, report);
            Ok(report.failures.is_empty().then_some(scan))
        }
        Err(JobError::Unreadable(reason)) => {
            report.fail(format!("the output cannot be read back: {reason}"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The result of writing an output with the inline verifier.
pub(crate) struct TapReport {
    /// The transcoder, at the end of the source.
    pub(crate) transcoder: Transcoder,
    /// The length of the output.
    pub(crate) length: OutputLength,
    /// The results of the inline verifier.
    pub(crate) verified: VerifierReport,
}

/// Verifies an output that was written with the inline verifier.
///
/// # Errors
///
/// [`JobError::Io`], [`JobError::Cancelled`]. Failed checks are listed in the report.
pub(crate) fn verify_tapped(
    tap_report: TapReport,
    input: &File,
    output: &File,
    name: &str,
    spec: &OutputSpec,
    cancel: &Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
) -> Result<VerifyReport, JobError> {
    let mut report = VerifyReport { level: VerifyLevel::Full, ..VerifyReport::default() };
    let TapReport { mut transcoder, length, verified } = tap_report;
    let scan = PacketScan::of(share(output)?, spec, Arc::clone(cancel), progress);
    let Some(scan) = valid_scan(scan, spec, &mut report)? else { return Ok(report) };
    verified.add_to(&scan, &mut report)?;
    check_decoding(&mut report);
    check_length(&scan, spec, length, &mut report);
    check_tail(transcoder.declared_s(), transcoder.video_end_s(), spec, &mut report);
    check_held_end(&mut transcoder, spec, length, &mut report);
    check_source(input, name, &mut transcoder, spec, Arc::clone(cancel), progress, &mut report)?;
    Ok(report)
}

/// Verifies the structure of an output, and its copied streams by the packets of the source, which were hashed.
///
/// # Errors
///
/// As [`verify_tapped`].
pub(crate) fn verify_copies(
    source: &CopyReport,
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
    let scan = PacketScan::of(share(output)?, spec, Arc::clone(cancel), progress);
    let Some(scan) = valid_scan(scan, spec, &mut report)? else { return Ok(report) };
    source.copies.check(&scan, &mut report);
    check_length(&scan, spec, source.length, &mut report);
    check_tail(source.declared_s, source.video_end_s, spec, &mut report);
    if level == VerifyLevel::Full {
        check_reading(source.read_errors, &mut report);
    }
    Ok(report)
}

fn check_decoding(report: &mut VerifyReport) {
    let count = report.decode.error_count;
    if count > 0 {
        let errors = crate::model::count(count, "error", "errors");
        report.fail(format!("the decoder reported {errors} in the output, expected none"));
    }
}

fn check_streams(scan: &PacketScan, spec: &OutputSpec, report: &mut VerifyReport) {
    let streams =
        [("video", spec.video.is_some(), &scan.video), ("audio", spec.audio.is_some(), &scan.audio)];
    for (what, planned, found) in streams {
        match (planned, found) {
            (true, None) => report.fail(format!("the output has no {what} stream, the plan has one")),
            (false, Some(_)) => {
                report.fail(format!("the output has an extra {what} stream, the plan has none"))
            }
            (true, Some(stream)) if stream.packets == 0 => {
                report.fail(format!("the output's {what} stream has 0 packets, expected at least 1"));
            }
            (true, Some(stream)) if stream.dts_errors > 0 => report.fail(format!(
                "{} decode timestamps of the output's {what} do not increase, expected none",
                stream.dts_errors
            )),
            _ => {}
        }
    }
    let sizes = scan.video.as_ref().and_then(|video| video.frame_sizes.as_ref()).map(FrameSizes::several);
    if let Some(sizes @ [_, _, ..]) = sizes {
        let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
        let message = format!("the frame size changes within the video: {}", sizes.join(", "));
        report.fail_because(FailureCause::SeveralSizes, message);
    }
    let expected = usize::from(scan.video.is_some()) + usize::from(scan.audio.is_some());
    if scan.streams > expected {
        report.fail(format!("the output has {} streams, expected {expected}", scan.streams));
    }
}

fn check_length(scan: &PacketScan, spec: &OutputSpec, length: OutputLength, report: &mut VerifyReport) {
    report.held_last_s = length.held_last_s;
    let frame_s = match &spec.video {
        Some(VideoPlan::Encode(plan)) => 1.0 / plan.frame_rate.as_f64(),
        _ => scan.video.as_ref().map_or(0.0, |stream| stream.packet_s),
    };
    let video_s = scan.video.as_ref().map(|stream| stream.end_s);
    let audio_s = scan.audio.as_ref().map(|stream| stream.end_s);
    report.decode.video_end_s = video_s;
    report.decode.audio_end_s = audio_s;
    // Audio can only end with a whole frame.
    let audio_frame_s = scan.audio.as_ref().map_or(0.0, |stream| stream.packet_s);
    let planned = if video_s.is_some() { length.video_s } else { length.audio_s };
    if let (Some(planned), Some(actual)) = (planned, video_s.or(audio_s)) {
        let delta = actual - planned;
        report.duration_delta_s = Some(delta);
        let tolerance_s = frame_s.max(audio_frame_s) + 0.001;
        if delta.abs() > tolerance_s {
            report.fail(format!(
                "the output lasts {actual:.3} s, expected {planned:.3} s (within {tolerance_s:.3} s)"
            ));
        }
    }
    // Without a requested length, a source may be longer than its container declares; the check above
    // compares the output with its actual length.
    let length_requested = spec.trim_to_s.is_some() || spec.extend.is_some();
    let copied = matches!(spec.video, Some(VideoPlan::Copy { .. }));
    let early_s = if copied && spec.trim_to_s.is_some() { TRIM_SLACK_S } else { PLAN_SLACK_S };
    if let (Some(planned), Some(actual)) = (spec.expected_duration_s, video_s.or(audio_s))
        && (planned - actual > frame_s + early_s
            || (length_requested && actual - planned > frame_s + PLAN_SLACK_S))
    {
        report.duration_delta_s.get_or_insert(actual - planned);
        report.fail(format!("the output lasts {actual:.3} s, the plan expects {planned:.3} s"));
    }
    if let (Some(planned), Some(stream)) = (length.frames, &scan.video)
        && stream.packets != planned
    {
        report.fail(format!("the output has {} video frames, expected {planned}", stream.packets));
    }
    let encoded = |plan: &AudioPlan| !matches!(plan, AudioPlan::Copy { .. });
    if let (Some(video), Some(audio), true) = (video_s, audio_s, spec.audio.as_ref().is_some_and(encoded)) {
        let skew = audio - video;
        let limit_s = frame_s + audio_frame_s + END_SKEW_S;
        if skew.abs() > limit_s {
            report.fail(format!(
                "the output's audio ends {skew:+.3} s after its video, allowed are {limit_s:.3} s"
            ));
        }
    }
}

/// Checks whether the end of the source is missing, because its container declares a later end.
fn check_tail(declared_s: Option<f64>, end_s: Option<f64>, spec: &OutputSpec, report: &mut VerifyReport) {
    if spec.extend.is_some() {
        return;
    }
    let expected_end_s = declared_s.map(|s| spec.trim_to_s.map_or(s, |limit| s.min(limit)));
    if let (Some(expected_end_s), Some(end)) = (expected_end_s, end_s)
        && expected_end_s - end > MISSING_TAIL_S.max(spec.max_hold_s)
    {
        report.fail_because(
            FailureCause::Source,
            format!("the source's video ends at {end:.2} s, its container declares {expected_end_s:.2} s"),
        );
    }
}

/// Checks that an encoded video does not last longer than anything in its source.
fn check_held_end(
    transcoder: &mut Transcoder,
    spec: &OutputSpec,
    length: OutputLength,
    report: &mut VerifyReport,
) {
    let (Some(chain), None) = (transcoder.video_chain(), spec.extend) else { return };
    let frame_s = chain.frame_s().max(1.0 / transcoder.rate());
    let file_end_s = transcoder.input.declared_end_s().map(|end_s| end_s - spec.start_s);
    let ends = [transcoder.video_end_s(), transcoder.audio_end_s(), file_end_s];
    let (Some(end_s), Some(actual_s)) = (ends.into_iter().flatten().reduce(f64::max), length.video_s) else {
        return;
    };
    if actual_s > end_s + frame_s + HELD_SLACK_S {
        report.fail(format!(
            "the last frame of the output is held until {actual_s:.3} s, the source ends at {end_s:.3} s"
        ));
    }
}

/// Returns the progress of a decoder.
fn decode_progress(decoder: &Decoder, packet: &Packet, total_s: Option<f64>) -> Progress {
    let (raw, base) = (packet.get(), decoder.base());
    let time = if raw.dts == ffi::AV_NOPTS_VALUE { 0 } else { raw.dts };
    let done_s = time as f64 * f64::from(base.num) / f64::from(base.den.max(1));
    Progress { done_s: done_s.max(0.0), total_s, frames: decoder.frames }
}
