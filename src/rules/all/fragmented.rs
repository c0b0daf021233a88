//! `fragmented`.

use crate::profile::NoLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::Fragmented,
    scope: Scope::Video,
    what: "Checks whether an MP4 file consists of movie fragments.",
    why: "A fragmented file has no index of the whole video, and some platforms refuse it.",
    remedy: "Remux into an MP4 without fragments.",
    source: "measurements on real files, and public reports of damaged uploads",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, _limits: &NoLimits, out: &mut FindingCollector<'_>) {
    if subject.facts.fragmented == Some(true) {
        let message = "the file is a fragmented MP4";
        out.add_verbatim(Violation::new(message, "fragmented", "no fragments", Remedy::Remux).stated());
    }
}
