//! Decides which escalation step a video needs (remux, re-encode video, re-encode both), with the reason.

use crate::model::{Codec, Container, EditList, EditListKind, VideoStream};
use crate::profile::{RuleId, Severity, StartTimeLimits};
use crate::rules::{Finding, Remedy};

use super::damage;
use super::duration::{self, PlannedDuration};
use super::input::{PlanInput, is_about_the_name};
use super::options::CopyFailureCause;

/// Returns whether players support video or audio of this codec in MP4 widely.
pub(super) fn fits_into_mp4(codec: &Codec) -> bool {
    use Codec::{Aac, Ac3, Alac, Av1, Eac3, Flac, H264, Hevc, Mp3, Mpeg1Video, Mpeg2Video, Mpeg4, Opus, Vp9};
    let video = matches!(codec, H264 | Hevc | Av1 | Vp9 | Mpeg4 | Mpeg2Video | Mpeg1Video);
    video || matches!(codec, Aac | Mp3 | Ac3 | Eac3 | Opus | Alac | Flac)
}

/// Returns why the video must be re-encoded: a finding, or a property of the file or the run.
pub(super) fn reason_to_encode_video(
    input: &PlanInput<'_>,
    video: &VideoStream,
    duration: &PlannedDuration,
) -> Option<String> {
    if input.options.encode_mode.encodes_everything() {
        return Some(
            "the platform failed to process the previous version, so everything is re-encoded".into(),
        );
    }
    if let Some(failure) = &input.options.copy_failed {
        let reason = &failure.reason;
        return Some(match failure.cause {
            CopyFailureCause::NewContainer => format!("the stream copy failed verification: {reason}"),
            CopyFailureCause::LittleDamage => {
                format!("damaged frames are concealed with your consent: {reason}")
            }
            CopyFailureCause::SeveralSizes => reason.clone(),
        });
    }
    if let Some(reason) = damage::reason_to_encode(input) {
        return Some(reason);
    }
    let mut errors = input.findings(Severity::Error);
    if let Some(finding) = errors.find(|finding| finding.remedy == Remedy::ReencodeVideo) {
        return Some(finding.message.clone());
    }
    if video.frame_sizes.len() > 1 {
        return Some("the frame size changes within the video".into());
    }
    if duration.extend.is_some() {
        return Some("lengthening the video adds frames".into());
    }
    if input.begin_s().is_some() {
        return Some("the video starts at its first key frame".into());
    }
    let remuxed = wants_remux(input) || wants_audio_encode(input);
    if remuxed && input.facts.lacks_timestamps() {
        let container = input.facts.container.as_ref().map_or("", Container::name);
        return Some(format!("a raw {container} stream has no timestamps"));
    }
    if remuxed && !video.codec.as_ref().is_some_and(fits_into_mp4) {
        let codec = video.codec.as_ref().map_or("unknown", Codec::name);
        return Some(format!("an MP4 cannot hold {codec} video"));
    }
    remuxed.then(|| remuxed_frame_rate_violation(input, video)).flatten()
}

/// Returns a message if the frame rate after a remux to MP4 violates the limits: the rate of an MP4 is that of
/// the frames it holds, while other containers declare one separately.
fn remuxed_frame_rate_violation(input: &PlanInput<'_>, video: &VideoStream) -> Option<String> {
    let limits = input.profile.rules().frame_rate.as_ref()?.enforced()?;
    if video.variable_frame_rate != Some(true) {
        return None;
    }
    let rate = video.frames? as f64 / input.duration_s()?;
    (!limits.allows(rate))
        .then(|| format!("remuxed to MP4 it would have {rate:.2} fps on average, outside the allowed range"))
}

