//! What a person can do about the files that are not through, in a few plain paragraphs.

use std::collections::BTreeMap;

use super::outcome::{Outcome, troubles};
use super::{FileEntry, Report, units};
use crate::rules::{Remedy, Severity};

/// How many files a piece of advice names before the rest is only counted.
const NAMED: usize = 10;

/// One thing to do, and the files it is about. Not escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Advice {
    /// What to do.
    pub(super) text: String,
    /// The files with what is particular to each.
    pub(super) files: Vec<String>,
}

/// What to do next; empty when everything is through.
pub(super) fn what_to_do(report: &Report) -> Vec<Advice> {
    let mut all = Vec::new();
    let of = |outcome: Outcome| -> Vec<&FileEntry> {
        report.files.iter().filter(|entry| Outcome::of(entry) == outcome).collect()
    };
    let noncompliant = of(Outcome::Noncompliant);
    let (fixable, stubborn): (Vec<_>, Vec<_>) =
        noncompliant.into_iter().partition(|entry| worst_remedy(entry) < Remedy::Trim);
    if !fixable.is_empty() {
        let them = if fixable.len() == 1 { "it" } else { "them" };
        all.push(Advice {
            text: format!(
                "{} be made compliant without leaving anything out: run `greenlit fix PATH --out DIR`. \
                 Add `--dry-run` to see first what would be done to {them}.",
                units::count(fixable.len() as u64, "file can", "files can"),
            ),
            files: Vec::new(),
        });
    }
    let mut add = |entries: Vec<&FileEntry>, text: &str, line: fn(&FileEntry) -> String| {
        if !entries.is_empty() {
            all.push(Advice { text: text.to_owned(), files: named(&entries, line) });
        }
    };
    add(
        stubborn,
        "These break a rule that no change to the file clears without your consent, or at all. \
         `greenlit fix PATH --out DIR --dry-run` names the option that gives consent, where there is one; \
         otherwise export the video again.",
        errors,
    );
    add(
        of(Outcome::Refused),
        "These were refused rather than changed in a way you did not ask for. Give consent with the option \
         named, or export the video again within the limits shown with each file.",
        reasons,
    );
    add(
        of(Outcome::Undecided),
        "These could not be judged, and are not called compliant on a guess. `greenlit check --deep PATH` \
         decodes every frame and may find the missing facts; otherwise export the video again.",
        reasons,
    );
    add(
        of(Outcome::Unreadable),
        "These are not readable as media: transfer or export them again, and compare sizes with the original.",
        reasons,
    );
    add(
        of(Outcome::Undelivered),
        "These comply but did not arrive. `greenlit status` shows the next step of each, and \
         `greenlit resolve` settles what only a person can decide. Running the same command again is safe.",
        reasons,
    );
    add(
        of(Outcome::Failed),
        "Here something other than the file went wrong. Put right what is named, `greenlit doctor` may help, \
         and run the same command again: finished work is not repeated.",
        reasons,
    );
    all.extend(explain(report));
    all
}

/// The rule that stops most files, as a place to start reading.
fn explain(report: &Report) -> Option<Advice> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let open = report
        .files
        .iter()
        .filter(|entry| matches!(Outcome::of(entry), Outcome::Noncompliant | Outcome::Refused));
    for finding in open.flat_map(|entry| &entry.findings).filter(|f| f.severity == Severity::Error) {
        *counts.entry(&finding.rule).or_default() += 1;
    }
    // The first of equals, by name, so that the same report always reads the same.
    let (rule, _) = counts.into_iter().rev().max_by_key(|(_, count)| *count)?;
    Some(Advice {
        text: format!(
            "`greenlit explain {rule}` says what a rule means, why it is there and where it is published."
        ),
        files: Vec::new(),
    })
}

fn worst_remedy(entry: &FileEntry) -> Remedy {
    let errors = entry.findings.iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| finding.remedy).max().unwrap_or(Remedy::None)
}

fn named(entries: &[&FileEntry], line: fn(&FileEntry) -> String) -> Vec<String> {
    let mut files: Vec<String> =
        entries.iter().take(NAMED).map(|entry| format!("{}: {}", entry.path, line(entry))).collect();
    if entries.len() > NAMED {
        files.push(format!("and {} more", entries.len() - NAMED));
    }
    files
}

fn reasons(entry: &FileEntry) -> String {
    let mut said: Vec<String> = Vec::new();
    for trouble in troubles(entry) {
        // A video that was not sent, and each of its ads, repeat why the file was refused.
        if !said.iter().any(|earlier| trouble.message.contains(earlier.as_str())) {
            said.push(trouble.message);
        }
    }
    said.join(" ")
}

fn errors(entry: &FileEntry) -> String {
    let errors = entry
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error && finding.remedy >= Remedy::Trim);
    errors.map(|finding| finding.message.as_str()).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::samples;
    use super::*;

    #[test]
    fn nothing_to_do_when_all_is_through() {
        let mut report = samples::everything();
        report.files.retain(|entry| !Outcome::of(entry).needs_attention());
        assert!(!report.files.is_empty());
        assert_eq!(what_to_do(&report), []);
    }

    #[test]
    fn every_file_that_needs_attention_has_advice() {
        let report = samples::everything();
        for entry in report.files.iter().filter(|entry| Outcome::of(entry).needs_attention()) {
            let mut alone = report.clone();
            alone.files = vec![entry.clone()];
            assert!(!what_to_do(&alone).is_empty(), "{}", entry.path);
        }
    }

    #[test]
    fn a_long_list_is_cut_and_counted() {
        let mut report = samples::everything();
        let unreadable: Vec<_> =
            report.files.iter().filter(|e| Outcome::of(e) == Outcome::Unreadable).cloned().collect();
        report.files = unreadable.into_iter().cycle().take(NAMED + 3).collect();
        let advice = what_to_do(&report);
        assert_eq!(advice[0].files.len(), NAMED + 1);
        assert_eq!(advice[0].files[NAMED], "and 3 more");
    }
}
