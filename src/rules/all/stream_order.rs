//! `stream-order`.

use crate::profile::NoLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::StreamOrder,
    scope: Scope::Video,
    what: "Checks whether the video stream comes before the audio stream.",
    why: "Files with the audio first failed on TikTok with an unexplained format error.",
    remedy: "Remux with the video stream first.",
    source: "public report (gitroomhq/postiz-app#814)",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, _limits: &NoLimits, out: &mut FindingCollector<'_>) {
    let (Some(video), Some(audio)) = (subject.video(), subject.facts.main_audio()) else {
        return;
    };
    if audio.index < video.index {
        let message = "the audio stream comes before the video stream";
        out.add_verbatim(Violation::new(message, "audio first", "video first", Remedy::Remux).stated());
    }
}
