//! The results of a build for the report: of sources that were built, and of those whose result still holds.

use crate::build::{BuildState, Entry, Freshness, OutdatedReason};
use crate::ending::{Ending, Fault};
use crate::pipeline::{Discovery, FixResult, Outcome, SourceFile};
use crate::report::{FileEntry, Format, Outdated, StaleEntry};
use crate::rules::Verdict;

use crate::cli::check::RunSummary;
use crate::cli::exit_code::RunStatus;
use crate::cli::report_entries;
use crate::cli::settings::Settings;

use super::execute::Executed;
use super::survey::{Survey, Unit};

/// The entries of the report, and what the exit code depends on.
#[derive(Debug)]
pub struct RunResults<'a> {
    settings: &'a Settings,
    entries: Vec<FileEntry>,
    summary: RunSummary,
    status: RunStatus,
    only_check: bool,
    /// Whether the report shows everything about sources for which nothing was done.
    in_full: bool,
}

impl<'a> RunResults<'a> {
    /// Returns no results, for a run that builds or only checks.
    pub fn new(settings: &'a Settings, only_check: bool) -> RunResults<'a> {
        let is_brief = matches!(settings.format, Format::Human | Format::Concise);
        let in_full = !is_brief || settings.human.verbose || !settings.reports.is_empty();
        let (entries, summary, status) = (Vec::new(), RunSummary::default(), RunStatus::Done);
        RunResults { settings, entries, summary, status, only_check, in_full }
    }

    /// Adds the outcomes of sources that were built.
    pub fn add_executed(&mut self, executed: Executed) {
        if !executed.is_stored {
            self.fail();
        }
        executed.outcomes.into_iter().for_each(|outcome| self.add(outcome));
    }

    /// Adds the units that are outdated, for a run that only checks.
    pub fn add_outdated(&mut self, survey: &Survey<'_>) {
        for (source, unit, reason) in survey.outdated() {
            let outcome = bare_outcome(source, unit, Ending::Undecided, Verdict::Indeterminate);
            self.push_outdated(outcome, outdated(reason));
        }
    }

    /// Adds the outputs whose source is gone, for a run that should remove them.
    pub fn add_stale(&mut self, stale: &[StaleEntry]) {
        if stale.iter().any(|stale| !stale.removed) {
            let status = if self.only_check { RunStatus::Outdated } else { RunStatus::Failed };
            self.status = self.status.and(status);
        }
    }

    fn push_outdated(&mut self, outcome: Outcome, outdated: Outdated) {
        self.status = self.status.and(RunStatus::Outdated);
        self.summary.add(&outcome);
        self.entries.push(FileEntry {
            outdated: Some(outdated),
            reason: Some(explanation(outdated).to_owned()),
            ..report_entries::entry(outcome)
        });
    }

    /// Adds the units whose result still holds and that were not built together with others.
    pub fn add_kept(&mut self, survey: &Survey<'_>, state: &BuildState) {
        let mut is_built = vec![false; survey.found.sources.len()];
        if !self.only_check {
            survey.to_do.iter().for_each(|index| is_built[*index] = true);
        }
        let kept = survey.found.sources.iter().enumerate().filter(|(index, _)| !is_built[*index]);
        for (index, source) in kept {
            for unit in survey.units_of(index) {
                let holds = !matches!(unit.freshness, Freshness::Outdated(_));
                let Some(entry) = unit.entry.filter(|_| holds) else { continue };
                let in_full = self.in_full || entry.ending.fault() != Fault::None;
                match in_full.then(|| state.outcome(&unit.key)).flatten() {
                    Some(outcome) => self.add(current(outcome, source, entry, survey)),
                    None => self.count(bare_outcome(source, unit, entry.ending, entry.verdict)),
                }
            }
        }
    }

    /// Sets the status of a run in which an operation failed.
    pub fn fail(&mut self) {
        self.status = self.status.and(RunStatus::Failed);
    }

    /// Returns the status of the run. Prints a message to standard error if there was no media.
    pub fn final_status(&self, found: &Discovery, interrupted: bool) -> RunStatus {
        self.status.and(self.summary.final_status(found, interrupted))
    }

    /// Returns whether the media library read any file, in this run or an earlier one.
    pub fn used_media_library(&self) -> bool {
        self.summary.used_media_library
    }

    /// Returns the entries of the report.
    pub fn into_entries(self) -> Vec<FileEntry> {
        self.entries
    }

    fn add(&mut self, outcome: Outcome) {
        let outcome = self.settings.project.accept(outcome);
        self.summary.add(&outcome);
        self.entries.push(report_entries::entry(outcome));
    }

    fn count(&mut self, outcome: Outcome) {
        self.summary.add(&outcome);
        let only_counted = !self.in_full;
        self.entries.push(FileEntry { only_counted, ..report_entries::entry(outcome) });
    }
}

/// Returns an outcome without the facts.
fn bare_outcome(source: &SourceFile, unit: &Unit<'_>, ending: Ending, verdict: Verdict) -> Outcome {
    Outcome {
        source: source.clone(),
        profile: unit.key.profile.to_string(),
        ending,
        verdict,
        facts: None,
        assessment: None,
        failure: None,
        not_decoded: None,
        loudness: None,
        state: None,
        fix: None,
    }
}

/// Returns a stored outcome with the paths as this run knows them; its output is one of an earlier run.
fn current(mut outcome: Outcome, source: &SourceFile, entry: &Entry, survey: &Survey<'_>) -> Outcome {
    outcome.source = source.clone();
    if let Some(FixResult::Written(output)) = outcome.fix.as_mut().map(|fix| &mut fix.result)
        && let Some(file) = &entry.output
    {
        output.path = match file.path.strip_prefix(&file.out) {
            Ok(name) => survey.task.out.join(name),
            Err(_) => file.path.clone(),
        };
        output.reused = true;
    }
    outcome
}

fn outdated(reason: OutdatedReason) -> Outdated {
    match reason {
        OutdatedReason::NewSource => Outdated::NewSource,
        OutdatedReason::SourceChanged => Outdated::SourceChanged,
        OutdatedReason::ProfileChanged => Outdated::ProfileChanged,
        OutdatedReason::OptionsChanged => Outdated::OptionsChanged,
        OutdatedReason::LibrariesChanged => Outdated::LibrariesChanged,
        OutdatedReason::NamesChanged => Outdated::NamesChanged,
        OutdatedReason::OutputMissing => Outdated::OutputMissing,
        OutdatedReason::OutputChanged => Outdated::OutputChanged,
    }
}

fn explanation(outdated: Outdated) -> &'static str {
    match outdated {
        Outdated::NewSource => "the source is new",
        Outdated::SourceChanged => "the source changed",
        Outdated::ProfileChanged => "the profile changed",
        Outdated::OptionsChanged => "the options, the version of greenlit or the machine changed",
        Outdated::LibrariesChanged => "the media libraries changed",
        Outdated::NamesChanged => "the sources that share the name of the output changed",
        Outdated::OutputMissing => "the output is missing",
        Outdated::OutputChanged => "the output was changed",
    }
}
