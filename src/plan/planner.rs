//! Chooses the cheapest sufficient action (copy, remux, re-encode one stream, re-encode both, or refuse) and
//! assembles the plan from the decisions of the other modules.

use std::borrow::Cow;

use crate::model::{MediaFacts, VideoStream};
use crate::profile::{Profile, RuleId, Severity};
use crate::rules::{Assessment, Selection, Subject, assess};

use super::audio_tracks::KeptAudio;
use super::duration::PlannedDuration;
use super::input::PlanInput;
use super::options::{AudioTrackChoice, FixOptions, Machine};
use super::outcome::{Action, FixPlan, FixStep};
use super::output_spec::{AudioPlan, OutputContainer, OutputSpec, VideoPlan};
use super::refusal::{Refusal, Refused};
use super::{
    additions, audio, audio_tracks, consents, decodable_start, duration, encode_rates, escalation, fixable,
    left_out, passthrough, producible, steps as plan_steps, still_image, video as video_plan,
};

/// Plans the fix that makes the file comply with the least loss. `assessment` is that of the same facts under `profile`.
///
/// A plan is a description: the features `pipeline` and `libav` add [`Fixer`](crate::Fixer), which carries it out.
pub fn plan(
    facts: &MediaFacts,
    assessment: &Assessment,
    profile: &Profile,
    options: &FixOptions,
    machine: &Machine,
) -> FixPlan {
    consents::collect(options, |options| {
        let input = PlanInput { facts, assessment, profile, options, machine };
        let planned = if assessment.is_image() { still_image::plan(&input) } else { plan_video(&input) };
        planned.unwrap_or_else(FixPlan::refused)
    })
}

/// Plans a video as if the file had only the audio that is kept.
fn plan_video(file: &PlanInput<'_>) -> Result<FixPlan, Refused> {
    let chosen = audio_tracks::choose(file);
    let kept = chosen.as_ref().map_or_else(|_| KeptAudio::main_of(file.facts), Clone::clone);
    let facts = kept.reduce(file.facts);
    let assessment = assessment_of(file, &facts);
    let input = PlanInput { facts: &facts, assessment: &assessment, ..*file };
    plan_kept(file, &input, chosen)
}

/// Returns the assessment of the file with the findings about its kept audio, if that is not its main audio.
fn assessment_of<'a>(file: &PlanInput<'a>, kept: &MediaFacts) -> Cow<'a, Assessment> {
    let index = |facts: &MediaFacts| facts.main_audio().map(|audio| audio.index);
    if index(kept).is_none() || index(kept) == index(file.facts) {
        return Cow::Borrowed(file.assessment);
    }
    let subject = Subject { facts: kept, file_name: "", deep: None };
    let other = assess(&subject, file.profile, &Selection::default());
    Cow::Owned(file.assessment.with_audio_findings_of(&other))
}

fn plan_kept(
    file: &PlanInput<'_>,
    input: &PlanInput<'_>,
    chosen: Result<KeptAudio, Refused>,
) -> Result<FixPlan, Refused> {
    let mut steps = Vec::new();
    let video = fixable::video(input)?;
    if let Some(plan) = passthrough::after_failed_copy(input)? {
        return Ok(plan);
    }
    steps.extend(decodable_start::step(input));
    steps.extend(plan_steps::joined_parts(input));
    let duration = duration::plan(input, &mut steps)?;
    let video_reason = escalation::reason_to_encode_video(input, video, &duration);
    let both_reason = escalation::reason_to_encode_both(input, video, &duration);
    let encodes_video = video_reason.is_some() || both_reason.is_some();
    if !encodes_video && let Some(plan) = unchanged(input, &chosen)? {
        return Ok(plan);
    }
    let kept = chosen?;
    fixable::check_speed(input, video)?;
    let audio = audio::plan(input, &kept, both_reason.as_deref(), encodes_video)?;
    let plan_video = if encodes_video {
        VideoPlan::Encode(Box::new(video_plan::encode(input, video, &duration, &audio, &mut steps)?))
    } else {
        VideoPlan::Copy { stream: video.index, tags: video_plan::copy_tags(input, video) }
    };
    let container = container(input)?;
    producible::check(input, &plan_video, &audio, container)?;
    let reason = video_reason
        .or(both_reason)
        .or_else(|| audio.reason.clone())
        .or_else(|| escalation::reason_to_remux(input));
    plan_steps::explain(input, &plan_video, reason.as_deref(), &audio, &mut steps);
    let lead_s = duration::audio_lead_s(input, video, &plan_video);
    let spec = output_spec(input, video, container, (plan_video, audio.plan), &duration, lead_s);
    steps.extend(duration::lead_step(lead_s));
    steps.extend(additions::cut_audio(input, video, &spec));
    let added = additions::of(input, video, &spec);
    steps.extend(additions::steps(&added, &spec));
    steps.extend(left_out::steps(&kept.dropped, kept.requested));
    steps.extend(left_out::chapters(file.facts));
    let others = left_out::streams(file.facts, video);
    steps.extend(left_out::steps(&others, false));
    let dropped = kept.dropped.into_iter().chain(others).collect();
    Ok(FixPlan { dropped, added, ..finish(input, spec, steps, reason) })
}

