//! `greenlit check`.

use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::job::Runner;
use crate::job::worker::WorkerPool;
use crate::pipeline::{CheckOptions, Discovery, Outcome, check};
use crate::report::Report;
use crate::rules::Verdict;

use super::args::{CheckArgs, CommonArgs};
use super::error::CliError;
use super::progress::Progress;
use super::run_status::RunStatus;
use super::settings::Settings;
use super::{emit, entries, input, interrupt};

/// Runs the command.
pub fn run(settings: &Settings, common: &CommonArgs, args: &CheckArgs) -> Result<RunStatus, CliError> {
    let begin = Instant::now();
    let profiles = settings.profiles(common)?;
    let found = input::find(&args.input, &[])?;
    let cancel = interrupt::flag();
    let runner = WorkerPool::new(settings.jobs);
    let options = CheckOptions { selection: settings.selection.clone(), deep: args.deep };
    let progress = Progress::new(settings.progress);
    let checked = check(&found.sources, &profiles, &options, &runner, &progress, &cancel);
    progress.end();
    let outcomes: Vec<Outcome> = checked
        .iter()
        .flat_map(|file| profiles.iter().enumerate().map(|(index, profile)| file.outcome(index, profile)))
        .collect();
    let interrupted = cancel.load(Ordering::Relaxed);
    let status = conclude(&outcomes, &found, interrupted, entries::check_status);
    let names = profiles.iter().map(|profile| profile.id().to_owned()).collect();
    let files = outcomes.iter().map(entries::entry).collect();
    let tool = entries::tool(library(&runner, &outcomes).as_ref());
    emit::report(settings, &Report::new(tool, names, files, begin.elapsed().as_secs_f64(), interrupted))?;
    Ok(status)
}

/// How the run ended; says so on standard error when there was nothing to look at.
pub fn conclude(
    outcomes: &[Outcome],
    found: &Discovery,
    interrupted: bool,
    status_of: impl Fn(&Outcome) -> RunStatus,
) -> RunStatus {
    let any_media = outcomes.iter().any(|outcome| outcome.verdict != Verdict::Skipped);
    if !any_media && found.troubles.is_empty() {
        eprintln!(
            "greenlit: no media found: none of the {} files is a video or named like one",
            found.sources.len()
        );
    }
    let statuses = outcomes.iter().map(status_of);
    entries::overall(statuses, any_media, !found.troubles.is_empty(), interrupted)
}

/// The media library, if any file got as far as to need it, be it in vain.
pub fn library(runner: &dyn Runner, outcomes: &[Outcome]) -> Option<crate::job::Isolation> {
    let asked = |outcome: &Outcome| outcome.facts.is_some() || outcome.verdict == Verdict::Unreadable;
    outcomes.iter().any(asked).then(|| runner.describe().ok()).flatten()
}
