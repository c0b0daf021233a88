//! `greenlit build`: makes the outputs that the configuration describes, and redoes only what changed.
//!
//! A run compares the metadata of sources and outputs with the state of the last one. Only what differs is opened, and
//! only what has other bytes, another profile, other options or other libraries is built again.

mod dependencies;
mod execute;
mod leftovers;
mod results;
mod survey;
mod task;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::build::{BuildState, Entry, EntryKey, Freshness, Libraries, StateError};
use crate::cache::Contents;
use crate::job::Runner;
use crate::pipeline::Discovery;
use crate::report::Report;
use crate::worker;

use super::args::{BuildArgs, CommonArgs};
use super::error::CliError;
use super::run_end::RunEnd;
use super::settings::Settings;
use super::workers_on_demand::WorkersOnDemand;
use super::{input, interrupt, notices, output, pictures, report_entries, report_target};

use execute::{BuildRun, Results, execute};
use leftovers::Changes;
use results::RunResults;
use survey::{Known, Survey, survey};
use task::{BuildTask, base_folder};

/// The name of the state's file in the state folder.
const STATE_FILE: &str = "build.db";

/// Runs the command.
pub fn run(settings: &Settings, common: &CommonArgs, args: &BuildArgs) -> Result<RunEnd, CliError> {
    let begin = Instant::now();
    let tasks = task::chosen(settings, common, &args.names)?;
    settings.project.expired.iter().for_each(|text| notices::say(text));
    let path = settings.state_folder().join(STATE_FILE);
    let opened = if args.check { BuildState::read(&path) } else { BuildState::open(&path) };
    let mut state = opened.map_err(failed)?;
    let before = state.entries().map_err(failed)?;
    let workers = Arc::new(WorkersOnDemand::new(settings, settings.workers()));
    let libraries = libraries(&mut state, &workers, args.check, before.is_empty())?;
    let base = base_folder(settings);
    let identity = libraries.as_ref().map_or("", |libraries| libraries.identity.as_str());
    let surveys = survey_all(settings, &tasks, &before, identity, &base)?;
    let gone = gone(&before, &surveys, args.names.is_empty());
    let cancel = interrupt::flag();
    let mut results = RunResults::new(settings, args.check);
    let (state, entries) = (Mutex::new(state), Mutex::default());
    let run = BuildRun {
        settings,
        workers: &workers,
        libraries: identity,
        cancel: &cancel,
        results: Results { base: &base, state: &state, entries: &entries },
    };
    for survey in &surveys {
        if args.check {
            results.add_outdated(survey);
        } else if !survey.to_do.is_empty() {
            let executed = execute(&run, survey)?;
            results.add_executed(executed);
        }
    }
    let mut state = state.into_inner().unwrap_or_else(PoisonError::into_inner);
    let entries = entries.into_inner().unwrap_or_else(PoisonError::into_inner);
    surveys.iter().for_each(|survey| results.add_kept(survey, &state));
    let interrupted = cancel.load(Ordering::Relaxed);
    let earlier = state.leftovers().map_err(failed)?;
    let changes = Changes { before: &before, gone: &gone, now: &entries };
    let leftovers = leftovers::left_over(&earlier, &changes);
    let prune = args.prune && !args.check && !interrupted;
    let (left, stale) = leftovers::settle(settings, &base, leftovers, prune)?;
    if args.prune {
        results.add_stale(&stale);
    }
    if !args.check {
        write_state(&mut state, &surveys, &gone, &earlier, &left).map_err(failed)?;
    }
    if let Some(target) = args.depfile.as_deref().filter(|_| !interrupted) {
        dependencies::write(settings, target, &surveys, &changes, &base)?;
    }
    let status = results.final_status(&all_found(&surveys), interrupted);
    let tool = libraries.as_ref().filter(|_| results.used_media_library()).map(|libraries| &libraries.info);
    let profiles = distinct_profiles(&tasks);
    let names = profiles.iter().map(|profile| profile.id().to_owned()).collect();
    let files = results.into_entries();
    let elapsed_s = begin.elapsed().as_secs_f64();
    let report = Report::new(report_entries::tool(tool), names, files, elapsed_s, interrupted);
    let report = report.with_old_limits(settings.old_limits(&profiles)).with_stale(stale).with_consent_keys();
    let report = pictures::add(settings, report, workers.as_ref(), &cancel);
    output::report(settings, &report)?;
    Ok(RunEnd::of(status, report))
}

