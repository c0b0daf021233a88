//! `freeze`.

use crate::profile::FreezeLimits;
use crate::rules::{FindingCollector, RuleId, RuleInfo, Scope, Subject, long_spans::long_spans};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::Freeze,
    scope: Scope::Video,
    what: "Finds spans without motion. Only with --deep.",
    why: "Some ad policies refuse a still image as a video, and a long freeze is often a fault.",
    remedy: "None: the freeze may be intended.",
    source: "measurements on real files, and public reports of damaged uploads",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, limits: &FreezeLimits, out: &mut FindingCollector<'_>) {
    let Some(deep) = subject.deep else { return };
    if let Some(violation) = long_spans(&deep.freeze, limits.max_s, "span without motion") {
        out.add_verbatim(violation);
    }
}