/// Returns why both video and audio must be re-encoded: an edit list that a stream copy cannot preserve and
/// re-encoding applies, a lengthening, or an encode mode that re-encodes everything.
pub(super) fn reason_to_encode_both(
    input: &PlanInput<'_>,
    video: &VideoStream,
    duration: &PlannedDuration,
) -> Option<String> {
    let editing = uncopyable_edit_list(input, video);
    let rewritten = must_remux(input) || wants_audio_encode(input) || duration.trim_to_s.is_some();
    if let Some(list) = editing.filter(|_| rewritten || input.options.encode_mode.encodes_everything()) {
        return Some(format!(
            "an edit list changes what is played ({}), and re-encoding applies it",
            list.reason
        ));
    }
    if input.begin_s().is_some() {
        return Some("the audio starts with the video".into());
    }
    if damage::reason_to_encode(input).is_some() {
        return Some("everything is re-encoded".into());
    }
    if input.options.copy_failed.is_some() {
        return Some("everything is re-encoded".into());
    }
    if duration.extend.is_some() {
        return Some("video and audio are lengthened together".into());
    }
    input.options.encode_mode.encodes_everything().then(|| "everything is re-encoded".into())
}

/// Returns the edit list of a kept stream that a stream copy would not keep. A delay of a whole track is kept.
fn uncopyable_edit_list<'a>(input: &PlanInput<'a>, video: &'a VideoStream) -> Option<&'a EditList> {
    let audio = input.facts.main_audio().and_then(|audio| audio.edit_list.as_ref());
    let lists = [video.edit_list.as_ref(), audio];
    lists.into_iter().flatten().find(|list| list.kind == EditListKind::Editing && !list.delay_only)
}

/// Returns why a stream copy would change what is played or cannot be written; `None` if nothing prevents it.
pub(super) fn obstacle_to_copying(input: &PlanInput<'_>) -> Option<String> {
    let video = input.facts.main_video()?;
    if let Some(list) = uncopyable_edit_list(input, video) {
        return Some(format!("a new container would not keep the edit list ({})", list.reason));
    }
    (!copyable(input)).then(|| "an MP4 cannot hold a copy of its streams".to_owned())
}

/// Returns whether the finding is about the offset between video and audio, which a copy keeps: it moves both to the
/// start by the same time.
pub(super) fn keeps_offset(input: &PlanInput<'_>, finding: &Finding) -> bool {
    let (Some(video), true) = (input.facts.main_video(), finding.rule == RuleId::StartTime) else {
        return false;
    };
    let unlimited = StartTimeLimits::default();
    let max = input.profile.rules().start_time.as_ref().map_or(&unlimited, |limits| &limits.values).max_s();
    let moved = video.start_s.unwrap_or(0.0) - duration::start_s(input);
    finding.stream != Some(video.index) || moved.abs() > max
}

/// Returns the most severe finding that a new container clears.
pub(super) fn reason_to_remux(input: &PlanInput<'_>) -> Option<String> {
    let lossless = |finding: &&Finding| {
        matches!(finding.remedy, Remedy::Remux | Remedy::BitstreamFilter | Remedy::Trim)
            && !keeps_offset(input, finding)
    };
    input.findings(Severity::Warning).find(lossless).map(|finding| finding.message.clone())
}

/// Returns whether a new container clears an error or a warning without loss. A warning does not count for a
/// video with an edit list that a copy would not keep: applying it would cost a generation of quality.
pub(super) fn wants_remux(input: &PlanInput<'_>) -> bool {
    let warned = input.findings(Severity::Warning).any(|finding| {
        matches!(finding.remedy, Remedy::Remux | Remedy::BitstreamFilter)
            && !is_about_the_name(finding)
            && !keeps_offset(input, finding)
    });
    must_remux(input) || (warned && obstacle_to_copying(input).is_none())
}

fn wants_audio_encode(input: &PlanInput<'_>) -> bool {
    input.findings(Severity::Error).any(|finding| finding.remedy == Remedy::ReencodeAudio)
}

/// Returns whether a new container is needed to clear an error.
fn must_remux(input: &PlanInput<'_>) -> bool {
    input.findings(Severity::Error).any(|finding| {
        matches!(finding.remedy, Remedy::Remux | Remedy::BitstreamFilter) && !is_about_the_name(finding)
    }) || input.findings(Severity::Error).any(|finding| finding.remedy == Remedy::Trim)
}

/// Returns whether an MP4 can hold copies of all kept streams.
fn copyable(input: &PlanInput<'_>) -> bool {
    let fits = |codec: &Option<Codec>| codec.as_ref().is_some_and(fits_into_mp4);
    input.facts.main_video().is_some_and(|video| fits(&video.codec))
        && input.facts.main_audio().is_none_or(|audio| fits(&audio.codec))
}