/// Finds the sources of every build, and compares them with the entries of earlier runs.
fn survey_all<'a>(
    settings: &Settings,
    tasks: &'a [BuildTask],
    entries: &'a HashMap<EntryKey, Entry>,
    libraries: &str,
    base: &Path,
) -> Result<Vec<Survey<'a>>, CliError> {
    let excluded: Vec<PathBuf> = outputs(settings).chain(settings.cache.clone()).collect();
    let contents = Contents::default();
    let known = Known { base, libraries, contents: &contents, excluded: &excluded };
    let surveys = tasks.iter().map(|task| survey(task, entries, &known)).collect::<Result<Vec<_>, _>>()?;
    for survey in &surveys {
        input::say_problems(&survey.found);
        report_target::check(settings, &survey.task.sources, &survey.found.sources)?;
    }
    Ok(surveys)
}

/// Returns the worker and its libraries; `None` if nothing is known of earlier ones and nothing may be stored.
fn libraries(
    state: &mut BuildState,
    workers: &WorkersOnDemand,
    only_check: bool,
    nothing_built: bool,
) -> Result<Option<Libraries>, CliError> {
    let program = worker::default_program();
    let stored = state.libraries().filter(|libraries| libraries.is_current(&program));
    if stored.is_some() || (only_check && nothing_built) {
        return Ok(stored);
    }
    workers.require_isolated_now()?;
    let info = workers.describe().map_err(|source| CliError::Runner { source })?;
    let described = Libraries::of(&program, info).map_err(|source| CliError::Operation {
        what: "the files of the media worker cannot be read".into(),
        source: Box::new(source),
    })?;
    if !only_check {
        state.set_libraries(&described).map_err(failed)?;
    }
    Ok(Some(described))
}

/// Returns the output folders of all builds.
fn outputs(settings: &Settings) -> impl Iterator<Item = PathBuf> {
    let folder = base_folder(settings);
    settings.config.build.iter().map(move |build| folder.join(&build.keys.out))
}

/// Returns the entries whose source is gone. Entries of a build that is not in this run, or whose sources could not all
/// be read, stay. With `all`, those of builds that do not exist any more are gone.
fn gone(before: &HashMap<EntryKey, Entry>, surveys: &[Survey<'_>], all: bool) -> HashSet<EntryKey> {
    let units = || surveys.iter().flat_map(|survey| &survey.units);
    if units().filter(|unit| unit.entry.is_some()).count() == before.len() {
        return HashSet::new();
    }
    let current: HashSet<&EntryKey> = units().map(|unit| &unit.key).collect();
    let is_gone = |key: &&EntryKey| {
        let of_build = surveys.iter().find(|survey| survey.task.name == *key.build);
        let is_complete = of_build.map_or(all, |survey| survey.found.problems.is_empty());
        is_complete && !current.contains(key)
    };
    before.keys().filter(is_gone).cloned().collect()
}

/// Stores what this run found out about files that it did not build.
fn write_state(
    state: &mut BuildState,
    surveys: &[Survey<'_>],
    gone: &HashSet<EntryKey>,
    earlier: &[crate::build::Leftover],
    left: &[crate::build::Leftover],
) -> Result<(), StateError> {
    let to_do: HashSet<&EntryKey> = surveys
        .iter()
        .flat_map(|survey| survey.to_do.iter().flat_map(|index| survey.units_of(*index)))
        .map(|unit| &unit.key)
        .collect();
    let units = surveys.iter().flat_map(|survey| &survey.units);
    let touched: Vec<_> = units
        .filter(|unit| !to_do.contains(&unit.key))
        .filter_map(|unit| match &unit.freshness {
            Freshness::Touched(entry) => Some((unit.key.clone(), entry.clone())),
            Freshness::Fresh | Freshness::Outdated(_) => None,
        })
        .collect();
    if !touched.is_empty() {
        state.touch(&touched)?;
    }
    if earlier != left {
        state.set_leftovers(left)?;
    }
    // Last, so that a killed run does not forget which outputs are left over.
    if gone.is_empty() { Ok(()) } else { state.remove(gone) }
}

fn all_found(surveys: &[Survey<'_>]) -> Discovery {
    let mut all = Discovery::default();
    for survey in surveys {
        all.sources.extend_from_slice(&survey.found.sources);
        all.problems.extend_from_slice(&survey.found.problems);
    }
    all
}

fn distinct_profiles(tasks: &[BuildTask]) -> Vec<crate::profile::Profile> {
    let mut seen = HashSet::new();
    let all = tasks.iter().flat_map(|task| &task.profiles);
    all.filter(|profile| seen.insert(profile.id())).cloned().collect()
}

fn failed(error: StateError) -> CliError {
    let what = error.to_string();
    CliError::Operation { what, source: error.source }
}
