//! Builds the outdated outputs, and stores each result as soon as it is known.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::build::{BuildState, Entry, EntryKey, OutdatedReason, OutputFile, StateError};
use crate::cache::{Depth, FileFingerprint, FileState};
use crate::ending::Fault;
use crate::pipeline::{FixRecord, FixSettings, Fixing, Outcome, Pipeline, SourceFile, remove_stale};

use crate::cli::error::{CliError, chain};
use crate::cli::progress::ProgressDisplay;
use crate::cli::settings::Settings;
use crate::cli::workers_on_demand::WorkersOnDemand;
use crate::cli::{cache, encoder, fix, notices};

use super::survey::{Survey, Unit};

/// Where the results of a build go.
pub struct Results<'a> {
    /// The folder that stored paths are relative to.
    pub base: &'a Path,
    /// The state.
    pub state: &'a Mutex<BuildState>,
    /// The entries that this run stored.
    pub entries: &'a Mutex<HashMap<EntryKey, Entry>>,
}

/// What a run has for all builds.
pub struct BuildRun<'a> {
    /// The settings.
    pub settings: &'a Settings,
    /// The media workers.
    pub workers: &'a Arc<WorkersOnDemand>,
    /// The identity of the media worker and its libraries.
    pub libraries: &'a str,
    /// Ends the run as soon as it is set.
    pub cancel: &'a Arc<AtomicBool>,
    /// Where the results go.
    pub results: Results<'a>,
}

/// The outcomes of the sources that were outdated.
pub struct Executed {
    /// The outcomes.
    pub outcomes: Vec<Outcome>,
    /// Whether the state has all of them.
    pub is_stored: bool,
}

/// Builds what `survey` found outdated.
pub fn execute(run: &BuildRun<'_>, survey: &Survey<'_>) -> Result<Executed, CliError> {
    let BuildRun { settings, cancel, .. } = *run;
    let task = survey.task;
    let sources: Vec<SourceFile> =
        survey.to_do.iter().map(|index| survey.found.sources[*index].clone()).collect();
    fix::refuse_source_folder(&task.sources, &task.out)?;
    remove_stale(&task.out);
    let record = fix::open_fix_record(settings, &task.out)?;
    for (source, ..) in survey.outdated().filter(|(.., reason)| *reason == OutdatedReason::SourceChanged) {
        if let Ok(meta) = std::fs::metadata(&source.path) {
            record.forget_source(&meta);
        }
    }
    let libraries = Some(run.libraries.to_owned());
    let mut fix_settings = FixSettings { libraries, ..task.fix_settings.clone() };
    let workers = if fix_settings.options.encoder.is_hardware() {
        let say = |text: &str| notices::print(text);
        let pool = encoder::workers(settings.workers(), settings, &mut fix_settings.options, cancel, &say);
        Arc::new(WorkersOnDemand::new(settings, pool))
    } else {
        Arc::clone(run.workers)
    };
    let options = settings.check_options(cache::open_when_used(settings, false, &workers));
    let progress = ProgressDisplay::new(settings.progress);
    let pipeline = Pipeline {
        observer: &progress,
        ..Pipeline::over_local_files(&task.profiles, &options, workers.as_ref(), cancel)
    };
    let work = Work { record: &record, out: &task.out, begin: SystemTime::now() };
    let units = units_by_source(survey);
    let failure = Mutex::new(None);
    let store = |outcome: &Outcome| {
        let unit = units.get(&(outcome.source.path.as_path(), outcome.profile.as_str()));
        let stored = unit.map_or(Ok(()), |unit| run.results.store(unit, outcome, &work));
        if let Err(error) = stored {
            failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    };
    let fixing = Fixing { settings: &fix_settings, record: Some(&record) };
    let outcomes = pipeline.fix(&sources, fixing, &store);
    progress.end();
    workers.require_isolated()?;
    // At the start, workers of a run that was just killed may still have had their files open.
    remove_stale(&task.out);
    let failure = failure.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = &failure {
        notices::say(&format!("{}; the next build looks at these outputs again", chain(error)));
    }
    Ok(Executed { outcomes, is_stored: failure.is_none() })
}

/// The work on one build.
struct Work<'a> {
    record: &'a FixRecord,
    out: &'a Path,
    begin: SystemTime,
}

fn units_by_source<'a>(survey: &'a Survey<'_>) -> HashMap<(&'a Path, &'a str), &'a Unit<'a>> {
    let of_source = |index: &usize| {
        let path = survey.found.sources[*index].path.as_path();
        survey.units_of(*index).iter().map(move |unit| ((path, &*unit.key.profile), unit))
    };
    survey.to_do.iter().flat_map(of_source).collect()
}

impl Results<'_> {
    /// Stores an outcome, unless another run with the same files could end differently.
    fn store(&self, unit: &Unit<'_>, outcome: &Outcome, work: &Work<'_>) -> Result<(), StateError> {
        if !matches!(outcome.ending.fault(), Fault::None | Fault::File) {
            return Ok(());
        }
        // A file that vanished or cannot be read is built again.
        let Some(entry) = self.entry(unit, outcome, work) else { return Ok(()) };
        self.state.lock().unwrap_or_else(PoisonError::into_inner).put(&unit.key, &entry, outcome)?;
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).insert(unit.key.clone(), entry);
        Ok(())
    }

    fn entry(&self, unit: &Unit<'_>, outcome: &Outcome, work: &Work<'_>) -> Option<Entry> {
        let Work { record, out, begin } = *work;
        let source = &outcome.source;
        let content = |path: &Path| record.contents().blake3_of(path).ok();
        let mut state = None;
        let mut source_content = String::new();
        if source.not_opened.is_none() {
            let now = FileState::from(&std::fs::metadata(&source.path).ok()?);
            let is_settled =
                FileFingerprint::new(&source.path, now, Depth::Probe).detects_later_changes(begin);
            // The outcome may be that of other bytes than those that are there now.
            if outcome.state.map_or(!is_settled, |read| read != now) {
                return None;
            }
            source_content = content(&source.path)?;
            state = Some(now).filter(|_| is_settled);
        }
        let below = |path: &Path| path.strip_prefix(self.base).unwrap_or(path).to_owned();
        let output = match outcome.output() {
            None => None,
            Some(output) => Some(OutputFile {
                path: below(&output.path),
                out: below(out),
                state: FileState::from(&std::fs::symlink_metadata(&output.path).ok()?),
                content: content(&output.path)?,
            }),
        };
        Some(Entry {
            recipe: Arc::clone(&unit.recipe),
            source: state,
            content: source_content,
            named: source.named,
            not_opened: source.not_opened,
            ending: outcome.ending,
            verdict: outcome.verdict,
            output,
        })
    }
}
