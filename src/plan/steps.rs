//! Describes the steps of a plan, each with its reason.

use crate::model::{MediaFacts, Size};
use crate::profile::Severity;
use crate::rules::{Remedy, value_text};

use super::audio::AudioDecision;
use super::colors;
use super::escalation;
use super::input::PlanInput;
use super::outcome::FixStep;
use super::output_spec::{AudioPlan, Fill, PartFit, VideoEncode, VideoPlan};
use super::remaining::{Changes, remaining};

/// Times of jumps of the clock that a step lists.
const MAX_NAMED_JUMPS: usize = 5;

/// Returns the step that tells that recordings were joined, and how they are played.
pub(super) fn joined_parts(input: &PlanInput<'_>) -> Option<FixStep> {
    let jumps = &input.facts.clock_jumps_s;
    let times: Vec<String> = jumps.iter().take(MAX_NAMED_JUMPS).map(|at| value_text::seconds(*at)).collect();
    let more = if jumps.len() > MAX_NAMED_JUMPS { ", ..." } else { "" };
    (!jumps.is_empty()).then(|| {
        FixStep::lossless(format!(
            "the clock jumps at {}{more}, as where recordings are joined: the {} parts follow one another",
            times.join(", "),
            jumps.len() + 1
        ))
    })
}

/// Adds the steps that describe what is done to each stream, with the finding that requires it.
pub(super) fn explain(
    input: &PlanInput<'_>,
    video: &VideoPlan,
    video_reason: Option<&str>,
    audio: &AudioDecision,
    steps: &mut Vec<FixStep>,
) {
    match video {
        VideoPlan::Encode(encode) => {
            let reason = video_reason.unwrap_or_default();
            steps.push(FixStep::lossy(format!("video re-encoded as H.264: {reason}")));
            steps.extend(describe(encode, input.facts).into_iter().map(FixStep::lossy));
        }
        VideoPlan::Copy { .. } => steps.push(FixStep::lossless("video copied unchanged")),
        // A plan for an image describes its own steps.
        VideoPlan::Image(_) => {}
    }
    match (&audio.plan, &audio.reason) {
        (Some(AudioPlan::Copy { .. }), _) => steps.push(FixStep::lossless("audio copied unchanged")),
        (Some(AudioPlan::Encode(_)), Some(reason)) => {
            steps.push(FixStep::lossy(format!("audio re-encoded as AAC stereo, 48 kHz: {reason}")));
        }
        (Some(AudioPlan::Silence { .. }), Some(reason)) => steps.push(FixStep::consented(reason.clone())),
        _ => {}
    }
    let changes = Changes {
        remuxes: true,
        encodes_video: matches!(video, VideoPlan::Encode(_)),
        encodes_audio: !matches!(audio.plan, Some(AudioPlan::Copy { .. })),
    };
    let remuxes = input
        .findings(Severity::Warning)
        .filter(|finding| matches!(finding.remedy, Remedy::Remux | Remedy::BitstreamFilter))
        .filter(|finding| changes.encodes_video || !escalation::keeps_offset(input, finding));
    let reasons: Vec<&str> = remuxes.map(|finding| finding.message.as_str()).collect();
    if !reasons.is_empty() {
        steps.push(FixStep::lossless(format!("new container: {}", reasons.join("; "))));
    }
    steps.extend(remaining(input, changes).into_iter().map(FixStep::lossless));
}

/// Describes what the encode changes besides the codec.
fn describe(encode: &VideoEncode, facts: &MediaFacts) -> Vec<String> {
    let mut texts = Vec::new();
    if encode.rotate.degrees() != 0 || encode.flip.is_some() {
        texts.push("display rotation applied to the frames".to_owned());
    }
    if encode.deinterlace {
        texts.push("deinterlaced".to_owned());
    }
    let video = facts.main_video();
    texts.extend(video.map(|video| colors::describe(video, encode.tone_map.is_some())).unwrap_or_default());
    if let Some(background) = &encode.alpha_background {
        texts.push(format!("transparent pixels composed on the background colour #{background}"));
    }
    if let Some([first, others @ ..]) = video.map(|video| &video.frame_sizes[..])
        && !others.is_empty()
    {
        let others: Vec<String> = others.iter().map(ToString::to_string).collect();
        let fitted = match &encode.part_fit {
            PartFit::Crop => "cropped",
            PartFit::Pad(_) => "padded",
        };
        texts.push(format!(
            "frames of {} scaled and {fitted} to {}, the output frame of the first part ({first})",
            others.join(", "),
            encode.frame()
        ));
    }
    if encode.crop.is_some() {
        texts.push(format!("cropped to {}", encode.scale));
    }
    if let Some(canvas) = &encode.canvas {
        let border =
            if canvas.fill == Fill::Blur { "a blurred copy of the video" } else { "single-colour borders" };
        texts.push(format!("padded to {} with {border}", canvas.size));
    }
    let displayed = facts.main_video().and_then(|video| video.display_size()).unwrap_or(Size::new(0, 0));
    if encode.scale.width < displayed.width && encode.crop.is_none() {
        texts.push(format!("scaled from {displayed} to {}", encode.scale));
    }
    texts
}
