//! Names what an output contains that the source does not have: silence, held frames, repetitions, borders.

use crate::model::{AudioStream, Container, MediaFacts, VideoStream};

use super::input::PlanInput;
use super::outcome::{Addition, AdditionKind, FixPlan, FixStep, HeldFrame};
use super::output_spec::{AudioPlan, LengtheningKind, OutputSpec, VideoPlan};

/// Shorter gaps are rounding: the ends of video and audio rarely fall on the same instant.
const MIN_GAP_S: f64 = 0.1;
/// The shortest distance between two frames that counts as a frame that is held, in seconds.
const MIN_HELD_S: f64 = 1.0;

/// Returns the additions of a plan.
pub(super) fn of(input: &PlanInput<'_>, video: &VideoStream, spec: &OutputSpec) -> Vec<Addition> {
    let mut added = Vec::new();
    if let Some(VideoPlan::Encode(encode)) = &spec.video {
        added.extend(encode.canvas.as_ref().map(|canvas| Addition {
            held: None,
            kind: AdditionKind::Borders,
            duration_s: None,
            reason: format!("the video of {} is padded to {}", encode.scale, canvas.size),
        }));
        added.extend(lengthening(input, spec));
        added.extend(held_first(input.facts, video, spec));
        added.extend(held_between(input.facts, video, spec));
        added.extend(held_last(input.facts, video, spec));
    }
    added.extend(silence(input, video, spec));
    added
}

/// Returns the steps of the additions that no other step describes.
pub(super) fn steps(added: &[Addition], spec: &OutputSpec) -> Vec<FixStep> {
    let described = |addition: &&Addition| match addition.kind {
        AdditionKind::Borders | AdditionKind::Repetition => false,
        // A consent describes how the end is lengthened.
        AdditionKind::HeldFrame => spec.extend.is_none() || addition.held != Some(HeldFrame::Last),
        AdditionKind::Silence => !matches!(spec.audio, Some(AudioPlan::Silence { .. })),
    };
    added.iter().filter(described).map(|addition| FixStep::lossless(text(addition))).collect()
}

/// Describes an addition as a step.
fn text(addition: &Addition) -> String {
    let seconds = addition.duration_s.map_or(String::new(), |seconds| format!("{seconds:.1} s of "));
    let what = match addition.held {
        None => "silence",
        Some(HeldFrame::First) => "the first frame",
        Some(HeldFrame::Between) => "one frame",
        Some(HeldFrame::Last) => "the last frame",
    };
    format!("{seconds}{what} added: {}", addition.reason)
}

impl FixPlan {
    /// Returns the additions and the texts of the steps, with the last frame that the fix held for `held_last_s` seconds:
    /// some containers do not tell before where their video ends.
    pub fn with_held_last(&self, held_last_s: f64) -> (Vec<Addition>, Vec<String>) {
        let mut added = self.added.clone();
        let mut texts: Vec<String> = self.steps.iter().map(|step| step.text.clone()).collect();
        let planned = added.iter().any(|addition| addition.held == Some(HeldFrame::Last));
        if held_last_s > MIN_GAP_S && !planned {
            let addition = Addition {
                held: Some(HeldFrame::Last),
                kind: AdditionKind::HeldFrame,
                duration_s: Some(held_last_s),
                reason: "the video ends before the file".to_owned(),
            };
            texts.push(text(&addition));
            added.push(addition);
        }
        (added, texts)
    }
}

/// Returns the step that says how much audio is cut off, because the output ends with its video.
pub(super) fn cut_audio(input: &PlanInput<'_>, video: &VideoStream, spec: &OutputSpec) -> Option<FixStep> {
    let copied = matches!(spec.video, Some(VideoPlan::Copy { .. })) && spec.trim_to_s.is_none();
    let encoded = matches!(spec.audio, Some(AudioPlan::Encode(_)));
    let audio = input.facts.main_audio().filter(|_| copied && encoded)?;
    let beyond = audio_end(input.facts, audio, spec)? - video_end(input.facts, video, spec)?;
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
    let held = (kind == AdditionKind::HeldFrame).then_some(HeldFrame::Last);
    Some(Addition { held, kind, duration_s, reason: format!("{how} to reach {:.1} s", extend.to_s) })
}

