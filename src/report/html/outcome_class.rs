//! The CSS classes of outcomes.

use super::super::outcome::Outcome;

/// Returns the name of an outcome as an id and a CSS class.
pub(super) fn slug(outcome: Outcome) -> String {
    outcome.label().replace(' ', "-")
}

/// Returns the CSS class with the colours of an outcome.
pub(super) fn tone(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed | Outcome::Fixed => "good",
        Outcome::Planned | Outcome::Undecided | Outcome::ChangeUnsent => "warn",
        Outcome::Skipped => "idle",
        Outcome::Noncompliant
        | Outcome::Unreadable
        | Outcome::Refused
        | Outcome::Undelivered
        | Outcome::Cancelled
        | Outcome::Failed => "bad",
    }
}
