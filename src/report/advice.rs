//! The "What to do" section: next steps for the files that need attention.

use std::collections::{BTreeMap, BTreeSet};

use super::advice_texts::{
    AdviceText, CANCELLED, CHANGE_UNSENT, FAILED, GIVEN_UP, OUTDATED, REFUSED, UNDELIVERED, UNREADABLE,
};
use super::command_words::{consent_keys, path_words, profile_options};
use super::outcome::{Outcome, problems};
use super::{ConsentForm, FileEntry, FixForecast, Report, row_advice, units};
use crate::ending::Ending;
use crate::rules::Remedy;

/// At most this many files are listed for each piece of advice; the rest is only counted.
const MAX_LISTED_FILES: usize = 10;

/// One next step and the files it applies to. The text is not escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Advice {
    /// What to do.
    pub(super) text: String,
    /// One line for each file: its path and its reason.
    pub(super) files: Vec<String>,
    /// The same in one line; `None` for advice that is about no file.
    pub(super) brief: Option<BriefAdvice>,
}

/// A next step in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BriefAdvice {
    /// How many files it applies to.
    pub(super) files: u64,
    /// The command to run, or what to do.
    pub(super) text: String,
    /// Whether it gives consent to a change of the content.
    pub(super) is_consent: bool,
}

/// Returns the next steps, or nothing when no file needs attention.
pub(super) fn what_to_do(report: &Report) -> Vec<Advice> {
    let (path, profiles) = (path_words(report), profile_options(report));
    let mut all = about_noncompliant(report, &format!("greenlit fix {path} --out DIR{profiles}"));
    let is_given_up =
        |entry: &&FileEntry| entry.delivery.as_ref().is_some_and(|delivery| delivery.is_given_up());
    let (given_up, undelivered): (Vec<_>, Vec<_>) =
        of(report, Outcome::Undelivered).into_iter().partition(is_given_up);
    let (stopped, undelivered) = row_advice::split(undelivered);
    let undecided = format!(
        "These files could not be checked completely, so they do not count as compliant. \
         `greenlit check --deep {path}{profiles}` decodes every frame and may determine the missing facts. If it \
         does not, export the video again."
    );
    let undecided = AdviceText {
        full: &undecided,
        brief: &format!("`greenlit check --deep {path}{profiles}` may determine the missing facts"),
    };
    let needs_consent = |entry: &&FileEntry| matches!(entry.forecast, Some(FixForecast::NeedsConsent { .. }));
    let (consents, no_option): (Vec<_>, Vec<_>) =
        of(report, Outcome::Refused).into_iter().partition(needs_consent);
    all.extend(by_options(&consents).iter().map(|(options, files)| {
        let change = match report.consents {
            ConsentForm::Options => format!("run the same command with `{options}`"),
            ConsentForm::Keys => format!("set {} in `[fix]` or `[[build]]`", consent_keys(options)),
        };
        let text = format!("{} be fixed with your consent: {change}.", files_can(files));
        let short = change.strip_prefix("run ").unwrap_or(&change);
        with_consent(files, report.profiles.len() > 1, text, format!("{short}, with your consent"))
    }));
    all.extend(about_rows(report, &stopped));
    let groups = [
        (no_option, REFUSED),
        (of(report, Outcome::Undecided), undecided),
        (of(report, Outcome::Unreadable), UNREADABLE),
        (undelivered, UNDELIVERED),
        (given_up, GIVEN_UP),
        (of(report, Outcome::ChangeUnsent), CHANGE_UNSENT),
        (of(report, Outcome::Failed), FAILED),
        (of(report, Outcome::Outdated), OUTDATED),
        (of(report, Outcome::Cancelled), CANCELLED),
    ];
    all.extend(groups.into_iter().filter_map(|(entries, text)| about(report, entries, text, reasons)));
    all.extend(explain(report));
    all
}

