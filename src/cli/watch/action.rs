//! What is done with the files of a drop folder.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::ending::{Ending, FailureKind, Fault};
use crate::model::Completeness;
use crate::pipeline::{
    CheckOptions, FixRecord, FixSettings, Fixing, Outcome, OutputLayout, Pipeline, SourceFile, remove_stale,
};
use crate::plan::EncodeMode;
use crate::profile::Profile;
use crate::report::{Format, ndjson_line};
use crate::ship::Until;

use crate::cli::args::{CommonArgs, NotifyArgs, ShipArgs, Then, TrialArgs, WatchArgs};
use crate::cli::destination::Destination;
use crate::cli::error::CliError;
use crate::cli::exit_code::RunStatus;
use crate::cli::fix_options::{fix_options, verify_level};
use crate::cli::settings::Settings;
use crate::cli::workers_on_demand::WorkersOnDemand;
use crate::cli::{cache, encoder, fix, notices, report_entries, ship};

/// What became of one file.
pub struct FileResult {
    /// The file.
    pub source: SourceFile,
    /// The lines to print, one for each profile.
    pub lines: Vec<String>,
    /// What is to be done with the file.
    pub verdict: FileEnd,
}

/// What is to be done with a file.
pub enum FileEnd {
    /// It is processed: this is the worst ending of its profiles.
    Ended(Ending),
    /// It is not complete yet.
    Incomplete,
    /// An operation failed, for this reason.
    Failed(String),
    /// The run was cancelled.
    Interrupted,
}

/// What is done with each file, with everything that it needs.
pub struct Action<'a> {
    settings: &'a Settings,
    common: &'a CommonArgs,
    args: &'a WatchArgs,
    key: String,
    profiles: Vec<Profile>,
    options: CheckOptions,
    workers: Arc<WorkersOnDemand>,
    cancel: &'a Arc<AtomicBool>,
    /// The settings and the record of `--then fix`.
    fix: Option<(FixSettings, FixRecord)>,
}

impl<'a> Action<'a> {
    /// Returns the action that the arguments ask for.
    pub fn new(
        settings: &'a Settings,
        common: &'a CommonArgs,
        args: &'a WatchArgs,
        cancel: &'a Arc<AtomicBool>,
    ) -> Result<Action<'a>, CliError> {
        let profiles = match &args.to {
            Some(to) => {
                let destination = Destination::resolve(settings, to, &args.destination)?;
                vec![settings.profile(common.profile.first().unwrap_or(&destination.profile))?]
            }
            None => settings.profiles(common)?,
        };
        let mut pool = settings.workers();
        let mut fix = None;
        if args.then == Then::Fix {
            let mut fix_settings = fix_settings(settings, args)?;
            let out = fix_settings.out.clone().unwrap_or_default();
            fix::refuse_source_folder(std::slice::from_ref(&args.folder), &out)?;
            remove_stale(&out);
            pool = encoder::workers(pool, settings, &mut fix_settings.options, cancel, &notices::print);
            fix = Some((fix_settings, fix::open_fix_record(settings, &out)?));
        }
        let workers = Arc::new(WorkersOnDemand::new(settings, pool));
        let scope = if args.to.is_some() { None } else { settings.scope(common)? };
        let cache = cache::open_when_used(settings, false, &workers);
        let options = CheckOptions { scope, ..settings.check_options(cache) };
        let names: Vec<&str> = profiles.iter().map(Profile::id).collect();
        let to = args.to.as_deref().unwrap_or_default();
        let key = format!("{} {} {to}", args.then.name(), names.join(" ")).trim_end().to_owned();
        Ok(Action { settings, common, args, key, profiles, options, workers, cancel, fix })
    }

    /// Returns the name of the action in the list of processed files.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns how many files are processed at a time.
    pub fn batch_size(&self) -> usize {
        self.settings.jobs.max(1) * 2
    }

    /// Processes files. Those that are not complete are left, unless they are abandoned.
    pub fn process(
        &self,
        sources: &[SourceFile],
        is_abandoned: &dyn Fn(&SourceFile) -> bool,
    ) -> Result<Vec<FileResult>, CliError> {
        let pipeline =
            Pipeline::over_local_files(&self.profiles, &self.options, self.workers.as_ref(), self.cancel);
        let mut results = Vec::new();
        let mut complete = Vec::new();
        for (source, checked) in sources.iter().zip(pipeline.check(sources)) {
            let outcomes = self.accepted(checked.into_outcomes(&self.profiles));
            if outcomes.iter().any(is_incomplete) && !is_abandoned(source) {
                let (source, lines) = (source.clone(), Vec::new());
                results.push(FileResult { source, lines, verdict: FileEnd::Incomplete });
            } else {
                complete.push((source.clone(), outcomes));
            }
        }
        self.workers.require_isolated()?;
        match (self.args.then, &self.fix) {
            (Then::Ship, _) => {
                for (source, outcomes) in complete {
                    results.push(self.ship(source, outcomes)?);
                }
            }
            (_, Some((settings, record))) => {
                let sources: Vec<SourceFile> = complete.into_iter().map(|(source, _)| source).collect();
                let fixing = Fixing { settings, record: Some(record) };
                let mut by_source: HashMap<PathBuf, Vec<Outcome>> = HashMap::new();
                for outcome in self.accepted(pipeline.fix(&sources, fixing, &|_| {})) {
                    by_source.entry(outcome.source.path.clone()).or_default().push(outcome);
                }
                let of = |source: SourceFile| {
                    let outcomes = by_source.remove(&source.path).unwrap_or_default();
                    self.result(source, outcomes)
                };
                results.extend(sources.into_iter().map(of));
            }
            _ => results.extend(complete.into_iter().map(|(source, outcomes)| self.result(source, outcomes))),
        }
        Ok(results)
    }

    fn accepted(&self, outcomes: Vec<Outcome>) -> Vec<Outcome> {
        outcomes.into_iter().map(|outcome| self.settings.project.accept(outcome)).collect()
    }

    fn result(&self, source: SourceFile, outcomes: Vec<Outcome>) -> FileResult {
        let verdict = verdict(&outcomes);
        let shown = outcomes.into_iter().filter(|outcome| outcome.ending != Ending::Skipped);
        FileResult { source, lines: shown.map(|outcome| self.line(outcome)).collect(), verdict }
    }

    fn line(&self, outcome: Outcome) -> String {
        if self.settings.format == Format::Ndjson {
            return ndjson_line(&report_entries::entry(outcome));
        }
        let several = self.profiles.len() > 1;
        let profile = if several { format!(" [{}]", outcome.profile) } else { String::new() };
        let output = outcome.output().map(|output| output.path.display().to_string());
        let detail = output.or_else(|| outcome.reason().map(str::to_owned)).or_else(|| findings(&outcome));
        let detail = detail.map_or(String::new(), |detail| format!(": {detail}"));
        let path = outcome.source.path.display();
        notices::safe_line(&format!("{path}{profile}: {}{detail}", outcome.ending), notices::in_ci())
    }

    /// Ships one file, which `ship` checks again and does not send twice.
    fn ship(&self, source: SourceFile, outcomes: Vec<Outcome>) -> Result<FileResult, CliError> {
        if outcomes.iter().all(|outcome| outcome.ending == Ending::Skipped) {
            return Ok(self.result(source, outcomes));
        }
        let to = self.args.to.clone();
        let args = ShipArgs {
            paths: vec![source.path.clone()],
            to: to.clone(),
            dry_run: false,
            plan: None,
            all_or_nothing: false,
            choices: self.args.choices.clone(),
            enable: false,
            max_ads: None,
            until: Until::Published,
            wait: true,
            retry: Vec::new(),
            fresh: false,
            allow_outside: false,
            events: None,
            destination: self.args.destination.clone(),
            trial: TrialArgs::default(),
            notify: NotifyArgs::default(),
        };
        let is_human = self.settings.format == Format::Human;
        // A person gets one line; the lines of NDJSON are those of the report.
        let output = is_human.then(|| Path::new("/dev/null").to_owned());
        let settings = Settings { output, ..self.settings.clone() };
        let status = ship::run(&settings, self.common, &args)?.status;
        let to = to.unwrap_or_default();
        let path = source.path.display();
        let (text, verdict) = match status {
            RunStatus::Done => (format!("{path}: shipped to {to}"), FileEnd::Ended(Ending::Compliant)),
            RunStatus::Refused | RunStatus::NoMedia => {
                let reason = outcomes
                    .iter()
                    .find_map(|outcome| findings(outcome).or(outcome.reason().map(str::to_owned)));
                let reason = reason.unwrap_or_else(|| "`greenlit status` shows the reason".to_owned());
                (format!("{path}: not shipped: {reason}"), FileEnd::Ended(Ending::Noncompliant))
            }
            RunStatus::Interrupted => (String::new(), FileEnd::Interrupted),
            RunStatus::Failed | RunStatus::Outdated => {
                let reason = format!("was not shipped to {to}; `greenlit status` shows the reason");
                (String::new(), FileEnd::Failed(reason))
            }
        };
        let line = notices::safe_line(&text, notices::in_ci());
        Ok(FileResult { source, lines: Vec::from_iter(is_human.then_some(line)), verdict })
    }
}

