//! The CSS classes of outcomes and findings.

use super::super::outcome::Outcome;
use crate::rules::{Finding, Severity};

/// Returns the name of an outcome as a value of `data-outcome`.
pub(super) fn slug(outcome: Outcome) -> String {
    outcome.label().replace(' ', "-")
}

/// Returns the CSS class with the colours of an outcome.
pub(super) fn of_outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed | Outcome::Fixed => "good",
        Outcome::Planned | Outcome::Undecided | Outcome::Outdated | Outcome::ChangeUnsent => "warn",
        Outcome::Accepted | Outcome::Skipped => "idle",
        Outcome::Noncompliant
        | Outcome::Unreadable
        | Outcome::Refused
        | Outcome::Undelivered
        | Outcome::Cancelled
        | Outcome::Failed => "bad",
    }
}

/// Returns the CSS class with the colours of a finding.
pub(super) fn of_finding(finding: &Finding, is_fixed: bool) -> &'static str {
    match finding.severity {
        _ if is_fixed => "good",
        _ if finding.accepted.is_some() => "idle",
        Severity::Error => "bad",
        Severity::Warning => "warn",
        Severity::Advice => "idle",
    }
}
