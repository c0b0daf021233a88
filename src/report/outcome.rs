//! What became of one entry in a single word, from verdict, fix and delivery together.

use super::{Delivery, FileEntry, FixAction};
use crate::rules::Verdict;

/// How an entry ended. Every renderer tells the same story, so it is decided here once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// Complies as it is.
    Passed,
    /// Was made compliant.
    Fixed,
    /// Would be made compliant: a plan that was only looked at.
    Planned,
    /// Breaks a rule, and nothing was done about it.
    Noncompliant,
    /// Too little is known.
    Undecided,
    /// Is no readable media.
    Unreadable,
    /// Cannot be fixed as asked.
    Refused,
    /// Complies, but did not arrive.
    Undelivered,
    /// Something went wrong on our side.
    Failed,
    /// Not a media file.
    Skipped,
}

impl Outcome {
    /// All of them, in the order of a summary.
    pub(super) const ALL: [Outcome; 10] = [
        Outcome::Passed,
        Outcome::Fixed,
        Outcome::Planned,
        Outcome::Noncompliant,
        Outcome::Undecided,
        Outcome::Unreadable,
        Outcome::Refused,
        Outcome::Undelivered,
        Outcome::Failed,
        Outcome::Skipped,
    ];

    pub(super) fn of(entry: &FileEntry) -> Outcome {
        let outcome = Outcome::before_delivery(entry);
        let arrived = !entry.delivery.as_ref().is_some_and(has_trouble);
        match outcome {
            Outcome::Passed | Outcome::Fixed if !arrived => Outcome::Undelivered,
            other => other,
        }
    }

    fn before_delivery(entry: &FileEntry) -> Outcome {
        if let Some(fix) = &entry.fix {
            let proven = fix.verified.as_ref().is_none_or(|proof| proof.verdict == Verdict::Compliant);
            match (fix.action, &fix.output) {
                (FixAction::Refused, _) => return Outcome::Refused,
                (FixAction::Failed, _) => return Outcome::Failed,
                (FixAction::None | FixAction::Copy, _) => {}
                (_, Some(_)) if proven => return Outcome::Fixed,
                (_, Some(_)) => return Outcome::Failed,
                (_, None) => return Outcome::Planned,
            }
        }
        match entry.verdict {
            Verdict::Compliant => Outcome::Passed,
            Verdict::Noncompliant => Outcome::Noncompliant,
            // A stated reason without facts is an operation that failed, not a gap in the facts.
            Verdict::Indeterminate if entry.reason.is_some() && entry.media.is_none() => Outcome::Failed,
            Verdict::Indeterminate => Outcome::Undecided,
            Verdict::Unreadable => Outcome::Unreadable,
            Verdict::Skipped => Outcome::Skipped,
        }
    }

    /// A word for people; also, with `-` for blanks, a name for machines.
    pub(super) fn label(self) -> &'static str {
        match self {
            Outcome::Passed => "compliant",
            Outcome::Fixed => "fixed",
            Outcome::Planned => "fixable",
            Outcome::Noncompliant => "not compliant",
            Outcome::Undecided => "undecided",
            Outcome::Unreadable => "unreadable",
            Outcome::Refused => "refused",
            Outcome::Undelivered => "not delivered",
            Outcome::Failed => "failed",
            Outcome::Skipped => "skipped",
        }
    }

    /// The same in a word that fits beside the severities.
    pub(super) fn label_short(self) -> &'static str {
        match self {
            Outcome::Noncompliant | Outcome::Unreadable => "error",
            Outcome::Undecided => "unknown",
            other => other.label(),
        }
    }

    /// A mark that needs no colour to be told apart.
    pub(super) fn mark(self) -> &'static str {
        match self {
            Outcome::Passed | Outcome::Fixed => "✓",
            Outcome::Planned => "→",
            Outcome::Undecided => "?",
            Outcome::Skipped => "-",
            Outcome::Noncompliant
            | Outcome::Unreadable
            | Outcome::Refused
            | Outcome::Undelivered
            | Outcome::Failed => "✗",
        }
    }

    /// Whether a person has to look at it.
    pub(super) fn needs_attention(self) -> bool {
        !matches!(self, Outcome::Passed | Outcome::Fixed | Outcome::Planned | Outcome::Skipped)
    }
}

/// Whether the errors of the source are settled by an output, wherever that went since.
pub(super) fn is_fixed(entry: &FileEntry) -> bool {
    Outcome::before_delivery(entry) == Outcome::Fixed
}

/// What is wrong with an entry beyond its findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// A stable id, apart from those of the rules.
    pub(super) id: &'static str,
    /// One sentence for a person, not escaped.
    pub(super) message: String,
    /// Whether it is the operation that failed rather than the file.
    pub(super) is_operational: bool,
}

