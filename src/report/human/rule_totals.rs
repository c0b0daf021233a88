//! The totals by rule, as a table.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::super::outcome::is_cleared;
use super::super::{FileEntry, Report, units};
use super::layout::{Page, TextRole};
use crate::rules::{RuleId, Severity};

/// At most this many rules are listed unless everything is asked for.
const MAX_RULES: usize = 8;

/// A table of fewer files would only repeat their lines.
const MIN_FILES: usize = 2;

/// The findings of one rule.
#[derive(Debug, Default)]
struct RuleTotal<'a> {
    errors: usize,
    warnings: usize,
    files: BTreeSet<(&'a str, Option<&'a str>)>,
}

/// Writes a line for each rule that files break, the worst first.
pub(super) fn write(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    let totals = totals(&report.files);
    let files: BTreeSet<_> = totals.iter().flat_map(|(_, total)| &total.files).collect();
    if files.len() < MIN_FILES {
        return Ok(());
    }
    let shown = match totals.len() > MAX_RULES + 1 && !page.options().verbose {
        true => &totals[..MAX_RULES],
        false => &totals[..],
    };
    let width = shown.iter().map(|(rule, _)| rule.as_str().len()).max().unwrap_or(0);
    let line = |rule: &str, [errors, warnings, files]: [String; 3]| {
        format!("  {rule:<width$}  {errors:>6}  {warnings:>8}  {files:>5}")
    };
    page.blank()?;
    page.row(TextRole::Dim, &line("rule", ["errors", "warnings", "files"].map(str::to_owned)))?;
    for (rule, total) in shown {
        let numbers = [total.errors, total.warnings, total.files.len()];
        let numbers = numbers.map(|number| if number == 0 { "-".to_owned() } else { number.to_string() });
        page.row(TextRole::Plain, &line(rule.as_str(), numbers))?;
    }
    if shown.len() < totals.len() {
        let rest = units::count((totals.len() - shown.len()) as u64, "more rule", "more rules");
        page.row(TextRole::Dim, &format!("  {rest}"))?;
    }
    Ok(())
}

/// Counts the errors and warnings that are not cleared. One that a file has under several profiles counts once.
fn totals(entries: &[FileEntry]) -> Vec<(RuleId, RuleTotal<'_>)> {
    let mut counted = BTreeSet::new();
    let mut by_rule: BTreeMap<&str, (RuleId, RuleTotal<'_>)> = BTreeMap::new();
    for entry in entries {
        let file = (entry.path.as_str(), entry.path_raw.as_deref());
        let open = entry.findings.iter().filter(|finding| finding.severity != Severity::Advice);
        for finding in open.filter(|finding| finding.accepted.is_none() && !is_cleared(entry, finding)) {
            let is_error = finding.severity == Severity::Error;
            if !counted.insert((file, finding.rule.as_str(), is_error, finding.stream, &finding.actual)) {
                continue;
            }
            let (_, total) =
                by_rule.entry(finding.rule.as_str()).or_insert_with(|| (finding.rule, RuleTotal::default()));
            *(if is_error { &mut total.errors } else { &mut total.warnings }) += 1;
            total.files.insert(file);
        }
    }
    let mut totals: Vec<_> = by_rule.into_values().collect();
    totals.sort_by_key(|(_, total)| std::cmp::Reverse((total.errors, total.warnings)));
    totals
}
