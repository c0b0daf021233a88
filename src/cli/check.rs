//! `greenlit check`.

use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::cache::Memory;
use crate::job::worker::WorkerPool;
use crate::job::{Isolation, Runner};
use crate::pipeline::{CheckOptions, Discovery, Outcome, check};
use crate::report::Report;
use crate::rules::Verdict;

use super::args::{CheckArgs, CommonArgs};
use super::error::CliError;
use super::progress::Progress;
use super::run_status::RunStatus;
use super::settings::Settings;
use super::{emit, entries, input, interrupt, memory};

/// Runs the command.
pub fn run(settings: &Settings, common: &CommonArgs, args: &CheckArgs) -> Result<RunStatus, CliError> {
    let begin = Instant::now();
    let profiles = settings.profiles(common)?;
    let leave_out: Vec<_> = settings.cache.iter().cloned().collect();
    let found = input::find(&args.input, &leave_out)?;
    let cancel = interrupt::flag();
    let runner = WorkerPool::new(settings.jobs);
    let memory = memory::open(settings, args.input.no_cache);
    let options = CheckOptions { selection: settings.selection.clone(), deep: args.deep, memory };
    let progress = Progress::new(settings.progress);
    let checked = check(&found.sources, &profiles, &options, &runner, &progress, &cancel);
    progress.end();
    let interrupted = cancel.load(Ordering::Relaxed);
    let mut tally = Tally::default();
    // Each result is turned into its entry and gone: nothing is held twice.
    let files = checked
        .into_iter()
        .flat_map(|file| file.into_outcomes(&profiles))
        .inspect(|outcome| tally.count(outcome, entries::check_status))
        .map(entries::entry)
        .collect();
    let status = tally.conclude(&found, interrupted);
    let names = profiles.iter().map(|profile| profile.id().to_owned()).collect();
    let tool = entries::tool(library(&runner, options.memory.as_deref(), tally.any_asked).as_ref());
    let report = Report::new(tool, names, files, begin.elapsed().as_secs_f64(), interrupted);
    emit::report(settings, &report.noting(settings.old_limits(&profiles)))?;
    Ok(status)
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
        entries::overall(self.status, self.any_media, troubles, interrupted)
    }
}

/// The media library that was asked, if any was: of a worker that runs, else of the one whose answers
/// were remembered. None is started to be asked.
pub fn library(runner: &dyn Runner, memory: Option<&dyn Memory>, any_asked: bool) -> Option<Isolation> {
    if !any_asked {
        return None;
    }
    memory.and_then(Memory::made_by).or_else(|| runner.describe().ok())
}
