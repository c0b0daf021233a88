//! `av-duration`.

use crate::profile::AvDurationLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation, value_text};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::AvDuration,
    scope: Scope::Video,
    what: "Checks whether video and audio have the same length.",
    why: "The video ends with a long frozen or silent part, or different readers report different durations.",
    remedy: "Re-encode both to the same length.",
    source: "measurements on real files, and public reports of damaged uploads",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, limits: &AvDurationLimits, out: &mut FindingCollector<'_>) {
    let Some(video) = subject.video() else { return };
    let Some(audio) = subject.facts.main_audio() else { return };
    let (Some(video), Some(audio)) = (video.duration_s, audio.duration_s) else { return };
    let difference = (video - audio).abs();
    let max = limits.max_s();
    if difference > max {
        let message = format!(
            "the video lasts {} and the audio {}",
            value_text::seconds(video),
            value_text::seconds(audio)
        );
        out.add_verbatim(Violation::new(
            message,
            value_text::seconds(difference),
            format!("at most {max} s apart"),
            Remedy::ReencodeAudio,
        ));
    }
}
