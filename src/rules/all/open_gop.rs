//! `open-gop`.

use crate::profile::NoLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::OpenGop,
    scope: Scope::Video,
    what: "Checks whether every group of pictures (GOP) can be decoded on its own.",
    why: "Segmenting transcoders cut at key frames; the leading frames of an open GOP refer to frames \
        before the cut.",
    remedy: "Re-encode the video with closed GOPs.",
    source: "X, Meta and YouTube guides",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, _limits: &NoLimits, out: &mut FindingCollector<'_>) {
    let Some(video) = subject.video() else { return };
    if video.closed_gop == Some(false) {
        let message = "frames refer across key frames (open GOP)";
        out.add_verbatim(
            Violation::new(message, "open", "closed GOP", Remedy::ReencodeVideo).at(video.index).stated(),
        );
    }
}
