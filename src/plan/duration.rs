//! How long the output is, and where it begins.

use crate::model::{Completeness, VideoStream};

use super::geometry::binding;
use super::input::PlanInput;
use super::options::Extend;
use super::outcome::Step;
use super::refusal::{Refusal, Refused};
use super::spec::{Lengthening, LengtheningKind};

/// The longest last picture, in seconds, of a file that is whole by all it declares: makers of short
/// animations let it stand for a few seconds.
const WHOLE_HOLD_S: f64 = 5.0;
/// As [`WHOLE_HOLD_S`], where a cut could have passed unseen: clocks of broadcast and streaming
/// containers are off by less than this.
const UNPROVEN_HOLD_S: f64 = 1.0;

/// What is done to the length, and what it comes to, in seconds; by default nothing.
#[derive(Clone, Copy, Default)]
pub(super) struct Length {
    pub(super) trim_to_s: Option<f64>,
    pub(super) extend: Option<Lengthening>,
    pub(super) expected_s: Option<f64>,
}

/// Plans the length by the limits and the consents.
pub(super) fn plan(case: &PlanInput<'_>, steps: &mut Vec<Step>) -> Result<Length, Refused> {
    let Some(shown) = case.length_s() else { return Ok(Length::default()) };
    // A container that says more than its streams do is what the limit counts.
    let declared = if case.facts.is_without_times() {
        shown
    } else {
        case.facts.effective_duration_s().unwrap_or(shown)
    };
    let limit = |key| binding(case.profile, "duration").and_then(|limits| limits.number(key));
    if let Some(max) = limit("max_s").filter(|max| declared > max + 0.05) {
        if !case.options.trim {
            let reason = format!("the video lasts {declared:.1} s and may last {max} s: --trim cuts it");
            return Err(Refusal::NeedsTrim.because(reason));
        }
        // A frame below the limit, so that rounding in the container stays within it.
        let to = max - 0.05;
        steps.push(Step::consented(format!("cut to {max} s, as agreed: it lasts {declared:.1} s")));
        return Ok(Length { trim_to_s: Some(to), extend: None, expected_s: Some(to) });
    }
    if let Some(min) = limit("min_s").filter(|min| shown < min - 0.05) {
        let Some(kind) = case.options.extend else {
            return Err(Refusal::NeedsExtend.because(format!(
                "the video lasts {shown:.1} s and must last {min} s: --extend loop or --extend freeze makes it longer"
            )));
        };
        let (kind, word) = match kind {
            Extend::Loop => (LengtheningKind::Loop, "played again"),
            Extend::Freeze => (LengtheningKind::Freeze, "held on its last frame"),
        };
        let to_s = min + 0.1;
        steps.push(Step::consented(format!("{word} up to {to_s} s, as agreed: it lasts {shown:.1} s")));
        return Ok(Length {
            trim_to_s: None,
            extend: Some(Lengthening { to_s, kind }),
            expected_s: Some(to_s),
        });
    }
    Ok(Length::default())
}

/// Where the video begins on the source's clock: transport streams rarely begin at zero. What both
/// streams share is taken off; what lies between them stays.
pub(super) fn start_s(case: &PlanInput<'_>, video: &VideoStream) -> f64 {
    let audio = case.facts.main_audio().and_then(|audio| audio.start_s);
    let first = [video.start_s, audio].into_iter().flatten().reduce(f64::min);
    first.unwrap_or(0.0).max(0.0)
}

/// The length an encode must reach, so that a long last picture or a longer audio is not lost: what
/// the container declares for the streams that stay. Fragments are timed from the start of a longer
/// video, and so is the end that their container declares.
pub(super) fn whole_length(case: &PlanInput<'_>, video: &VideoStream, encodes_video: bool) -> Option<f64> {
    let start = start_s(case, video);
    let within_a_longer_video = case.facts.fragmented == Some(true) && start > 0.0;
    if case.facts.is_without_times() || !(encodes_video || within_a_longer_video) {
        return None;
    }
    let audio = case.facts.main_audio().and_then(|audio| audio.duration_s);
    let kept = video.duration_s.map(|seconds| audio.map_or(seconds, |audio| seconds.max(audio)));
    let declared = kept.or_else(|| case.facts.declared_duration_s())?;
    Some(if within_a_longer_video && declared > start { declared - start } else { declared })
}

/// How long the last picture may be held to reach the length that the container declares. Where
/// each picture has its own length in the container, that is what counts; elsewhere the last one
/// lasts until the end of the file, unless that is a cut file's.
pub(super) fn max_hold_s(case: &PlanInput<'_>) -> f64 {
    let own_lengths = matches!(case.facts.container.as_deref(), Some("mp4" | "mov" | "3gp"));
    match (own_lengths, &case.facts.completeness) {
        (true, _) => 0.0,
        (false, Completeness::Whole) => WHOLE_HOLD_S,
        (false, _) => UNPROVEN_HOLD_S,
    }
}