/// Returns how long the first frame is held, because the audio begins earlier.
fn held_first(facts: &MediaFacts, video: &VideoStream, spec: &OutputSpec) -> Option<Addition> {
    let held_s = held_first_s(video, spec).filter(|held_s| *held_s > MIN_GAP_S)?;
    let begins_first = facts.main_audio().is_some() && spec.audio.is_some();
    let other = if begins_first { "the audio" } else { "the file" };
    Some(Addition {
        held: Some(HeldFrame::First),
        kind: AdditionKind::HeldFrame,
        duration_s: Some(held_s),
        reason: format!("the video begins {held_s:.1} s after {other}"),
    })
}

/// Returns how long the first frame of an encoded video is held at most, in seconds.
pub(super) fn held_first_s(video: &VideoStream, spec: &OutputSpec) -> Option<f64> {
    // The start of a video that begins at its key frame is that frame.
    (!spec.cut_before_start).then(|| (video.start_s.unwrap_or(spec.start_s) - spec.start_s).max(0.0))
}

/// Returns the longest time without a frame in a container that does not store how long a frame is shown.
fn held_between(facts: &MediaFacts, video: &VideoStream, spec: &OutputSpec) -> Option<Addition> {
    if facts.container_is(|container| container.is_iso() || *container == Container::Gif) {
        return None;
    }
    let timing = video.timing.as_ref()?;
    let longest_s = timing.max_interval_s.filter(|longest_s| *longest_s > MIN_HELD_S)?;
    let usual_s = timing.modal_interval_s.unwrap_or(longest_s);
    let fits = spec.trim_to_s.is_none_or(|trim_to_s| trim_to_s > longest_s);
    (fits && longest_s > 2.0 * usual_s).then(|| Addition {
        held: Some(HeldFrame::Between),
        kind: AdditionKind::HeldFrame,
        duration_s: Some(longest_s),
        reason: format!("the source has no other frame for {longest_s:.1} s"),
    })
}

/// Returns the last frame that is held until the audio or the declared duration ends.
fn held_last(facts: &MediaFacts, video: &VideoStream, spec: &OutputSpec) -> Option<Addition> {
    if spec.extend.is_some() || spec.trim_to_s.is_some() {
        return None;
    }
    let (natural, end) = (video_end(facts, video, spec)?, held_last_until_s(facts, video, spec)?);
    (end - natural > MIN_GAP_S).then(|| Addition {
        held: Some(HeldFrame::Last),
        kind: AdditionKind::HeldFrame,
        duration_s: Some(end - natural),
        reason: format!("the video ends at {natural:.1} s, the file at {end:.1} s"),
    })
}

/// Returns until when the last frame of an encoded video is held to reach the end of the file, in seconds.
fn held_last_until_s(facts: &MediaFacts, video: &VideoStream, spec: &OutputSpec) -> Option<f64> {
    let (natural, expected) = (video_end(facts, video, spec)?, spec.expected_duration_s?);
    let audio = facts.main_audio().and_then(|audio| audio_end(facts, audio, spec));
    let kept_audio = spec.audio.is_some().then_some(audio).flatten();
    Some(if expected - natural <= spec.max_hold_s {
        expected
    } else {
        kept_audio.map_or(natural, |audio| expected.min(audio))
    })
}

fn silence(input: &PlanInput<'_>, video: &VideoStream, spec: &OutputSpec) -> Option<Addition> {
    let natural = video_end(input.facts, video, spec);
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
            held: None,
            kind: AdditionKind::Silence,
            duration_s: end,
            reason: "the output needs audio, and the file has none that can be kept".to_owned(),
        }),
        Some(AudioPlan::Encode(_)) if !spec.extend.is_some_and(|e| e.kind == LengtheningKind::Loop) => {
            let audio = input.facts.main_audio()?;
            let (begin, audio_end) =
                ((audio.start_s? - spec.start_s).max(0.0), audio_end(input.facts, audio, spec)?);
            let gap = |seconds: f64| if seconds > MIN_GAP_S { seconds } else { 0.0 };
            let missing = gap(begin) + gap(end? - audio_end);
            (missing > 0.0).then(|| Addition {
                held: None,
                kind: AdditionKind::Silence,
                duration_s: Some(missing),
                reason: "the audio is shorter than the video".to_owned(),
            })
        }
        _ => None,
    }
}

/// Returns the end of the source's video on the output's clock, in seconds.
fn video_end(facts: &MediaFacts, video: &VideoStream, spec: &OutputSpec) -> Option<f64> {
    Some((facts.stream_end_s(video.start_s, video.duration_s)? - spec.start_s).max(0.0))
}

fn audio_end(facts: &MediaFacts, audio: &AudioStream, spec: &OutputSpec) -> Option<f64> {
    Some((facts.stream_end_s(audio.start_s, audio.duration_s)? - spec.start_s).max(0.0))
}
