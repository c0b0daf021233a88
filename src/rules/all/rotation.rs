//! `rotation`.

use crate::profile::NoLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::Rotation,
    scope: Scope::Video,
    what: "Checks whether players must rotate or mirror the video.",
    why: "A transcoder that ignores the display matrix shows the video on its side.",
    remedy: "Rotate the frames upright whenever the video is re-encoded for another reason.",
    source: "measurements on real files, and public reports of damaged uploads",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, _limits: &NoLimits, out: &mut FindingCollector<'_>) {
    let Some(video) = subject.video() else { return };
    let degrees = video.rotation.degrees();
    if degrees != 0 || video.flip.is_some() {
        let flip = if video.flip.is_some() { ", mirrored" } else { "" };
        let message = format!("players must rotate the video by {degrees} degrees{flip}");
        out.add_verbatim(
            Violation::new(message, format!("{degrees} degrees{flip}"), "no rotation", Remedy::ReencodeVideo)
                .at(video.index)
                .stated(),
        );
    }
}
