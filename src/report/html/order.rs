//! The order of the page: worst first.

use super::super::outcome::{Outcome, is_cleared};
use super::super::{FileEntry, Report};
use crate::rules::{Finding, Severity};

/// Returns the entries, those that need attention first, then those with the most open errors and warnings. Equal ones
/// keep the order of the report, which is by path.
pub(super) fn worst_first(report: &Report) -> Vec<&FileEntry> {
    let open = |entry: &FileEntry, severity: Severity| {
        let is_open = |finding: &&Finding| {
            finding.accepted.is_none() && !is_cleared(entry, finding) && finding.severity == severity
        };
        entry.findings.iter().filter(is_open).count()
    };
    let mut entries: Vec<&FileEntry> = report.files.iter().collect();
    entries.sort_by_cached_key(|entry| {
        let outcome = Outcome::of(entry);
        // Cancelled files may be many, and nothing is wrong with them.
        let is_wrong = outcome.needs_attention() && outcome != Outcome::Cancelled;
        let worst = (is_wrong, outcome != Outcome::Skipped, outcome);
        std::cmp::Reverse((worst, open(entry, Severity::Error), open(entry, Severity::Warning)))
    });
    entries
}
