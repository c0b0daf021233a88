//! Which rung of the ladder a video needs, and the reason to name for it.

use crate::model::{EditListKind, VideoStream};
use crate::profile::Severity;
use crate::rules::{Finding, Remedy};

use super::audio::goes_into_mp4;
use super::duration::Length;
use super::input::{PlanInput, is_about_the_name};

/// Video codecs an MP4 carries everywhere.
const IN_MP4: &[&str] = &["h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2video", "mpeg1video"];

/// The finding, or the circumstance, that makes an encode of the picture necessary.
pub(super) fn why_encode_video(case: &PlanInput<'_>, video: &VideoStream, length: &Length) -> Option<String> {
    if case.options.recipe >= 2 {
        return Some("the platform failed to process the last version: everything is encoded anew".into());
    }
    if let Some(why) = &case.options.copy_failed {
        return Some(format!("a copy does not pass: {why}"));
    }
    let mut errors = case.findings(Severity::Error);
    if let Some(finding) = errors.find(|finding| finding.remedy == Remedy::ReencodeVideo) {
        return Some(finding.message.clone());
    }
    if length.extend.is_some() {
        return Some("a longer video needs new pictures".into());
    }
    let codec = video.codec.as_deref().unwrap_or("unknown");
    let remuxed = wants_remux(case) || wants_audio(case);
    if remuxed && case.facts.is_without_times() {
        let container = case.facts.container.as_deref().unwrap_or_default();
        return Some(format!("a bare {container} stream does not say when its pictures are shown"));
    }
    if remuxed && !IN_MP4.contains(&codec) {
        return Some(format!("{codec} does not go into an MP4"));
    }
    remuxed.then(|| sparse_or_dense(case, video)).flatten()
}

/// What an MP4 would say of the frame rate, where that is not allowed: its rate is that of the frames it holds,
/// others declare one of their own.
fn sparse_or_dense(case: &PlanInput<'_>, video: &VideoStream) -> Option<String> {
    let limits = case.profile.limits("frame-rate").filter(|limits| limits.severity == Severity::Error)?;
    if video.variable_frame_rate != Some(true) {
        return None;
    }
    let rate = video.frames? as f64 / case.length_s()?;
    let below = limits.number("min").is_some_and(|min| rate < min * 0.998);
    let above = limits.number("max").is_some_and(|max| rate > max);
    (below || above).then(|| format!("in an MP4 its frames would come to {rate:.2} fps on average"))
}

/// What no copy of packets can do, so that picture and audio are both encoded: edits that a copy cannot
/// carry over, which are played out instead, and what is made anew in any case.
pub(super) fn trouble_beyond_copying(
    case: &PlanInput<'_>,
    video: &VideoStream,
    length: &Length,
) -> Option<String> {
    let lists =
        [Some(video.edit_list.as_ref()), case.facts.main_audio().map(|audio| audio.edit_list.as_ref())];
    let editing = lists.into_iter().flatten().flatten().find(|list| list.kind == EditListKind::Editing);
    let rewritten = must_remux(case) || wants_audio(case) || length.trim_to_s.is_some();
    if let Some(list) = editing.filter(|_| rewritten || case.options.recipe >= 2) {
        return Some(format!("an edit list changes the video ({}) and is played out", list.reason));
    }
    match (length.extend, case.options.recipe) {
        _ if case.options.copy_failed.is_some() => Some("everything is encoded anew".into()),
        (Some(_), _) => Some("picture and audio are made longer together".into()),
        (None, 2..) => Some("everything is encoded anew".into()),
        (None, _) => None,
    }
}

/// The worst complaint that a new container clears.
pub(super) fn why_remux(case: &PlanInput<'_>) -> Option<String> {
    let lossless =
        |finding: &&Finding| matches!(finding.remedy, Remedy::Remux | Remedy::BitstreamFilter | Remedy::Trim);
    case.findings(Severity::Warning).find(lossless).map(|finding| finding.message.clone())
}

/// An error or warning that a new container clears without loss. A video whose edit list must be
/// played out is left alone for a warning: that would cost a generation.
pub(super) fn wants_remux(case: &PlanInput<'_>) -> bool {
    let editing = case.has("edit-list", Severity::Advice);
    let warned = case.findings(Severity::Warning).any(|finding| {
        matches!(finding.remedy, Remedy::Remux | Remedy::BitstreamFilter) && !is_about_the_name(finding)
    });
    must_remux(case) || (warned && !editing && copyable(case))
}

fn wants_audio(case: &PlanInput<'_>) -> bool {
    case.findings(Severity::Error).any(|finding| finding.remedy == Remedy::ReencodeAudio)
}

/// An error that only a new container clears.
fn must_remux(case: &PlanInput<'_>) -> bool {
    case.findings(Severity::Error).any(|finding| {
        matches!(finding.remedy, Remedy::Remux | Remedy::BitstreamFilter) && !is_about_the_name(finding)
    }) || case.findings(Severity::Error).any(|finding| finding.remedy == Remedy::Trim)
}

/// Whether every stream that stays can go into an MP4 as it is.
fn copyable(case: &PlanInput<'_>) -> bool {
    let video = case.facts.main_video().and_then(|video| video.codec.as_deref());
    let audio = case.facts.main_audio().map(|audio| audio.codec.as_deref());
    let audio_fits = audio.is_none_or(|codec| codec.is_some_and(goes_into_mp4));
    video.is_some_and(|codec| IN_MP4.contains(&codec)) && audio_fits
}
