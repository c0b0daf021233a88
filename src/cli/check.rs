//! `greenlit check`.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::cache::ProbeCache;
use crate::job::WorkerInfo;
use crate::model::{MediaFacts, ProbedBy};
use crate::pipeline::{CheckOptions, CheckedFile, Discovery, Outcome, Pipeline, ProbeMode};
use crate::plan::{EncodeMode, FixOptions, Machine};
use crate::profile::Profile;
use crate::report::{Envelope, FileEntry, Report, StreamedReport};
use crate::rules::Verdict;

use super::accepted::ProjectRules;
use super::args::{CheckArgs, CommonArgs, FixChoices};
use super::error::CliError;
use super::exit_code::RunStatus;
use super::fix_options::fix_options;
use super::isolation::is_whole;
use super::progress::ProgressDisplay;
use super::run_end::{RunEnd, RunTotals};
use super::settings::Settings;
use super::workers_on_demand::WorkersOnDemand;
use super::{cache, input, interrupt, notices, output, pictures, report_entries, report_target};

/// Runs the command.
pub fn run(settings: &Settings, common: &CommonArgs, args: &CheckArgs) -> Result<RunEnd, CliError> {
    let begin = Instant::now();
    let deep = args.deep || settings.config.check.deep;
    // Each file of a full decode needs a worker for any job as well.
    let workers = if deep { settings.workers() } else { settings.workers().for_probes() };
    let runner = Arc::new(WorkersOnDemand::new(settings, workers));
    let probe_cache = cache::open_when_used(settings, args.input.no_cache, &runner);
    let cached = || probe_cache.as_deref().and_then(ProbeCache::worker_info);
    let needs_worker =
        (deep || settings.probe == ProbeMode::Ffmpeg) && !cached().as_ref().is_some_and(is_whole);
    if needs_worker {
        // The media library is loaded while profiles and files are found.
        runner.warm_up();
    }
    let profiles = settings.profiles(common)?;
    settings.project.expired.iter().for_each(|text| notices::say(text));
    let excluded: Vec<_> = settings.cache.iter().cloned().collect();
    let found = input::find(&args.input, &excluded)?;
    report_target::check(settings, &args.input.paths, &found.sources)?;
    let cancel = interrupt::flag();
    if needs_worker && !found.sources.is_empty() {
        runner.require_isolated_now()?;
    }
    let scope = settings.scope(common)?;
    let options = CheckOptions { deep, scope, ..settings.check_options(probe_cache) };
    let progress = ProgressDisplay::new(settings.progress);
    let batch = CheckBatch {
        profiles: &profiles,
        found: &found,
        options: &options,
        project: &settings.project,
        runner: &runner,
        fix_options: fix_options(&FixChoices::default(), &settings.config.fix, EncodeMode::Planned)?,
        machine: settings.machine(),
    };
    let names: Vec<String> = profiles.iter().map(|profile| profile.id().to_owned()).collect();
    let old_limits = settings.old_limits(&profiles);
    let end = |summary: &RunSummary| {
        progress.end();
        let library = media_library(&runner, options.probe_cache.as_deref(), summary.used_media_library);
        (cancel.load(Ordering::Relaxed), report_entries::tool(library.as_ref()))
    };
    if is_streamed(settings, &found) {
        let run_end = output::streamed(settings, |out| {
            let report = StreamedReport::begin(settings.format, out);
            let summary = batch.streamed(&report, &progress, &cancel);
            let (interrupted, tool) = end(&summary);
            let (elapsed_s, stale) = (begin.elapsed().as_secs_f64(), Vec::new());
            let envelope = Envelope { tool, profiles: names, elapsed_s, interrupted, old_limits, stale };
            let totals = RunTotals { summary: report.finish(&envelope)?, profiles: envelope.profiles };
            Ok(RunEnd { status: summary.final_status(&found, interrupted), totals: Some(totals) })
        })?;
        return runner.require_isolated().map(|()| run_end);
    }
    let (summary, entries) = batch.collected(&progress, &cancel);
    runner.require_isolated()?;
    let (interrupted, tool) = end(&summary);
    let report = Report::new(tool, names, entries, begin.elapsed().as_secs_f64(), interrupted);
    let report = settings.with_choices(report.with_old_limits(old_limits), common, &args.input.paths);
    let report = pictures::add(settings, report, runner.as_ref(), &cancel);
    output::report(settings, &report)?;
    Ok(RunEnd::of(summary.final_status(&found, interrupted), report))
}

/// Returns whether entries are written as soon as they are complete.
fn is_streamed(settings: &Settings, found: &Discovery) -> bool {
    // Names that are not UTF-8 may sort differently once they are displayed.
    let all_utf8 = || found.sources.iter().all(|source| source.path.to_str().is_some());
    // On a terminal, progress bars would mix with the report.
    let to_terminal = || settings.output.is_none() && io::stdout().is_terminal();
    StreamedReport::supports(settings.format) && settings.reports.is_empty() && all_utf8() && !to_terminal()
}

/// The files to check, with profiles, options and workers.
struct CheckBatch<'a> {
    profiles: &'a [Profile],
    found: &'a Discovery,
    options: &'a CheckOptions,
    project: &'a ProjectRules,
    runner: &'a WorkersOnDemand,
    /// The options that `greenlit fix` would have without arguments, for the advice.
    fix_options: FixOptions,
    machine: Machine,
}