fn fix_settings(settings: &Settings, args: &WatchArgs) -> Result<FixSettings, CliError> {
    let configured = || settings.config.fix.out.as_ref().map(|out| settings.config.folder().join(out));
    Ok(FixSettings {
        options: fix_options(&args.choices, &settings.config.fix, EncodeMode::Planned)?,
        machine: settings.machine(),
        memory_bytes: crate::host_memory::memory_bytes(),
        verify: verify_level(&args.choices, &settings.config.fix)?,
        out: args.out.clone().or_else(configured),
        layout: OutputLayout::Mirror,
        libraries: None,
    })
}

/// Returns whether the file may still be written: data that it declares is missing, or it cannot be read as media.
fn is_incomplete(outcome: &Outcome) -> bool {
    match &outcome.facts {
        Some(facts) => matches!(facts.completeness, Completeness::Missing { .. }),
        None => outcome.ending == Ending::Unreadable(FailureKind::Input),
    }
}

fn verdict(outcomes: &[Outcome]) -> FileEnd {
    let with = |fault: Fault| outcomes.iter().find(|outcome| outcome.ending.fault() == fault);
    if outcomes.is_empty() || with(Fault::Interrupted).is_some() {
        return FileEnd::Interrupted;
    }
    if let Some(failed) = with(Fault::Operation) {
        return FileEnd::Failed(failed.reason().unwrap_or("an operation failed").to_owned());
    }
    let worst = with(Fault::File).or(outcomes.first());
    worst.map_or(FileEnd::Interrupted, |outcome| FileEnd::Ended(outcome.ending))
}

/// Returns the messages of the errors of a file.
fn findings(outcome: &Outcome) -> Option<String> {
    let errors = outcome.assessment.as_ref()?.findings().iter();
    let errors = errors.filter(|finding| finding.severity == crate::profile::Severity::Error);
    let messages: Vec<&str> = errors.map(|finding| finding.message.as_str()).collect();
    (!messages.is_empty()).then(|| messages.join("; "))
}
