//! The order of the page: worst first.

use super::super::outcome::{Outcome, is_cleared};
use super::super::{FileEntry, FixForecast, Report};
use crate::rules::{Finding, Severity};

/// Returns the entries, those that need attention first, of these those that no option corrects, then those with the most open
/// errors and warnings. Equal ones keep the order of the report, which is by path.
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
        let hope = match &entry.forecast {
            None | Some(FixForecast::Fixable { .. }) => 0,
            Some(FixForecast::NeedsConsent { .. }) => 1,
            Some(FixForecast::Refused { .. }) => 2,
        };
        std::cmp::Reverse((worst, hope, open(entry, Severity::Error), open(entry, Severity::Warning)))
    });
    entries
}
