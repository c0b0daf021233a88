//! `black`.

use crate::profile::BlackLimits;
use crate::rules::{FindingCollector, RuleId, RuleInfo, Scope, Subject, long_spans::long_spans};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::Black,
    scope: Scope::Video,
    what: "Finds black frames. Only with --deep.",
    why: "Ad policies refuse videos that start or stay black.",
    remedy: "None: the black frames may be intended.",
    source: "measurements on real files, and public reports of damaged uploads",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, limits: &BlackLimits, out: &mut FindingCollector<'_>) {
    let Some(deep) = subject.deep else { return };
    if let Some(violation) = long_spans(&deep.black, limits.max_s, "black span") {
        out.add_verbatim(violation);
    }
}