/// Returns a next step for each problem of a row.
fn about_rows(report: &Report, entries: &[&FileEntry]) -> Vec<Advice> {
    let advice = |problem| {
        let entries: Vec<&FileEntry> =
            entries.iter().copied().filter(|entry| row_advice::has(entry, problem)).collect();
        let (full, brief) = row_advice::text(problem, &entries);
        about(report, entries, AdviceText { full: &full, brief: &brief }, reasons)
    };
    row_advice::STOPPING.into_iter().filter_map(advice).collect()
}

/// Returns the entries with this outcome.
fn of(report: &Report, outcome: Outcome) -> Vec<&FileEntry> {
    report.files.iter().filter(|entry| Outcome::of(entry) == outcome).collect()
}

/// Returns one piece of advice about these entries, if there are any, with a line for each.
fn about(
    report: &Report,
    entries: Vec<&FileEntry>,
    text: AdviceText<'_>,
    line: fn(&FileEntry) -> String,
) -> Option<Advice> {
    let lines: Vec<Line<'_>> = entries.into_iter().map(|entry| (entry, line(entry))).collect();
    let files = listed(&lines, report.profiles.len() > 1);
    (!files.is_empty()).then(|| Advice {
        text: text.full.to_owned(),
        files,
        brief: Some(brief(&lines, text.brief.to_owned())),
    })
}

/// Returns a next step in one line for the files of `lines`.
fn brief(lines: &[Line<'_>], text: String) -> BriefAdvice {
    BriefAdvice { files: by_file(lines).len() as u64, text, is_consent: false }
}

/// Returns the files that are fixed with consents, by the options that give them.
fn by_options<'a>(entries: &[&'a FileEntry]) -> BTreeMap<String, Vec<Line<'a>>> {
    let mut groups: BTreeMap<String, Vec<Line<'_>>> = BTreeMap::new();
    for &entry in entries {
        if let Some(FixForecast::NeedsConsent { options, reason }) = &entry.forecast {
            groups.entry(options.join(" ")).or_default().push((entry, reason.clone()));
        }
    }
    groups
}

