//! `greenlit check`.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::cache::ProbeCache;
use crate::job::worker::WorkerPool;
use crate::job::{Runner, WorkerInfo};
use crate::pipeline::{CheckOptions, Discovery, Outcome, check, check_each};
use crate::profile::Profile;
use crate::report::{Envelope, FileEntry, Report, StreamedReport};
use crate::rules::Verdict;

use super::args::{CheckArgs, CommonArgs};
use super::error::CliError;
use super::progress::Progress;
use super::run_status::RunStatus;
use super::settings::Settings;
use super::{cache, file_entries, input, interrupt, output};

/// Runs the command.
pub fn run(settings: &Settings, common: &CommonArgs, args: &CheckArgs) -> Result<RunStatus, CliError> {
    let begin = Instant::now();
    let profiles = settings.profiles(common)?;
    let leave_out: Vec<_> = settings.cache.iter().cloned().collect();
    let found = input::find(&args.input, &leave_out)?;
    let cancel = interrupt::flag();
    let runner = WorkerPool::new(settings.jobs);
    let memory = cache::open(settings, args.input.no_cache);
    let options = CheckOptions { selection: settings.selection.clone(), deep: args.deep, memory };
    let progress = Progress::new(settings.progress);
    let run = Run { profiles: &profiles, found: &found, options: &options, runner: &runner };
    // Names that can only be shown with substitutes may sort differently than they are found.
    let plain = found.sources.iter().all(|source| source.path.to_str().is_some());
    let names: Vec<String> = profiles.iter().map(|profile| profile.id().to_owned()).collect();
    let old_limits = settings.old_limits(&profiles);
    let library = |tally: &Tally| library(&runner, options.memory.as_deref(), tally.any_asked);
    // On a terminal the progress of the run would stand in the midst of it.
    let seen = settings.output.is_none() && io::stdout().is_terminal();
    if StreamedReport::suits(settings.format) && plain && !seen {
        return output::streamed(settings, |out| {
            let report = StreamedReport::begin(settings.format, out);
            let tally = run.streamed(&report, &progress, &cancel);
            progress.end();
            let interrupted = cancel.load(Ordering::Relaxed);
            let tool = file_entries::tool(library(&tally).as_ref());
            let elapsed_s = begin.elapsed().as_secs_f64();
            report.finish(&Envelope { tool, profiles: names, elapsed_s, interrupted, old_limits })?;
            Ok(tally.conclude(&found, interrupted))
        });
    }
    let (tally, entries) = run.collected(&progress, &cancel);
    progress.end();
    let interrupted = cancel.load(Ordering::Relaxed);
    let status = tally.conclude(&found, interrupted);
    let tool = file_entries::tool(library(&tally).as_ref());
    let report = Report::new(tool, names, entries, begin.elapsed().as_secs_f64(), interrupted);
    output::report(settings, &report.noting(old_limits))?;
    Ok(status)
}

/// What is checked, by what.
struct Run<'a> {
    profiles: &'a [Profile],
    found: &'a Discovery,
    options: &'a CheckOptions,
    runner: &'a WorkerPool,
}

impl Run<'_> {
    /// Each entry goes into the report as soon as it is there: however many files there are, few are
    /// held at a time.
    fn streamed(&self, report: &StreamedReport<'_>, progress: &Progress, cancel: &Arc<AtomicBool>) -> Tally {
        let tally = Mutex::new(Tally::default());
        let Run { profiles, found, options, runner } = self;
        check_each(&found.sources, profiles, options, *runner, progress, cancel, &|place, checked| {
            let outcomes = checked.into_outcomes(profiles);
            if let Ok(mut tally) = tally.lock() {
                outcomes.iter().for_each(|outcome| tally.count(outcome, file_entries::check_status));
            }
            let mut entries: Vec<FileEntry> = outcomes.into_iter().map(file_entries::entry).collect();
            entries.sort_by(|a, b| a.profile.cmp(&b.profile));
            report.put(place, &entries);
            if report.has_failed() {
                cancel.store(true, Ordering::Relaxed);
            }
        });
        tally.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// All entries, for reports that need them at once.
    fn collected(&self, progress: &Progress, cancel: &Arc<AtomicBool>) -> (Tally, Vec<FileEntry>) {
        let Run { profiles, found, options, runner } = self;
        let checked = check(&found.sources, profiles, options, *runner, progress, cancel);
        let mut tally = Tally::default();
        // Each result is turned into its entry and gone: nothing is held twice.
        let entries = checked
            .into_iter()
            .flat_map(|file| file.into_outcomes(profiles))
            .inspect(|outcome| tally.count(outcome, file_entries::check_status))
            .map(file_entries::entry)
            .collect();
        (tally, entries)
    }
}

/// What the outcomes of a run add up to.
#[derive(Debug, Default)]
pub struct Tally {
    status: RunStatus,
    any_media: bool,
    /// Whether any file got as far as to need the media library, be it in vain.
    pub any_asked: bool,
}

impl Tally {
    /// The tally of `outcomes`.
    pub fn of(outcomes: &[Outcome], status_of: impl Fn(&Outcome) -> RunStatus) -> Tally {
        let mut tally = Tally::default();
        outcomes.iter().for_each(|outcome| tally.count(outcome, &status_of));
        tally
    }

    /// Adds an outcome.
    pub fn count(&mut self, outcome: &Outcome, status_of: impl Fn(&Outcome) -> RunStatus) {
        self.status = self.status.and(status_of(outcome));
        self.any_media |= outcome.verdict != Verdict::Skipped;
        self.any_asked |= outcome.facts.is_some() || outcome.verdict == Verdict::Unreadable;
    }

    /// How the run ended; says so on standard error when there was nothing to look at.
    pub fn conclude(&self, found: &Discovery, interrupted: bool) -> RunStatus {
        let troubles = !found.troubles.is_empty();
        if !self.any_media && !troubles {
            eprintln!(
                "greenlit: no media found: none of the {} files is a video or named like one",
                found.sources.len()
            );
        }
        file_entries::overall(self.status, self.any_media, troubles, interrupted)
    }
}

/// The media library that was asked, if any was: of a worker that runs, else of the one whose answers
/// were remembered. None is started to be asked.
pub fn library(runner: &dyn Runner, memory: Option<&dyn ProbeCache>, any_asked: bool) -> Option<WorkerInfo> {
    if !any_asked {
        return None;
    }
    memory.and_then(ProbeCache::made_by).or_else(|| runner.describe().ok())
}
