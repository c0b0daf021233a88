//! The ladder: nothing, copy, remux, one stream, both, refuse. Here the rooms' answers come together.

use crate::model::MediaFacts;
use crate::profile::{Profile, Severity};
use crate::rules::Assessment;

use super::input::PlanInput;
use super::options::{FixOptions, Machine};
use super::outcome::{Action, FixPlan, Step};
use super::refusal::{Refusal, Refused};
use super::spec::{AudioPlan, OutputContainer, OutputSpec, VideoPlan};
use super::{
    audio, duration, escalation, explain, fixable, passthrough, rates, still_image, video as video_plan,
};

/// Plans the least-loss remedy that makes the file comply.
pub fn plan(
    facts: &MediaFacts,
    assessment: &Assessment,
    profile: &Profile,
    options: &FixOptions,
    machine: &Machine,
) -> FixPlan {
    let case = PlanInput { facts, assessment, profile, options, machine };
    let planned = if assessment.is_picture() { still_image::plan(&case) } else { plan_video(&case) };
    planned.unwrap_or_else(FixPlan::refused)
}

fn plan_video(case: &PlanInput<'_>) -> Result<FixPlan, Refused> {
    let mut steps = Vec::new();
    let video = fixable::video(case)?;
    let length = duration::plan(case, &mut steps)?;
    let why_video = escalation::why_encode_video(case, video, &length);
    let trouble = escalation::trouble_beyond_copying(case, video, &length);
    let encodes_video = why_video.is_some() || trouble.is_some();
    if !encodes_video
        && !escalation::wants_remux(case)
        && let Some(plan) = passthrough::plan(case)?
    {
        return Ok(plan);
    }
    let audio = audio::plan(case, trouble.as_deref(), encodes_video)?;
    let plan_video = if encodes_video {
        VideoPlan::Encode(Box::new(video_plan::encode(case, video, &length, &audio, &mut steps)?))
    } else {
        VideoPlan::Copy { stream: video.index, tags: video_plan::copy_tags(case, video) }
    };
    let why = why_video.or(trouble).or_else(|| audio.why.clone()).or_else(|| escalation::why_remux(case));
    explain::explain(case, &plan_video, why.as_deref(), &audio, &mut steps);
    let spec = OutputSpec {
        container: container(case)?,
        threads: threads(case, &plan_video),
        video: Some(plan_video),
        audio: audio.plan,
        trim_to_s: length.trim_to_s,
        extend: length.extend,
        strip_metadata: case.has("metadata-privacy", Severity::Advice),
        drop_edit_list: false,
        start_s: duration::start_s(case, video),
        expected_duration_s: length.expected_s.or_else(|| duration::whole_length(case, video, encodes_video)),
        max_hold_s: if encodes_video { duration::max_hold_s(case) } else { 0.0 },
        expected_frames: None,
        max_size_bytes: rates::max_bytes(case.profile),
    };
    Ok(finish(case, spec, steps, why))
}

fn finish(case: &PlanInput<'_>, spec: OutputSpec, steps: Vec<Step>, reason: Option<String>) -> FixPlan {
    let action = match (&spec.video, &spec.audio) {
        (Some(VideoPlan::Encode(_)), Some(AudioPlan::Copy { .. }) | None) => Action::ReencodeVideo,
        (Some(VideoPlan::Encode(_)), _) => Action::Reencode,
        (_, Some(AudioPlan::Encode(_) | AudioPlan::Silence { .. })) => Action::ReencodeAudio,
        _ => Action::Remux,
    };
    FixPlan {
        action,
        output_extension: Some(spec.container.extension().to_owned()),
        spec: Some(Box::new(spec)),
        steps,
        reason,
        refusal: None,
        max_name_chars: case.name_limit(),
    }
}

fn threads(case: &PlanInput<'_>, video: &VideoPlan) -> u32 {
    match video {
        VideoPlan::Encode(encode) => {
            let size = encode.canvas.as_ref().map_or(encode.scale, |canvas| canvas.size);
            rates::threads(size, encode.frame_rate, case.facts, case.machine)
        }
        VideoPlan::Copy { .. } => 1,
    }
}

fn container(case: &PlanInput<'_>) -> Result<OutputContainer, Refused> {
    let allowed = case.profile.limits("container").map(|limits| limits.words("allow")).unwrap_or_default();
    let takes = |name: &str| allowed.is_empty() || allowed.iter().any(|container| container == name);
    if takes("mp4") {
        Ok(OutputContainer::Mp4)
    } else if takes("mov") {
        Ok(OutputContainer::Mov)
    } else {
        Err(Refusal::Container.because(format!(
            "the profile allows only {}, and none of them can be written",
            allowed.join(", ")
        )))
    }
}