/// Returns the next step for files that are fixed with consents.
fn with_consent(files: &[Line<'_>], several_profiles: bool, text: String, short: String) -> Advice {
    let brief = BriefAdvice { is_consent: true, ..brief(files, short) };
    Advice { text, files: listed(files, several_profiles), brief: Some(brief) }
}

/// Returns the next steps for files that break a rule and were not fixed; `fix` is the command that fixes files.
fn about_noncompliant(report: &Report, fix: &str) -> Vec<Advice> {
    let (planned, unplanned): (Vec<_>, Vec<_>) =
        of(report, Outcome::Noncompliant).into_iter().partition(|entry| entry.forecast.is_some());
    let mut all = forecast_advice(&planned, report.profiles.len() > 1, fix);
    let (fixable, unfixable): (Vec<_>, Vec<_>) =
        unplanned.into_iter().partition(|entry| worst_remedy(entry) < Remedy::Trim);
    if !fixable.is_empty() {
        let fixable: Vec<Line<'_>> = fixable.into_iter().map(|entry| (entry, String::new())).collect();
        all.push(without_loss(&fixable, fix));
    }
    let full = format!(
        "These files break a rule that greenlit cannot fix, or fixes only with your consent. \
         `{fix} --dry-run` shows which option gives consent. If it shows none, \
         export the video again."
    );
    let brief = format!("`{fix} --dry-run` shows whether an option helps");
    all.extend(about(report, unfixable, AdviceText { full: &full, brief: &brief }, errors));
    all
}

/// Returns the next steps by what the planner says about each file: nothing is lost, streams are left out, these
/// options are needed, or refused.
fn forecast_advice(entries: &[&FileEntry], several_profiles: bool, fix: &str) -> Vec<Advice> {
    let (mut lossless, mut leaving_out, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    let mut consents = Vec::new();
    for &entry in entries {
        match &entry.forecast {
            None => {}
            Some(FixForecast::Fixable { left_out }) if left_out.is_empty() => {
                lossless.push((entry, String::new()));
            }
            Some(FixForecast::Fixable { left_out }) => {
                leaving_out.push((entry, format!("leaves out {}", left_out.join(", "))));
            }
            Some(FixForecast::NeedsConsent { .. }) => consents.push(entry),
            Some(FixForecast::Refused { reason }) => refused.push((entry, reason.clone())),
        }
    }
    let mut all = Vec::new();
    if !lossless.is_empty() {
        all.push(without_loss(&lossless, fix));
    }
    if !leaving_out.is_empty() {
        let text = format!(
            "{} be fixed with video and audio only: run `{fix}`. Other streams are left out:",
            files_can(&leaving_out)
        );
        let short = format!("`{fix}`, keeping only video and audio");
        let files = listed(&leaving_out, several_profiles);
        all.push(Advice { text, files, brief: Some(brief(&leaving_out, short)) });
    }
    all.extend(by_options(&consents).iter().map(|(options, files)| {
        let command = format!("`{fix} {options}`");
        let text = format!("{} be fixed with your consent: run {command}.", files_can(files));
        with_consent(files, several_profiles, text, format!("{command}, with your consent"))
    }));
    if !refused.is_empty() {
        let text = "greenlit cannot fix these files, with any option: export them again.".to_owned();
        let short = "export again: no option helps".to_owned();
        let files = listed(&refused, several_profiles);
        all.push(Advice { text, files, brief: Some(brief(&refused, short)) });
    }
    all
}

/// Returns the next step for files that are fixed without losing content.
fn without_loss(files: &[Line<'_>], fix: &str) -> Advice {
    let text = format!(
        "{} be fixed without losing content: run `{fix}`. Add `--dry-run` to see the plan \
         first.",
        files_can(files)
    );
    let short = format!("`{fix}`, without losing content");
    Advice { text, files: Vec::new(), brief: Some(brief(files, short)) }
}

/// Suggests `greenlit explain` for the rule that the most files break.
fn explain(report: &Report) -> Option<Advice> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let open = report
        .files
        .iter()
        .filter(|entry| matches!(Outcome::of(entry), Outcome::Noncompliant | Outcome::Refused));
    let errors = open.flat_map(|entry| entry.findings.iter().map(move |finding| (entry, finding)));
    let mut counted = BTreeSet::new();
    for (entry, finding) in errors.filter(|(_, finding)| finding.is_open_error()) {
        // A file counts once for a rule, under however many profiles it breaks it.
        if counted.insert((&entry.path, finding.rule, finding.stream)) {
            *counts.entry(finding.rule.as_str()).or_default() += 1;
        }
    }
    // Ties go to the first rule by name, so that equal reports have equal text.
    let (rule, _) = counts.into_iter().rev().max_by_key(|(_, count)| *count)?;
    Some(Advice {
        text: format!(
            "`greenlit explain {rule}` shows what the rule means, why it exists and where it is published."
        ),
        files: Vec::new(),
        brief: None,
    })
}

fn worst_remedy(entry: &FileEntry) -> Remedy {
    let errors = entry.findings.iter().filter(|finding| finding.is_open_error());
    errors.map(|finding| finding.remedy).max().unwrap_or(Remedy::None)
}

/// An entry with the text that is listed for it.
type Line<'a> = (&'a FileEntry, String);

/// Returns a line for each file, with the profiles if there are several, and the count of those beyond
/// [`MAX_LISTED_FILES`].
fn listed(lines: &[Line<'_>], several_profiles: bool) -> Vec<String> {
    let files = by_file(lines);
    let text = |lines: &&[Line<'_>]| -> Option<String> {
        let path = &lines.first()?.0.path;
        let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
        for (entry, reason) in *lines {
            match reasons.iter_mut().find(|(other, _)| other == reason) {
                Some((_, profiles)) => profiles.push(&entry.profile),
                None => reasons.push((reason, vec![&entry.profile])),
            }
        }
        let reason = |(reason, profiles): &(&str, Vec<&str>)| {
            if several_profiles {
                format!("{reason} [{}]", profiles.join(", "))
            } else {
                (*reason).to_owned()
            }
        };
        Some(format!("{path}: {}", reasons.iter().map(reason).collect::<Vec<_>>().join("; ")))
    };
    let mut listed: Vec<String> = files.iter().take(MAX_LISTED_FILES).filter_map(text).collect();
    if files.len() > MAX_LISTED_FILES {
        listed.push(format!("and {} more", files.len() - MAX_LISTED_FILES));
    }
    listed
}

/// Groups the lines of one file under several profiles; the entries are sorted by path.
fn by_file<'l, 'a>(lines: &'l [Line<'a>]) -> Vec<&'l [Line<'a>]> {
    let is_same = |(one, _): &Line<'_>, (other, _): &Line<'_>| {
        (&one.path, &one.path_raw) == (&other.path, &other.path_raw) && one.profile != other.profile
    };
    lines.chunk_by(is_same).collect()
}

