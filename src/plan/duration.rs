//! Plans the duration of the output and its start on the source's clock.

use crate::model::{Completeness, Container, MAX_HELD_FRAME_S, VideoStream};
use crate::profile::{DURATION_TOLERANCE_S, Limits, is_longer, is_shorter};

use super::input::PlanInput;
use super::options::Extend;
use super::outcome::FixStep;
use super::output_spec::{Lengthening, LengtheningKind, VideoPlan};
use super::refusal::{Refusal, Refused};

/// As [`MAX_HELD_FRAME_S`], for a file that may be truncated without a trace: clocks of broadcast and
/// streaming containers are off by less than this.
const UNKNOWN_MAX_HOLD_S: f64 = 1.0;

/// Seconds by which a lengthened video exceeds the lower limit, so that rounding in the container does not miss it.
const MARGIN_S: f64 = 0.1;

/// The planned change of the duration, in seconds; by default none.
#[derive(Clone, Copy, Default)]
pub(super) struct PlannedDuration {
    pub(super) trim_to_s: Option<f64>,
    pub(super) extend: Option<Lengthening>,
    pub(super) expected_s: Option<f64>,
}

/// Plans the duration from the limits and the consents.
pub(super) fn plan(input: &PlanInput<'_>, steps: &mut Vec<FixStep>) -> Result<PlannedDuration, Refused> {
    let Some(displayed) = input.duration_s() else { return Ok(PlannedDuration::default()) };
    // The upper limit applies to the declared duration, even if the streams are shorter.
    let declared = if input.facts.lacks_timestamps() {
        displayed
    } else {
        input.facts.effective_duration_s().map_or(displayed, |seconds| seconds - input.cut_s())
    };
    let limits = input.profile.rules().duration.as_ref().and_then(Limits::enforced);
    if let Some(max) = limits.and_then(|limits| limits.max_s).filter(|max| is_longer(declared, *max)) {
        if !input.options.trim {
            let reason = format!(
                "the video lasts {declared:.1} s and the profile allows at most {max} s: --trim cuts it"
            );
            return Err(Refusal::NeedsTrim.because(reason));
        }
        // One frame below the limit, so that rounding in the container does not exceed it.
        let least = limits.and_then(|limits| limits.min_s).unwrap_or(0.0);
        let to = (max - DURATION_TOLERANCE_S).max(least);
        steps.push(FixStep::consented(format!(
            "cut to {max} s with your consent: the video lasts {declared:.1} s"
        )));
        return Ok(PlannedDuration { trim_to_s: Some(to), extend: None, expected_s: Some(to) });
    }
    if let Some(min) = limits.and_then(|limits| limits.min_s).filter(|min| is_shorter(displayed, *min)) {
        let Some(extend) = input.options.extend else {
            return Err(Refusal::NeedsExtend.because(format!(
                "the video lasts {displayed:.1} s and the profile requires at least {min} s: \
                 --extend loop or --extend freeze lengthens it"
            )));
        };
        let (kind, change) = match extend {
            Extend::Loop => (LengtheningKind::Loop, "looped"),
            Extend::Freeze => (LengtheningKind::Freeze, "lengthened by holding the last frame"),
        };
        let most = limits.and_then(|limits| limits.max_s).unwrap_or(f64::INFINITY);
        let to_s = (min + MARGIN_S).min(most);
        steps.push(FixStep::consented(format!(
            "{change} to {to_s} s with your consent: the video lasts {displayed:.1} s"
        )));
        return Ok(PlannedDuration {
            trim_to_s: None,
            extend: Some(Lengthening { to_s, kind }),
            expected_s: Some(to_s),
        });
    }
    Ok(PlannedDuration::default())
}

/// Returns where the video begins on the source's clock, in seconds: transport streams rarely begin at zero. The
/// earlier start of video and audio is subtracted from both; the offset between them is kept.
pub(super) fn start_s(input: &PlanInput<'_>) -> f64 {
    if let Some(begin_s) = input.begin_s() {
        return begin_s;
    }
    input.facts.main_start_s()
}

