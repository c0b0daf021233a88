//! `silence`.

use crate::profile::SilenceLimits;
use crate::rules::{FindingCollector, RuleId, RuleInfo, Scope, Subject, long_spans::long_spans};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::Silence,
    scope: Scope::Video,
    what: "Finds silent spans. Only with --deep.",
    why: "Long silence often means that a track was lost.",
    remedy: "None: the silence may be intended.",
    source: "measurements on real files, and public reports of damaged uploads",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, limits: &SilenceLimits, out: &mut FindingCollector<'_>) {
    let Some(deep) = subject.deep else { return };
    if let Some(violation) = long_spans(&deep.silence, limits.max_s, "silent span") {
        out.add_verbatim(violation);
    }
}
