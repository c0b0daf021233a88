//! `frame-rate`.

use crate::profile::FrameRateLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation, value_text};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::FrameRate,
    scope: Scope::Video,
    what: "Checks the average frame rate. The comparison is exact.",
    why: "Platforms refuse rates over the limit (60.02 is over 60) and very low ones.",
    remedy: "Re-encode at a constant rate within the limits.",
    source: "the pages of the destinations, given with each limit; public reports of refused 60.02 fps",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, limits: &FrameRateLimits, out: &mut FindingCollector<'_>) {
    let Some(video) = subject.video() else { return };
    let (min, max) = (limits.min, limits.max);
    if min.is_none() && max.is_none() {
        return;
    }
    let Some(rate) = video.frame_rate else {
        out.mark_undecided();
        return;
    };
    if limits.allows(rate.as_f64()) {
        return;
    }
    let actual = value_text::rate(rate);
    let allowed = match (min, max) {
        (Some(min), Some(max)) => format!("{min} to {max} fps"),
        (Some(min), None) => format!("at least {min} fps"),
        (None, Some(max)) => format!("at most {max} fps"),
        (None, None) => return,
    };
    out.add(
        Violation::new(format!("the frame rate is {actual}"), actual, allowed, Remedy::ReencodeVideo)
            .at(video.index),
    );
}