impl CheckBatch<'_> {
    /// Writes each entry to the report as soon as it is complete, so that memory use does not grow with the
    /// number of files.
    fn streamed(
        &self,
        report: &StreamedReport<'_>,
        progress: &ProgressDisplay,
        cancel: &Arc<AtomicBool>,
    ) -> RunSummary {
        let summary = Mutex::new(RunSummary::default());
        let CheckBatch { found, runner, .. } = self;
        self.pipeline(progress, cancel).check_each(&found.sources, &|index, checked| {
            let outcomes: Vec<Outcome> = self.outcomes(checked).map(|(outcome, _)| outcome).collect();
            if let Ok(mut summary) = summary.lock() {
                outcomes.iter().for_each(|outcome| summary.add(outcome));
            }
            let mut entries: Vec<FileEntry> = outcomes.into_iter().map(report_entries::entry).collect();
            entries.sort_by(|a, b| a.profile.cmp(&b.profile));
            let by_worker = entries.iter_mut().filter(|entry| !entry.needed_no_worker());
            by_worker.for_each(|entry| entry.isolation_refused = runner.refused().to_vec());
            report.put(index, &entries);
            if report.has_failed() {
                cancel.store(true, Ordering::Relaxed);
            }
        });
        summary.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the outcomes of a file under the profiles that apply to it, with what the project accepts.
    fn outcomes(&self, file: CheckedFile) -> impl Iterator<Item = (Outcome, &Profile)> {
        let outcomes = file.into_outcomes(self.profiles).into_iter().zip(self.profiles);
        let applying =
            outcomes.filter(|(outcome, _)| self.options.applies(&outcome.source.path, &outcome.profile));
        applying.map(|(outcome, profile)| (self.project.accept(outcome), profile))
    }

    fn pipeline<'b>(&'b self, progress: &'b ProgressDisplay, cancel: &'b Arc<AtomicBool>) -> Pipeline<'b> {
        Pipeline {
            observer: progress,
            ..Pipeline::over_local_files(self.profiles, self.options, self.runner, cancel)
        }
    }

    /// Returns all entries, for report formats that need them together.
    fn collected(
        &self,
        progress: &ProgressDisplay,
        cancel: &Arc<AtomicBool>,
    ) -> (RunSummary, Vec<FileEntry>) {
        let checked = self.pipeline(progress, cancel).check(&self.found.sources);
        let mut summary = RunSummary::default();
        // The iterator converts results one by one, so that none is in memory twice.
        let entries = checked
            .into_iter()
            .flat_map(|file| self.outcomes(file))
            .map(|(outcome, profile)| {
                summary.add(&outcome);
                let forecast = report_entries::forecast(&outcome, profile, &self.fix_options, self.machine);
                FileEntry { forecast, ..report_entries::entry(outcome) }
            })
            .collect();
        (summary, entries)
    }
}

/// A summary of the outcomes of a run.
#[derive(Debug, Default)]
pub struct RunSummary {
    status: RunStatus,
    any_media: bool,
    /// Whether the media library read any file, also when that failed.
    pub used_media_library: bool,
}

impl RunSummary {
    /// Summarizes `outcomes`.
    pub fn of(outcomes: &[Outcome]) -> RunSummary {
        let mut summary = RunSummary::default();
        outcomes.iter().for_each(|outcome| summary.add(outcome));
        summary
    }

    /// Adds an outcome.
    pub fn add(&mut self, outcome: &Outcome) {
        self.status = self.status.and(report_entries::status_of(outcome.ending));
        self.any_media |= outcome.verdict != Verdict::Skipped;
        let by_worker = |facts: &MediaFacts| facts.probed_by == ProbedBy::Ffmpeg;
        self.used_media_library |= outcome.fix.is_some()
            || outcome.facts.as_ref().map_or(outcome.verdict == Verdict::Unreadable, by_worker);
    }

    /// Returns the status of the run. Prints a message to standard error if there was no media.
    pub fn final_status(&self, found: &Discovery, interrupted: bool) -> RunStatus {
        let any_problem = !found.problems.is_empty();
        if !self.any_media && !any_problem && !interrupted {
            notices::say(&no_media(found.sources.len()));
        }
        report_entries::overall_status(self.status, self.any_media, any_problem, interrupted)
    }
}

/// Says why there is nothing to do.
fn no_media(files: usize) -> String {
    match files {
        0 => "no media found: the folders that were named contain no files".to_owned(),
        1 => "no media found: the file is no video and does not have a video's file extension".to_owned(),
        many => {
            format!("no media found: none of the {many} files is a video or has a video's file extension")
        }
    }
}

/// Returns the worker info of the media library that read the files, from the cache or from a worker that ran; `None`
/// if no file was read, since a worker is not started for this alone.
pub fn media_library(
    workers: &WorkersOnDemand,
    cache: Option<&dyn ProbeCache>,
    used_media_library: bool,
) -> Option<WorkerInfo> {
    if !used_media_library {
        return None;
    }
    workers.describe_used().or_else(|| cache.and_then(ProbeCache::worker_info))
}
