//! `greenlit baseline`: records the findings of today, so that only new ones count.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::pipeline::{CheckOptions, Outcome, Pipeline};
use crate::profile::Severity;

use super::args::{BaselineArgs, BaselineCommand, CheckArgs, CommonArgs};
use super::baseline_file::{Baseline, BaselineFinding};
use super::error::CliError;
use super::exit_code::RunStatus;
use super::progress::ProgressDisplay;
use super::report_entries::display_path;
use super::sandbox::operation;
use super::settings::Settings;
use super::workers_on_demand::WorkersOnDemand;
use super::{cache, input, interrupt, notices, output, report_entries};

/// Runs the command.
pub fn run(settings: &Settings, common: &CommonArgs, args: &BaselineArgs) -> Result<RunStatus, CliError> {
    let (BaselineCommand::Write(check) | BaselineCommand::Prune(check)) = &args.command;
    let Some((outcomes, status)) = outcomes(settings, common, check)? else {
        return Ok(RunStatus::Interrupted);
    };
    let folder = settings.config.folder();
    let before = Baseline::read_beside(&folder)?.unwrap_or_default();
    let after = match &args.command {
        BaselineCommand::Write(_) => written(settings, &before, &outcomes),
        BaselineCommand::Prune(_) => pruned(settings, &folder, &before, &outcomes),
    };
    let path = Baseline::path_beside(&folder);
    let counts = |a: &Baseline, b: &Baseline| a.0.difference(&b.0).count();
    let (added, removed) = (counts(&after, &before), counts(&before, &after));
    if after != before || !path.exists() {
        output::to_file(&path, |out| out.write_all(after.text().as_bytes()))
            .map_err(|source| operation("the baseline cannot be written", source))?;
    }
    notices::say(&format!(
        "{}: {} findings ({added} added, {removed} removed)",
        path.display(),
        after.0.len()
    ));
    Ok(status)
}

/// Checks the files; `None` if the run was interrupted.
fn outcomes(
    settings: &Settings,
    common: &CommonArgs,
    args: &CheckArgs,
) -> Result<Option<(Vec<Outcome>, RunStatus)>, CliError> {
    let runner = Arc::new(WorkersOnDemand::new(settings, settings.workers()));
    let probe_cache = cache::open_when_used(settings, args.input.no_cache, &runner);
    let profiles = settings.profiles(common)?;
    let excluded: Vec<_> = settings.cache.iter().cloned().collect();
    let found = input::find(&args.input, &excluded)?;
    let deep = args.deep || settings.config.check.deep;
    let scope = settings.scope(common)?;
    let options = CheckOptions { deep, scope, ..settings.check_options(probe_cache) };
    let cancel = interrupt::flag();
    let progress = ProgressDisplay::new(settings.progress);
    let pipeline = Pipeline {
        observer: &progress,
        ..Pipeline::over_local_files(&profiles, &options, runner.as_ref(), &cancel)
    };
    let checked = pipeline.check(&found.sources);
    progress.end();
    runner.require_isolated()?;
    if cancel.load(Ordering::Relaxed) {
        return Ok(None);
    }
    let outcomes: Vec<Outcome> = checked
        .into_iter()
        .flat_map(|file| file.into_outcomes(&profiles))
        .filter(|outcome| options.applies(&outcome.source.path, &outcome.profile))
        .collect();
    // A file that breaks a rule is what a baseline is for.
    let failed = outcomes.iter().any(|it| report_entries::status_of(it.ending) == RunStatus::Failed);
    let failed = failed || !found.problems.is_empty();
    Ok(Some((outcomes, if failed { RunStatus::Failed } else { RunStatus::Done })))
}

/// Returns the findings of the files that were checked, and those of `before` of the other files.
fn written(settings: &Settings, before: &Baseline, outcomes: &[Outcome]) -> Baseline {
    let assessed = assessed(settings, outcomes);
    let others = before.0.iter().filter(|finding| !assessed.contains(&finding.path)).cloned();
    Baseline(others.chain(findings(settings, outcomes)).collect())
}

/// Returns the findings of `before` that still occur, or whose files were not checked and exist.
fn pruned(settings: &Settings, folder: &Path, before: &Baseline, outcomes: &[Outcome]) -> Baseline {
    let assessed = assessed(settings, outcomes);
    let now = findings(settings, outcomes);
    let kept = |finding: &&BaselineFinding| match assessed.contains(&finding.path) {
        true => now.contains(*finding),
        false => folder.join(&finding.path).exists(),
    };
    Baseline(before.0.iter().filter(kept).cloned().collect())
}

/// Returns the paths of the files whose findings are known.
fn assessed(settings: &Settings, outcomes: &[Outcome]) -> BTreeSet<String> {
    let known = outcomes.iter().filter(|outcome| outcome.assessment.is_some());
    known.map(|outcome| display_path(&path(settings, outcome)).0).collect()
}

fn path(settings: &Settings, outcome: &Outcome) -> PathBuf {
    settings.project.baseline_path(&outcome.source.path)
}

/// Returns the errors and warnings that the configuration does not ignore.
fn findings(settings: &Settings, outcomes: &[Outcome]) -> BTreeSet<BaselineFinding> {
    let mut all = BTreeSet::new();
    for outcome in outcomes {
        let path = path(settings, outcome);
        let findings = outcome.assessment.iter().flat_map(|assessment| assessment.findings());
        let counting = findings.filter(|finding| {
            finding.severity > Severity::Advice && !settings.project.ignores(&outcome.source.path, finding)
        });
        all.extend(counting.map(|finding| BaselineFinding::of(&path, finding)));
    }
    all
}