/// Every id a [`Trouble`] may have, with what it means.
pub(super) const TROUBLES: [(&str, &str); 6] = [
    ("unreadable", "The file is no readable media."),
    ("indeterminate", "Too little is known of the file to call it compliant."),
    ("operation-failed", "The file could not be checked."),
    ("fix-refused", "The file cannot be made compliant as asked."),
    ("fix-failed", "Making the file compliant went wrong."),
    ("delivery", "The file did not reach the platform."),
];

/// What is wrong with `entry` beyond its findings.
pub(super) fn troubles(entry: &FileEntry) -> Vec<Trouble> {
    let mut found = Vec::new();
    let mut add = |id, message: String, is_operational| found.push(Trouble { id, message, is_operational });
    let outcome = Outcome::before_delivery(entry);
    let reason = |default: &str| entry.reason.clone().unwrap_or_else(|| default.to_owned());
    let fix_reason = entry.fix.as_ref().and_then(|fix| fix.reason.clone());
    match outcome {
        Outcome::Unreadable => add("unreadable", reason("This is no readable media."), false),
        Outcome::Undecided => add("indeterminate", reason(&unknown_facts(&entry.undecided)), false),
        Outcome::Failed if entry.fix.is_none() => {
            add("operation-failed", reason("The file could not be checked."), true);
        }
        Outcome::Failed => {
            let default = "The output did not stand up to verification.".to_owned();
            add("fix-failed", fix_reason.unwrap_or(default), true);
        }
        Outcome::Refused => {
            add("fix-refused", fix_reason.unwrap_or_else(|| "It cannot be fixed.".to_owned()), false);
        }
        _ => {}
    }
    if let Some(delivery) = entry.delivery.as_ref().filter(|delivery| has_trouble(delivery)) {
        if is_stuck(&delivery.state, delivery.reason.as_deref()) {
            add("delivery", stuck("The video", &delivery.state, delivery.reason.as_deref()), true);
        }
        for ad in delivery.ads.iter().filter(|ad| is_stuck(&ad.state, ad.reason.as_deref())) {
            let subject = format!("The ad of row {}", ad.row);
            add("delivery", stuck(&subject, &ad.state, ad.reason.as_deref()), true);
        }
    }
    found
}

fn unknown_facts(rules: &[String]) -> String {
    if rules.is_empty() {
        return "Too little is known of this file to call it compliant.".to_owned();
    }
    format!("Not decided, because facts are missing: {}.", rules.join(", "))
}

fn stuck(subject: &str, state: &str, reason: Option<&str>) -> String {
    let state = state.replace('_', " ");
    match reason {
        Some(reason) => format!("{subject}: {state}: {reason}"),
        None => format!("{subject}: {state}."),
    }
}

/// Whether the asset or one of its ads is stuck.
pub(super) fn has_trouble(delivery: &Delivery) -> bool {
    is_stuck(&delivery.state, delivery.reason.as_deref())
        || delivery.ads.iter().any(|ad| is_stuck(&ad.state, ad.reason.as_deref()))
}

/// States on the way are no trouble even with a remark; an unknown state with a reason is.
pub(super) fn is_stuck(state: &str, reason: Option<&str>) -> bool {
    const ON_THE_WAY: [&str; 7] =
        ["validated", "uploading", "uploaded", "processing", "ready", "publishing", "published"];
    match state.replace('_', "-").as_str() {
        "failed" | "given-up" => true,
        state => reason.is_some() && !ON_THE_WAY.contains(&state),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::samples;
    use super::*;

    #[test]
    fn every_sample_ends_as_its_name_says() {
        let report = samples::everything();
        let ends: Vec<_> =
            report.files.iter().map(|entry| (entry.path.as_str(), Outcome::of(entry))).collect();
        for (path, outcome) in &ends {
            let expected = path.split(['/', '.']).nth(1).unwrap();
            assert_eq!(outcome.label().replace(' ', "-"), expected, "{path}");
        }
        for outcome in Outcome::ALL {
            assert!(ends.iter().any(|(_, end)| *end == outcome), "no sample ends {outcome:?}");
        }
    }

    #[test]
    fn troubles_have_known_ids_and_belong_to_those_who_need_attention() {
        for entry in &samples::everything().files {
            let found = troubles(entry);
            for trouble in &found {
                assert!(TROUBLES.iter().any(|(id, _)| *id == trouble.id), "{trouble:?}");
            }
            let outcome = Outcome::of(entry);
            let by_findings = outcome == Outcome::Noncompliant;
            assert_eq!(!found.is_empty(), outcome.needs_attention() && !by_findings, "{}", entry.path);
        }
    }
}
