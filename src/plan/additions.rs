//! Names what an output contains that the source does not have: silence, held frames, repetitions, borders.

use crate::model::{AudioStream, MediaFacts, VideoStream};

use super::input::PlanInput;
use super::outcome::{Addition, AdditionKind, FixStep};
use super::output_spec::{AudioPlan, LengtheningKind, OutputSpec, VideoPlan};

/// Shorter gaps are rounding: the ends of video and audio rarely fall on the same instant.
const MIN_GAP_S: f64 = 0.25;

/// Returns the additions of a plan.
pub(super) fn of(input: &PlanInput<'_>, video: &VideoStream, spec: &OutputSpec) -> Vec<Addition> {
    let mut added = Vec::new();
    if let Some(VideoPlan::Encode(encode)) = &spec.video {
        added.extend(encode.canvas.as_ref().map(|canvas| Addition {
            kind: AdditionKind::Borders,
            duration_s: None,
            reason: format!("the video of {} is padded to {}", encode.scale, canvas.size),
        }));
        added.extend(lengthening(input, spec));
        added.extend(held_frame(input.facts, video, spec));
    }
    added.extend(silence(input, video, spec));
    added
}

/// Returns the steps of the additions that no other step describes.
pub(super) fn steps(added: &[Addition], spec: &OutputSpec) -> Vec<FixStep> {
    let described = |addition: &&Addition| match addition.kind {
        AdditionKind::Borders | AdditionKind::Repetition => false,
        AdditionKind::HeldFrame => spec.extend.is_none(),
        AdditionKind::Silence => !matches!(spec.audio, Some(AudioPlan::Silence { .. })),
    };
    let step = |addition: &Addition| {
        let seconds = addition.duration_s.map_or(String::new(), |seconds| format!("{seconds:.1} s of "));
        let what = if addition.kind == AdditionKind::Silence { "silence" } else { "the last frame" };
        FixStep::lossless(format!("{seconds}{what} added: {}", addition.reason))
    };
    added.iter().filter(described).map(step).collect()
}

/// Returns the step that says how much audio is cut off, because the output ends with its video.
pub(super) fn cut_audio(input: &PlanInput<'_>, video: &VideoStream, spec: &OutputSpec) -> Option<FixStep> {
    let copied = matches!(spec.video, Some(VideoPlan::Copy { .. })) && spec.trim_to_s.is_none();
    let encoded = matches!(spec.audio, Some(AudioPlan::Encode(_)));
    let audio = input.facts.main_audio().filter(|_| copied && encoded)?;
    let beyond = audio_end(audio, spec)? - video_end(video, spec)?;
    (beyond > MIN_GAP_S)
        .then(|| FixStep::lossy(format!("{beyond:.1} s of audio cut off: it lasts longer than the video")))
}

fn lengthening(input: &PlanInput<'_>, spec: &OutputSpec) -> Option<Addition> {
    let extend = spec.extend?;
    let (kind, how) = match extend.kind {
        LengtheningKind::Loop => (AdditionKind::Repetition, "the video is repeated from its start"),
        LengtheningKind::Freeze => (AdditionKind::HeldFrame, "the last frame is held"),
    };
    let duration_s = input.duration_s().map(|seconds| (extend.to_s - seconds).max(0.0));
    Some(Addition { kind, duration_s, reason: format!("{how} to reach {:.1} s", extend.to_s) })
}

/// Returns the last frame that is held until the audio or the declared duration ends.
fn held_frame(facts: &MediaFacts, video: &VideoStream, spec: &OutputSpec) -> Option<Addition> {
    if spec.extend.is_some() || spec.trim_to_s.is_some() {
        return None;
    }
    let (natural, expected) = (video_end(video, spec)?, spec.expected_duration_s?);
    let audio = facts.main_audio().and_then(|audio| audio_end(audio, spec));
    let kept_audio = spec.audio.is_some().then_some(audio).flatten();
    let end = if expected - natural <= spec.max_hold_s {
        expected
    } else {
        kept_audio.map_or(natural, |audio| expected.min(audio))
    };
    (end - natural > MIN_GAP_S).then(|| Addition {
        kind: AdditionKind::HeldFrame,
        duration_s: Some(end - natural),
        reason: format!("the video ends at {natural:.1} s, the file at {end:.1} s"),
    })
}

fn silence(input: &PlanInput<'_>, video: &VideoStream, spec: &OutputSpec) -> Option<Addition> {
    let natural = video_end(video, spec);
    let end = match (&spec.video, spec.trim_to_s) {
        (_, Some(trim)) => Some(natural.map_or(trim, |natural| natural.min(trim))),
        (Some(VideoPlan::Encode(_)), None) => {
            [spec.expected_duration_s, natural].into_iter().flatten().reduce(f64::max)
        }
        _ => natural,
    };
    let end = end.or_else(|| input.duration_s());
    match &spec.audio {
        Some(AudioPlan::Silence { .. }) => Some(Addition {
            kind: AdditionKind::Silence,
            duration_s: end,
            reason: "the output needs audio, and the file has none that can be kept".to_owned(),
        }),
        Some(AudioPlan::Encode(_)) if !spec.extend.is_some_and(|e| e.kind == LengtheningKind::Loop) => {
            let audio = input.facts.main_audio()?;
            let (begin, audio_end) = ((audio.start_s? - spec.start_s).max(0.0), audio_end(audio, spec)?);
            let gap = |seconds: f64| if seconds > MIN_GAP_S { seconds } else { 0.0 };
            let missing = gap(begin) + gap(end? - audio_end);
            (missing > 0.0).then(|| Addition {
                kind: AdditionKind::Silence,
                duration_s: Some(missing),
                reason: "the audio is shorter than the video".to_owned(),
            })
        }
        _ => None,
    }
}

/// Returns the end of the source's video on the output's clock, in seconds.
fn video_end(video: &VideoStream, spec: &OutputSpec) -> Option<f64> {
    Some((video.start_s.unwrap_or(spec.start_s) - spec.start_s).max(0.0) + video.duration_s?)
}

fn audio_end(audio: &AudioStream, spec: &OutputSpec) -> Option<f64> {
    Some((audio.start_s.unwrap_or(spec.start_s) - spec.start_s).max(0.0) + audio.duration_s?)
}
