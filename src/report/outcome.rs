//! The outcome of one entry: how the file ended, and what became of its delivery.

use super::{FileEntry, delivery};
use crate::ending::Ending;
use crate::rules::{Finding, RuleId, Severity, Verdict};

/// The outcome of an entry. All renderers use it, so that all formats agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// Complies without changes.
    Passed,
    /// Was fixed.
    Fixed,
    /// Can be fixed; this was a dry run.
    Planned,
    /// Breaks a rule, but each of its errors is accepted.
    Accepted,
    /// Breaks a rule, and no fix was attempted.
    Noncompliant,
    /// Too few facts are known for a verdict.
    Undecided,
    /// The output must be made again; this run only checked that.
    Outdated,
    /// Cannot be read as media.
    Unreadable,
    /// Cannot be fixed with the given options.
    Refused,
    /// Was delivered, but a row changed since its ad or post was published, and the change is not sent.
    ChangeUnsent,
    /// Complies, but was not delivered.
    Undelivered,
    /// An operation failed.
    Failed,
    /// The run was cancelled before the file was done.
    Cancelled,
    /// Not a media file.
    Skipped,
}

impl Outcome {
    /// All outcomes, in the order of the summary.
    pub(super) const ALL: [Outcome; 14] = [
        Outcome::Passed,
        Outcome::Fixed,
        Outcome::Planned,
        Outcome::Accepted,
        Outcome::Noncompliant,
        Outcome::Undecided,
        Outcome::Outdated,
        Outcome::Unreadable,
        Outcome::Refused,
        Outcome::ChangeUnsent,
        Outcome::Undelivered,
        Outcome::Failed,
        Outcome::Cancelled,
        Outcome::Skipped,
    ];

    pub(super) fn of(entry: &FileEntry) -> Outcome {
        let outcome = Outcome::before_delivery(entry);
        match (&entry.delivery, outcome) {
            (Some(delivery), Outcome::Passed | Outcome::Fixed) if delivery.is_stuck() => Outcome::Undelivered,
            (Some(delivery), Outcome::Passed | Outcome::Fixed) if delivery.has_unsent_change() => {
                Outcome::ChangeUnsent
            }
            _ => outcome,
        }
    }

    fn before_delivery(entry: &FileEntry) -> Outcome {
        match entry.ending {
            _ if entry.outdated.is_some() => Outcome::Outdated,
            Ending::Compliant => Outcome::Passed,
            Ending::Fixed => Outcome::Fixed,
            Ending::Fixable => Outcome::Planned,
            Ending::Noncompliant => Outcome::Noncompliant,
            Ending::Accepted => Outcome::Accepted,
            Ending::Undecided => Outcome::Undecided,
            Ending::Unreadable(_) => Outcome::Unreadable,
            Ending::Refused(_) => Outcome::Refused,
            Ending::Failed(_) => Outcome::Failed,
            Ending::Interrupted => Outcome::Cancelled,
            Ending::Skipped => Outcome::Skipped,
        }
    }

    /// Returns the label for people; with `-` for spaces it is also a CSS class and an id.
    pub(super) fn label(self) -> &'static str {
        match self {
            Outcome::Passed => "compliant",
            Outcome::Fixed => "fixed",
            Outcome::Planned => "fixable",
            Outcome::Noncompliant => "not compliant",
            Outcome::Accepted => "accepted",
            Outcome::Undecided => "undecided",
            Outcome::Outdated => "outdated",
            Outcome::Unreadable => "unreadable",
            Outcome::Refused => "refused",
            Outcome::ChangeUnsent => "change not sent",
            Outcome::Undelivered => "not delivered",
            Outcome::Failed => "failed",
            Outcome::Cancelled => "cancelled",
            Outcome::Skipped => "skipped",
        }
    }

    /// Returns the label after a number of files.
    pub(super) fn counted_label(self, number: u64) -> &'static str {
        match self {
            Outcome::ChangeUnsent if number != 1 => "changes not sent",
            other => other.label(),
        }
    }

    /// Returns a shorter label, which fits in the column of the severities.
    pub(super) fn label_short(self) -> &'static str {
        match self {
            Outcome::Noncompliant | Outcome::Unreadable => "error",
            Outcome::Undecided => "unknown",
            Outcome::Cancelled => "stopped",
            Outcome::ChangeUnsent => "changed",
            other => other.label(),
        }
    }

    /// Returns a symbol that can be distinguished without colour.
    pub(super) fn mark(self) -> &'static str {
        match self {
            Outcome::Passed | Outcome::Fixed | Outcome::Accepted => "✓",
            Outcome::Planned => "→",
            Outcome::Undecided => "?",
            Outcome::ChangeUnsent | Outcome::Outdated => "!",
            Outcome::Skipped | Outcome::Cancelled => "-",
            Outcome::Noncompliant
            | Outcome::Unreadable
            | Outcome::Refused
            | Outcome::Undelivered
            | Outcome::Failed => "✗",
        }
    }

    /// Returns whether the user must act on it.
    pub(super) fn needs_attention(self) -> bool {
        !matches!(
            self,
            Outcome::Passed | Outcome::Fixed | Outcome::Planned | Outcome::Accepted | Outcome::Skipped
        )
    }
}

impl FileEntry {
    /// Returns whether the file complies, but its delivery needs attention.
    pub(super) fn is_undelivered(&self) -> bool {
        Outcome::of(self) == Outcome::Undelivered
    }
}

/// Returns whether a verified output fixes the errors of the source, regardless of its delivery.
pub(super) fn is_fixed(entry: &FileEntry) -> bool {
    Outcome::before_delivery(entry) == Outcome::Fixed
}

