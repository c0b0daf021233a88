//! The steps of a plan in words, each with the finding that asks for it.

use crate::model::{MediaFacts, Size};
use crate::profile::Severity;
use crate::rules::Remedy;

use super::audio::Audio;
use super::input::PlanInput;
use super::outcome::Step;
use super::spec::{AudioPlan, Fill, VideoEncode, VideoPlan};

/// Says what is done to each stream, with the finding that asks for it.
pub(super) fn explain(
    case: &PlanInput<'_>,
    video: &VideoPlan,
    why_video: Option<&str>,
    audio: &Audio,
    steps: &mut Vec<Step>,
) {
    match video {
        VideoPlan::Encode(encode) => {
            let why = why_video.unwrap_or_default();
            steps.push(Step::lossy(format!("picture encoded again as H.264: {why}")));
            steps.extend(describe(encode, case.facts).into_iter().map(Step::lossy));
        }
        VideoPlan::Copy { .. } => steps.push(Step::lossless("picture copied bit for bit")),
    }
    match (&audio.plan, &audio.why) {
        (Some(AudioPlan::Copy { .. }), _) => steps.push(Step::lossless("audio copied bit for bit")),
        (Some(AudioPlan::Encode(_)), Some(why)) => {
            steps.push(Step::lossy(format!("audio encoded again as AAC stereo, 48 kHz: {why}")));
        }
        (Some(AudioPlan::Silence { .. }), Some(why)) => steps.push(Step::consented(why.clone())),
        _ => {}
    }
    let remuxes = case
        .findings(Severity::Warning)
        .filter(|finding| matches!(finding.remedy, Remedy::Remux | Remedy::BitstreamFilter));
    steps.extend(remuxes.map(|finding| Step::lossless(format!("new container: {}", finding.message))));
}

/// What the encode changes about the picture, in words.
fn describe(encode: &VideoEncode, facts: &MediaFacts) -> Vec<String> {
    let mut texts = Vec::new();
    if encode.rotate.degrees() != 0 || encode.flip.is_some() {
        texts.push("turned upright".to_owned());
    }
    if encode.deinterlace {
        texts.push("deinterlaced".to_owned());
    }
    if encode.tone_map.is_some() {
        texts.push("tone-mapped to standard range, BT.709".to_owned());
    }
    if encode.crop.is_some() {
        texts.push(format!("cropped to {}", encode.scale));
    }
    if let Some(canvas) = &encode.canvas {
        let how = if canvas.fill == Fill::Blur { "over its own blurred picture" } else { "with borders" };
        texts.push(format!("fitted into {} {how}", canvas.size));
    }
    let shown = facts.main_video().and_then(|video| video.display_size()).unwrap_or(Size::new(0, 0));
    if encode.scale.width < shown.width && encode.crop.is_none() {
        texts.push(format!("scaled from {shown} to {}", encode.scale));
    }
    texts
}