/// Returns the number of files, such as `2 files can`; a file counts once under however many profiles.
fn files_can(lines: &[Line<'_>]) -> String {
    units::count(by_file(lines).len() as u64, "file can", "files can")
}

fn reasons(entry: &FileEntry) -> String {
    // The delivery of a cancelled file only repeats that the run was cancelled.
    let repeats = entry.ending == Ending::Interrupted
        && entry.delivery.as_ref().is_some_and(|delivery| delivery.stopped);
    let problems = problems(entry).into_iter().filter(|problem| !(problem.is_delivery && repeats));
    // Each message is a sentence, with or without its full stop.
    let parts: Vec<String> =
        problems.map(|problem| problem.message.trim_end_matches('.').to_owned()).collect();
    parts.join(". ")
}

fn errors(entry: &FileEntry) -> String {
    let errors =
        entry.findings.iter().filter(|finding| finding.is_open_error() && finding.remedy >= Remedy::Trim);
    errors.map(|finding| finding.message.as_str()).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::{Delivery, samples};
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
    fn a_file_under_several_profiles_counts_once_in_each_forecast() {
        let mut report = samples::everything();
        let is_noncompliant = |entry: &&FileEntry| Outcome::of(entry) == Outcome::Noncompliant;
        let mut entry = report.files.iter().find(is_noncompliant).cloned().unwrap();
        entry.findings.clear();
        report.profiles = ["one", "two", "three"].map(str::to_owned).into();
        let forecasts = [
            FixForecast::Fixable { left_out: Vec::new() },
            FixForecast::Fixable { left_out: Vec::new() },
            FixForecast::Refused { reason: "too short".to_owned() },
        ];
        let entries = report.profiles.iter().zip(forecasts).map(|(profile, forecast)| FileEntry {
            profile: profile.clone(),
            forecast: Some(forecast),
            ..entry.clone()
        });
        report.files = entries.collect();
        let advice = what_to_do(&report);
        assert!(advice[0].text.starts_with("1 file can be fixed without"), "{}", advice[0].text);
        assert_eq!(advice[1].files, [format!("{}: too short [three]", entry.path)]);
    }

    #[test]
    fn commands_repeat_the_profiles_and_paths_that_were_named() {
        let report = samples::everything()
            .with_named(vec!["a.toml".into(), "my profile".into()], vec!["in".into(), "my clips".into()]);
        let advice = what_to_do(&report);
        let commands: Vec<_> = advice
            .iter()
            .filter(|one| one.text.contains("greenlit fix") || one.text.contains("--deep"))
            .collect();
        assert!(!commands.is_empty());
        for command in commands {
            assert!(command.text.contains(" --profile a.toml --profile 'my profile'"), "{}", command.text);
            assert!(command.text.contains(" in 'my clips' "), "{}", command.text);
        }
    }

    #[test]
    fn a_cancelled_run_is_told_once_for_each_file() {
        let mut report = samples::everything();
        report.files.retain(|entry| entry.ending == Ending::Interrupted);
        let reason = report.files[0].reason.clone().unwrap();
        let delivery = Delivery { reason: Some(reason.clone()), stopped: true, ..Delivery::default() };
        report.files[0].delivery = Some(delivery);
        assert_eq!(what_to_do(&report)[0].files, [format!("{}: {reason}", report.files[0].path)]);
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
