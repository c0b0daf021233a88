//! `interlaced`.

use crate::profile::NoLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::Interlaced,
    scope: Scope::Video,
    what: "Checks whether frames consist of two fields, by the declared field order; with --deep also by \
        the frames.",
    why: "Moving edges show combing, and several platforms refuse interlaced video.",
    remedy: "Deinterlace and re-encode the video.",
    source: "YouTube and X guides",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, _limits: &NoLimits, out: &mut FindingCollector<'_>) {
    let Some(video) = subject.video() else { return };
    let by_field_order =
        video.field_order.as_deref().filter(|order| *order != "progressive" && *order != "unknown");
    let by_frames = subject
        .deep
        .and_then(|deep| deep.interlaced_frames)
        .filter(|(combed, seen)| *seen >= 10 && combed * 2 > *seen);
    let actual = match (by_field_order, by_frames) {
        (Some(order), _) => format!("field order {order}"),
        (None, Some((combed, seen))) => format!("{combed} of {seen} frames show combing"),
        (None, None) => return,
    };
    let message = format!("the video is interlaced: {actual}");
    out.add_verbatim(
        Violation::new(message, actual, "progressive", Remedy::ReencodeVideo).at(video.index).stated(),
    );
}
