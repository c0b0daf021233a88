//! `metadata-privacy`.

use crate::profile::NoLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::MetadataPrivacy,
    scope: Scope::File,
    what: "Checks for tags that reveal where, with which device and by whom the video was made.",
    why: "The tags are published with the video unless the platform strips them.",
    remedy: "Remux without the tags.",
    source: "measurements on real files, and public reports of damaged uploads",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, _limits: &NoLimits, out: &mut FindingCollector<'_>) {
    let tags = &subject.facts.privacy;
    if !tags.location.is_empty() {
        let names = tags.location.join(", ");
        let message = format!("the file contains location tags ({names})");
        out.add_verbatim(Violation::new(message, names, "no location tags", Remedy::Remux).stated());
    }
}