/// Returns the plan that copies the bytes of a file of which nothing is encoded, if that clears its findings.
fn unchanged(input: &PlanInput<'_>, chosen: &Result<KeptAudio, Refused>) -> Result<Option<FixPlan>, Refused> {
    // A file that complies is copied rather than refused where a remux for its warnings would lose an audio track.
    let loses_audio = chosen.as_ref().err().filter(|_| input.options.audio_track == AudioTrackChoice::Auto);
    let requested = chosen.as_ref().is_ok_and(|kept| kept.requested);
    let wants_remux = escalation::wants_remux(input);
    if requested || (wants_remux && loses_audio.is_none()) {
        return Ok(None);
    }
    let Some(mut plan) = passthrough::plan(input)? else { return Ok(None) };
    if let Some(refused) = loses_audio.filter(|_| wants_remux) {
        plan.reason = Some(format!("copied unchanged, because the platform accepts it: {}", refused.reason));
    }
    Ok(Some(plan))
}

/// Specifies the output. `lead_s` is how much earlier than the video its audio starts, in seconds.
fn output_spec(
    input: &PlanInput<'_>,
    video: &VideoStream,
    container: OutputContainer,
    (plan_video, audio): (VideoPlan, Option<AudioPlan>),
    duration: &PlannedDuration,
    lead_s: f64,
) -> OutputSpec {
    let encodes_video = matches!(plan_video, VideoPlan::Encode(_));
    OutputSpec {
        container,
        threads: threads(input, &plan_video),
        video: Some(plan_video),
        audio,
        trim_to_s: duration.trim_to_s,
        extend: duration.extend,
        strip_metadata: input.has(RuleId::MetadataPrivacy, Severity::Advice),
        start_s: duration::start_s(input) + lead_s,
        cut_before_start: input.begin_s().is_some(),
        expected_duration_s: duration
            .expected_s
            .or_else(|| Some(duration::declared_duration_s(input, video, encodes_video)? - lead_s)),
        max_hold_s: if encodes_video { duration::max_hold_s(input) } else { 0.0 },
        max_size_bytes: encode_rates::max_bytes(input.profile),
        conceal: input.options.conceal,
    }
}

fn finish(input: &PlanInput<'_>, spec: OutputSpec, steps: Vec<FixStep>, reason: Option<String>) -> FixPlan {
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
        max_name_chars: input.name_limit(),
        ..FixPlan::copy()
    }
}

fn threads(input: &PlanInput<'_>, video: &VideoPlan) -> u32 {
    match video {
        VideoPlan::Encode(encode) => {
            let size = encode.canvas.as_ref().map_or(encode.scale, |canvas| canvas.size);
            encode_rates::threads(size, encode.frame_rate, input.facts, input.machine)
        }
        VideoPlan::Copy { .. } | VideoPlan::Image(_) => 1,
    }
}

fn container(input: &PlanInput<'_>) -> Result<OutputContainer, Refused> {
    let limits = input.profile.rules().container.as_ref();
    let allowed = limits.map(|limits| limits.values.allow.as_slice()).unwrap_or_default();
    let is_allowed = |output: &OutputContainer| allowed.is_empty() || allowed.contains(&output.container());
    let output = [OutputContainer::Mp4, OutputContainer::Mov].into_iter().find(is_allowed);
    output.ok_or_else(|| {
        Refusal::Container.because(format!(
            "the profile allows only the containers {}, and greenlit cannot write any of them",
            allowed.join(", ")
        ))
    })
}
