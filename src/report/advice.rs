//! The "What to do" section: next steps for the files that need attention.

use std::collections::BTreeMap;

use super::outcome::{Outcome, problems};
use super::{FileEntry, FixForecast, Report, units};
use crate::rules::{Remedy, Severity};

/// At most this many files are listed for each piece of advice; the rest is only counted.
const MAX_LISTED_FILES: usize = 10;

/// One next step and the files it applies to. The text is not escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Advice {
    /// What to do.
    pub(super) text: String,
    /// One line for each file: its path and its reason.
    pub(super) files: Vec<String>,
}

/// Returns the next steps, or nothing when no file needs attention.
pub(super) fn what_to_do(report: &Report) -> Vec<Advice> {
    let mut all = Vec::new();
    let of = |outcome: Outcome| -> Vec<&FileEntry> {
        report.files.iter().filter(|entry| Outcome::of(entry) == outcome).collect()
    };
    let noncompliant = of(Outcome::Noncompliant);
    let (planned, unplanned): (Vec<_>, Vec<_>) =
        noncompliant.into_iter().partition(|entry| entry.forecast.is_some());
    all.extend(forecast_advice(&planned));
    let (fixable, unfixable): (Vec<_>, Vec<_>) =
        unplanned.into_iter().partition(|entry| worst_remedy(entry) < Remedy::Trim);
    if !fixable.is_empty() {
        all.push(Advice {
            text: format!(
                "{} be fixed without losing content: run `greenlit fix PATH --out DIR`. Add `--dry-run` to \
                 see the plan first.",
                units::count(fixable.len() as u64, "file can", "files can"),
            ),
            files: Vec::new(),
        });
    }
    let mut add = |entries: Vec<&FileEntry>, text: &str, line: fn(&FileEntry) -> String| {
        if !entries.is_empty() {
            all.push(Advice { text: text.to_owned(), files: listed(&entries, line) });
        }
    };
    add(
        unfixable,
        "These files break a rule that greenlit cannot fix, or fixes only with your consent. \
         `greenlit fix PATH --out DIR --dry-run` shows which option gives consent. If it shows none, export \
         the video again.",
        errors,
    );
    add(
        of(Outcome::Refused),
        "greenlit did not fix these files: the changes that are permitted are not enough. Give consent with the \
         options shown, or export the video again within the limits shown for each file.",
        reasons,
    );
    add(
        of(Outcome::Undecided),
        "These files could not be checked completely, so they do not count as compliant. \
         `greenlit check --deep PATH` decodes every frame and may determine the missing facts. If it does \
         not, export the video again.",
        reasons,
    );
    add(
        of(Outcome::Unreadable),
        "These files cannot be read as media. Transfer or export them again, and compare their sizes with \
         the originals.",
        reasons,
    );
    add(
        of(Outcome::Undelivered),
        "These files comply but were not delivered. `greenlit status` shows the next step for each, and \
         `greenlit resolve` records the decisions that only you can make. It is safe to run the same command \
         again. A video that was given up is uploaded again only with `--retry FILE` or `--retry all`.",
        reasons,
    );
    add(
        of(Outcome::Failed),
        "An operation on these files failed; the files themselves may be fine. Correct the cause shown \
         (`greenlit doctor` may help), then run the same command again. Completed files are not processed \
         again.",
        reasons,
    );
    add(of(Outcome::Cancelled), "The run was cancelled. Run the same command again to resume.", reasons);
    all.extend(explain(report));
    all
}