/// Returns whether a verified output of `entry` no longer has the finding.
pub(super) fn is_cleared(entry: &FileEntry, finding: &Finding) -> bool {
    let verified =
        entry.fix.as_ref().filter(|fix| fix.output.is_some()).and_then(|fix| fix.verified.as_ref());
    match verified {
        Some(checks) if checks.verdict == Verdict::Compliant => {
            finding.severity == Severity::Error || !checks.remaining.contains(&finding.rule)
        }
        Some(_) => false,
        None => finding.severity == Severity::Error && is_fixed(entry),
    }
}

/// Returns whether the output is one of an earlier run.
pub(super) fn is_reused(entry: &FileEntry) -> bool {
    entry.only_counted || entry.fix.as_ref().is_some_and(|fix| fix.reused && fix.output.is_some())
}

/// A problem of an entry other than its findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// A stable id, different from every rule id.
    pub(super) id: &'static str,
    /// One sentence for people, not escaped.
    pub(super) message: String,
    /// Whether an operation failed, as opposed to the file being at fault.
    pub(super) is_operational: bool,
    /// Whether it is about the delivery, which has lines of its own.
    pub(super) is_delivery: bool,
}

/// Every id of a [`Problem`], with its meaning.
pub(super) const PROBLEMS: [(&str, &str); 9] = [
    ("unreadable", "The file cannot be read as media."),
    ("indeterminate", "Too few facts are known to decide whether the file complies."),
    ("outdated", "The output is missing or must be made again."),
    ("operation-failed", "greenlit could not check the file."),
    ("cancelled", "The run was cancelled before the file was done."),
    ("fix-refused", "The file cannot be fixed with the given options."),
    ("fix-failed", "Fixing the file failed."),
    ("delivery", "The video, or an ad or post of it, was not delivered."),
    ("change-not-sent", "A row changed since its ad or post was published, and the change was not sent."),
];

/// What a cancelled file needs.
const CANCELLED: &str = "cancelled; run the same command again to resume";

/// Returns the problems of `entry` other than its findings.
pub(super) fn problems(entry: &FileEntry) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut add = |id, message: String, is_operational| {
        found.push(Problem { id, message, is_operational, is_delivery: false });
    };
    let outcome = Outcome::before_delivery(entry);
    let reason = |default: &str| entry.reason.clone().unwrap_or_else(|| default.to_owned());
    let fix_reason = entry.fix.as_ref().and_then(|fix| fix.reason.clone());
    match outcome {
        Outcome::Unreadable => add("unreadable", reason("The file cannot be read as media."), false),
        Outcome::Undecided => add("indeterminate", reason(&unknown_facts(&entry.undecided)), false),
        Outcome::Outdated => add("outdated", reason("The output must be made again."), false),
        Outcome::Failed if entry.fix.is_none() => {
            add("operation-failed", reason("greenlit could not check the file."), true);
        }
        Outcome::Failed => {
            let default = "The output failed verification.".to_owned();
            add("fix-failed", fix_reason.unwrap_or(default), true);
        }
        Outcome::Cancelled => add("cancelled", fix_reason.unwrap_or_else(|| reason(CANCELLED)), true),
        Outcome::Refused => {
            add("fix-refused", fix_reason.unwrap_or_else(|| "The file cannot be fixed.".to_owned()), false);
        }
        _ => {}
    }
    found.extend(delivery::sentences(entry).into_iter().map(|sentence| Problem {
        id: if sentence.is_unsent_change { "change-not-sent" } else { "delivery" },
        message: sentence.text,
        is_operational: true,
        is_delivery: true,
    }));
    found
}

fn unknown_facts(rules: &[RuleId]) -> String {
    if rules.is_empty() {
        return "Too few facts are known to decide whether the file complies.".to_owned();
    }
    format!("Undecided because facts are missing: {}.", RuleId::list(rules))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::samples;
    use super::*;

    #[test]
    fn every_sample_has_the_outcome_in_its_name() {
        let report = samples::everything();
        let outcomes: Vec<_> =
            report.files.iter().map(|entry| (entry.path.as_str(), Outcome::of(entry))).collect();
        for (path, outcome) in &outcomes {
            let expected = path.split(['/', '.']).nth(1).unwrap();
            assert_eq!(outcome.label().replace(' ', "-"), expected, "{path}");
        }
        for outcome in Outcome::ALL {
            assert!(outcomes.iter().any(|(_, other)| *other == outcome), "no sample for {outcome:?}");
        }
    }

    #[test]
    fn a_label_after_a_number_agrees_with_it() {
        let counted = |number| Outcome::ChangeUnsent.counted_label(number);
        assert_eq!([counted(1), counted(2)], ["change not sent", "changes not sent"]);
        let all = Outcome::ALL.into_iter().filter(|outcome| *outcome != Outcome::ChangeUnsent);
        all.for_each(|outcome| assert_eq!(outcome.counted_label(2), outcome.label()));
    }

    #[test]
    fn an_outcome_that_needs_attention_is_worse_than_those_that_do_not() {
        let attention = |outcome: &&Outcome| outcome.needs_attention();
        let done = Outcome::ALL.iter().filter(|outcome| !attention(outcome) && **outcome != Outcome::Skipped);
        assert!(done.max() < Outcome::ALL.iter().filter(attention).min());
    }

    #[test]
    fn problems_have_known_ids_and_only_occur_when_attention_is_needed() {
        for entry in &samples::everything().files {
            let found = problems(entry);
            for problem in &found {
                assert!(PROBLEMS.iter().any(|(id, _)| *id == problem.id), "{problem:?}");
            }
            let outcome = Outcome::of(entry);
            let by_findings = outcome == Outcome::Noncompliant;
            assert_eq!(!found.is_empty(), outcome.needs_attention() && !by_findings, "{}", entry.path);
        }
    }
}