/// Samples of an AAC frame. Containers without a place for the encoder's delay keep it as audio before the first video
/// frame.
const AAC_FRAME: f64 = 1024.0;
/// What times in milliseconds add to that, in seconds.
const ROUNDING_S: f64 = 0.0011;

/// Returns how long the audio of an encoded video begins before the first video frame, in seconds, if it is at most one
/// AAC frame and at least half a frame of the output. The output begins with the video then: otherwise its first frame
/// would be shown twice.
pub(super) fn audio_lead_s(input: &PlanInput<'_>, video: &VideoStream, plan: &VideoPlan) -> f64 {
    let VideoPlan::Encode(encode) = plan else { return 0.0 };
    if input.begin_s().is_some() {
        return 0.0;
    }
    let Some(rate) = input.facts.main_audio().and_then(|audio| audio.sample_rate) else { return 0.0 };
    let lead_s = video.start_s.unwrap_or(0.0) - input.facts.main_start_s();
    let longest_s = AAC_FRAME / f64::from(rate.max(1)) + ROUNDING_S;
    let repeats = lead_s * encode.frame_rate.as_f64() >= 0.5;
    if repeats && lead_s <= longest_s { lead_s } else { 0.0 }
}

/// Returns the step that tells that the audio before the first video frame is left out.
pub(super) fn lead_step(lead_s: f64) -> Option<FixStep> {
    let text = || {
        format!(
            "begins with the first frame: the {:.0} ms of audio before it, at most one frame of AAC, are left out",
            lead_s * 1000.0
        )
    };
    (lead_s > 0.0).then(|| FixStep::lossy(text()))
}

/// Returns the duration that an encode must reach, so that a long last frame or a longer audio stream is kept:
/// the later end of the kept streams, in seconds. Fragments cut from a longer video keep its timestamps,
/// and their container declares the end on that clock, so the start is subtracted.
pub(super) fn declared_duration_s(
    input: &PlanInput<'_>,
    video: &VideoStream,
    encodes_video: bool,
) -> Option<f64> {
    let facts = input.facts;
    let main_start_s = facts.main_start_s();
    let within_a_longer_video = facts.fragmented == Some(true) && main_start_s > 0.0;
    // The library believes the headers of a fragmented file, so the verification must not.
    let lies = facts.fragmented == Some(true) && facts.contradicted_duration_s.is_some();
    if facts.lacks_timestamps() || !(encodes_video || within_a_longer_video || lies) {
        return None;
    }
    let cut_s = input.cut_s();
    if within_a_longer_video {
        let audio = facts.main_audio().and_then(|audio| audio.duration_s);
        let kept = video.duration_s.map(|seconds| audio.map_or(seconds, |audio| seconds.max(audio)));
        let declared = kept.or_else(|| facts.declared_duration_s())?;
        let whole = if declared > main_start_s { declared - main_start_s } else { declared };
        return Some(whole - cut_s);
    }
    let video_end_s = facts.stream_end_s(video.start_s, video.duration_s);
    let audio_end_s =
        facts.main_audio().and_then(|audio| facts.stream_end_s(audio.start_s, audio.duration_s));
    let end_s = video_end_s.map(|end_s| audio_end_s.map_or(end_s, |audio| end_s.max(audio)));
    let whole = end_s.map(|end_s| end_s - main_start_s).or_else(|| facts.declared_duration_s())?;
    Some(whole - cut_s)
}

/// Returns how long the last frame may be held to reach the container's declared duration, in seconds. Zero
/// if the container stores a duration for each frame; in other containers the last frame lasts until the end
/// of the file, unless the file may be truncated.
pub(super) fn max_hold_s(input: &PlanInput<'_>) -> f64 {
    match (input.facts.container_is(Container::is_iso), &input.facts.completeness) {
        (true, _) => 0.0,
        (false, Completeness::Whole) => MAX_HELD_FRAME_S,
        (false, _) => UNKNOWN_MAX_HOLD_S,
    }
}