/// Returns the next steps by what the planner says about each file: nothing is lost, streams are left out, these
/// options are needed, or refused.
fn forecast_advice(entries: &[&FileEntry]) -> Vec<Advice> {
    let (mut lossless, mut leaving_out, mut refused) = (0, Vec::new(), Vec::new());
    let mut by_options: BTreeMap<String, Vec<(&str, String)>> = BTreeMap::new();
    for entry in entries {
        let path = entry.path.as_str();
        match &entry.forecast {
            None => {}
            Some(FixForecast::Fixable { left_out }) if left_out.is_empty() => lossless += 1,
            Some(FixForecast::Fixable { left_out }) => {
                leaving_out.push((path, format!("leaves out {}", left_out.join(", "))));
            }
            Some(FixForecast::NeedsConsent { options, reason }) => {
                by_options.entry(options.join(" ")).or_default().push((path, reason.clone()));
            }
            Some(FixForecast::Refused { reason }) => refused.push((path, reason.clone())),
        }
    }
    let can = |count: usize| units::count(count as u64, "file can", "files can");
    let mut all = Vec::new();
    if lossless > 0 {
        let text = format!(
            "{} be fixed without losing content: run `greenlit fix PATH --out DIR`. Add `--dry-run` to see the \
             plan first.",
            can(lossless)
        );
        all.push(Advice { text, files: Vec::new() });
    }
    if !leaving_out.is_empty() {
        let text = format!(
            "{} be fixed with video and audio only: run `greenlit fix PATH --out DIR`. Other streams are left out:",
            can(leaving_out.len())
        );
        all.push(Advice { text, files: limited(&leaving_out) });
    }
    for (options, files) in &by_options {
        let text = format!(
            "{} be fixed with your consent: run `greenlit fix PATH --out DIR {options}`.",
            can(files.len())
        );
        all.push(Advice { text, files: limited(files) });
    }
    if !refused.is_empty() {
        let text = "greenlit cannot fix these files, with any option: export them again.".to_owned();
        all.push(Advice { text, files: limited(&refused) });
    }
    all
}

/// Suggests `greenlit explain` for the rule that the most files break.
fn explain(report: &Report) -> Option<Advice> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let open = report
        .files
        .iter()
        .filter(|entry| matches!(Outcome::of(entry), Outcome::Noncompliant | Outcome::Refused));
    for finding in open.flat_map(|entry| &entry.findings).filter(|f| f.severity == Severity::Error) {
        *counts.entry(&finding.rule).or_default() += 1;
    }
    // Ties go to the first rule by name, so that equal reports have equal text.
    let (rule, _) = counts.into_iter().rev().max_by_key(|(_, count)| *count)?;
    Some(Advice {
        text: format!(
            "`greenlit explain {rule}` shows what the rule means, why it exists and where it is published."
        ),
        files: Vec::new(),
    })
}

fn worst_remedy(entry: &FileEntry) -> Remedy {
    let errors = entry.findings.iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| finding.remedy).max().unwrap_or(Remedy::None)
}

fn listed(entries: &[&FileEntry], line: fn(&FileEntry) -> String) -> Vec<String> {
    let lines: Vec<(&str, String)> = entries.iter().map(|entry| (entry.path.as_str(), line(entry))).collect();
    limited(&lines)
}

/// Returns a line for each file, and the count of those beyond [`MAX_LISTED_FILES`].
fn limited(lines: &[(&str, String)]) -> Vec<String> {
    let listed = lines.iter().take(MAX_LISTED_FILES);
    let mut files: Vec<String> = listed.map(|(path, line)| format!("{path}: {line}")).collect();
    if lines.len() > MAX_LISTED_FILES {
        files.push(format!("and {} more", lines.len() - MAX_LISTED_FILES));
    }
    files
}

fn reasons(entry: &FileEntry) -> String {
    let mut messages: Vec<String> = Vec::new();
    for problem in problems(entry) {
        // The delivery of a refused video, and each of its ads, repeat the reason of the refusal.
        if !messages.iter().any(|earlier| problem.message.contains(earlier.as_str())) {
            messages.push(problem.message);
        }
    }
    messages.join(" ")
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
    fn gives_no_advice_when_no_file_needs_attention() {
        let mut report = samples::everything();
        report.files.retain(|entry| !Outcome::of(entry).needs_attention());
        assert!(!report.files.is_empty());
        assert_eq!(what_to_do(&report), []);
    }

    #[test]
    fn gives_advice_for_every_file_that_needs_attention() {
        let report = samples::everything();
        for entry in report.files.iter().filter(|entry| Outcome::of(entry).needs_attention()) {
            let mut alone = report.clone();
            alone.files = vec![entry.clone()];
            assert!(!what_to_do(&alone).is_empty(), "{}", entry.path);
        }
    }

    #[test]
    fn truncates_a_long_list_and_counts_the_rest() {
        let mut report = samples::everything();
        let unreadable: Vec<_> =
            report.files.iter().filter(|e| Outcome::of(e) == Outcome::Unreadable).cloned().collect();
        report.files = unreadable.into_iter().cycle().take(MAX_LISTED_FILES + 3).collect();
        let advice = what_to_do(&report);
        assert_eq!(advice[0].files.len(), MAX_LISTED_FILES + 1);
        assert_eq!(advice[0].files[MAX_LISTED_FILES], "and 3 more");
    }
}
