//! Checks the streams and the length of an output.

use super::packets::PacketScan;
use crate::job::{FailureCause, JobError, VerifyReport};
use crate::libav::output_length::OutputLength;
use crate::libav::source_reading::SourceReading;
use crate::model::count;
use crate::plan::{AudioPlan, OutputSpec, VideoPlan};
use crate::probe::bitstream::frame_size::FrameSizes;
use crate::verify::thresholds::{END_SKEW_S, HELD_SLACK_S, MISSING_TAIL_S, PLAN_SLACK_S, TRIM_SLACK_S};

/// Returns the scan of an output whose streams match the plan; `None` if a check failed.
pub(super) fn valid_scan(
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

/// Checks the length of the output and its number of frames.
pub(super) fn check_length(
    scan: &PacketScan,
    spec: &OutputSpec,
    length: OutputLength,
    report: &mut VerifyReport,
) {
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

/// Reports packets that could not be read.
pub(super) fn check_reading(errors: u64, report: &mut VerifyReport) {
    if errors > 0 {
        let packets = count(errors, "packet", "packets");
        report.fail_because(
            FailureCause::Source,
            format!("{packets} of the source could not be read, expected none"),
        );
    }
}

/// Checks whether the end of the source is missing, because its container declares a later end.
pub(super) fn check_tail(reading: &SourceReading, spec: &OutputSpec, report: &mut VerifyReport) {
    if spec.extend.is_some() {
        return;
    }
    let expected_end_s = reading.declared_s.map(|s| spec.trim_to_s.map_or(s, |limit| s.min(limit)));
    if let (Some(expected_end_s), Some(end)) = (expected_end_s, reading.video_end_s)
        && expected_end_s - end > MISSING_TAIL_S.max(spec.max_hold_s)
    {
        report.fail_because(
            FailureCause::Source,
            format!("the source's video ends at {end:.2} s, its container declares {expected_end_s:.2} s"),
        );
    }
}

/// Checks that an encoded video does not last longer than anything in its source.
pub(super) fn check_held_end(
    reading: &SourceReading,
    spec: &OutputSpec,
    length: OutputLength,
    report: &mut VerifyReport,
) {
    let (Some(video), Some(VideoPlan::Encode(plan)), None) = (&reading.video, &spec.video, spec.extend)
    else {
        return;
    };
    let frame_s = video.frame_s.max(1.0 / plan.frame_rate.as_f64());
    let file_end_s = reading.file_end_s.map(|end_s| end_s - spec.start_s);
    let ends = [reading.video_end_s, reading.audio_end_s, file_end_s];
    let (Some(end_s), Some(actual_s)) = (ends.into_iter().flatten().reduce(f64::max), length.video_s) else {
        return;
    };
    if actual_s > end_s + frame_s + HELD_SLACK_S {
        report.fail(format!(
            "the last frame of the output is held until {actual_s:.3} s, the source ends at {end_s:.3} s"
        ));
    }
}
