//! `fast-start`.

use crate::profile::NoLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::FastStart,
    scope: Scope::Video,
    what: "Checks whether the index (`moov`) comes before the media data.",
    why: "Processing cannot start before the last byte has arrived; several platforms refuse such a file \
        (`nonStreamableMov`).",
    remedy: "Remux; only the index moves.",
    source: "YouTube API, processing hints",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, _limits: &NoLimits, out: &mut FindingCollector<'_>) {
    if subject.facts.fast_start == Some(false) && subject.facts.fragmented != Some(true) {
        let message = "the index (moov) is at the end of the file; \
            players must download everything before they can start";
        out.add_verbatim(Violation::new(message, "moov last", "moov first", Remedy::Remux).stated());
    }
}
