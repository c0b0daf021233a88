//! `file-name`.

use crate::profile::FileNameLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::FileName,
    scope: Scope::File,
    what: "Checks the length of the file name in characters.",
    why: "Platforms refuse or shorten names over the limit, and shortened names collide.",
    remedy: "Shorten the name; the content stays unchanged.",
    source: "upload API of the destination",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, limits: &FileNameLimits, out: &mut FindingCollector<'_>) {
    let Some(max) = limits.max_chars else { return };
    let chars = subject.file_name.chars().count();
    if chars as f64 > max {
        let allowed = format!("at most {max} characters");
        out.add(Violation::new(
            format!("the file name has {chars} characters"),
            format!("{chars} characters"),
            allowed,
            Remedy::Remux,
        ));
    }
}
