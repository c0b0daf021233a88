//! `greenlit fix`: fixes files and verifies the outputs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::pipeline::{
    CheckOptions, FixRecord, FixSettings, Fixing, Outcome, OutputLayout, Pipeline, StaleOutput, remove_stale,
};
use crate::plan::EncodeMode;
use crate::report::{Report, StaleEntry};

use super::args::{CommonArgs, FixArgs};
use super::check::RunSummary;
use super::error::CliError;
use super::exit_code::RunStatus;
use super::fix_options::{fix_options, verify_level};
use super::progress::ProgressDisplay;
use super::rejected::{encode_mode_for, tell_unchanged};
use super::run_end::RunEnd;
use super::settings::Settings;
use super::workers_on_demand::WorkersOnDemand;
use super::{
    cache, check, encoder, input, interrupt, notices, output, pictures, report_entries, report_target,
};

/// Runs the command.
pub fn run(settings: &Settings, common: &CommonArgs, args: &FixArgs) -> Result<RunEnd, CliError> {
    let begin = Instant::now();
    let profiles = settings.profiles(common)?;
    settings.project.expired.iter().for_each(|text| notices::say(text));
    let out = output_folder(settings, args)?;
    let mut fix_settings = fix_settings(settings, args, out.as_deref())?;
    let excluded: Vec<_> = out.iter().chain(&settings.cache).cloned().collect();
    let found = input::find(&args.input, &excluded)?;
    report_target::check(settings, &args.input.paths, &found.sources)?;
    let out = fix_settings.out.clone();
    remove_stale_below(out.as_deref());
    let fix_record = out.as_deref().map(|out| open_fix_record(settings, out)).transpose()?;
    let cancel = interrupt::flag();
    let say = |text: &str| {
        if !settings.human.quiet {
            notices::print(text);
        }
    };
    let runner = encoder::workers(settings.workers(), settings, &mut fix_settings.options, &cancel, &say);
    let runner = Arc::new(WorkersOnDemand::new(settings, runner));
    let probe_cache = cache::open_when_used(settings, args.input.no_cache, &runner);
    let scope = settings.scope(common)?;
    let options = CheckOptions { scope, ..settings.check_options(probe_cache) };
    let progress = ProgressDisplay::new(settings.progress);
    let pipeline = Pipeline {
        observer: &progress,
        ..Pipeline::over_local_files(&profiles, &options, runner.as_ref(), &cancel)
    };
    let fixing = Fixing { settings: &fix_settings, record: fix_record.as_ref() };
    let outcomes = pipeline.fix(&found.sources, fixing, &|_| {});
    let outcomes: Vec<Outcome> =
        outcomes.into_iter().map(|outcome| settings.project.accept(outcome)).collect();
    progress.end();
    runner.require_isolated()?;
    // At the start, workers of a run that was just killed may still have had their files open.
    remove_stale_below(out.as_deref());
    if let (Some(reason), None) = (&args.rejected, args.recipe) {
        tell_unchanged(reason, &outcomes, &profiles);
    }
    let interrupted = cancel.load(Ordering::Relaxed);
    let record = fix_record.as_ref().filter(|_| !interrupted);
    let stale = record.map_or(Vec::new(), |record| stale_outputs(record, args, &outcomes));
    let prune_failed = args.prune && stale.iter().any(|stale| !stale.removed);
    let summary = RunSummary::of(&outcomes);
    let status = summary.final_status(&found, interrupted);
    let names = profiles.iter().map(|profile| profile.id().to_owned()).collect();
    let tool = report_entries::tool(
        check::media_library(&runner, options.probe_cache.as_deref(), summary.used_media_library).as_ref(),
    );
    let files = outcomes.into_iter().map(report_entries::entry).collect();
    let report = Report::new(tool, names, files, begin.elapsed().as_secs_f64(), interrupted);
    let report = report.with_old_limits(settings.old_limits(&profiles)).with_stale(stale);
    let report = settings.with_choices(report, common, &args.input.paths);
    let report = pictures::add(settings, report, runner.as_ref(), &cancel);
    output::report(settings, &report)?;
    Ok(RunEnd::of(if prune_failed { status.and(RunStatus::Failed) } else { status }, report))
}

fn remove_stale_below(out: Option<&Path>) {
    if let Some(out) = out {
        remove_stale(out);
    }
}

/// Returns the folder for the outputs; `None` for a dry run without one.
fn output_folder(settings: &Settings, args: &FixArgs) -> Result<Option<PathBuf>, CliError> {
    let configured = || settings.config.fix.out.as_ref().map(|out| settings.config.folder().join(out));
    let out = args.out.clone().or_else(configured);
    match &out {
        Some(out) => refuse_source_folder(&args.input.paths, out)?,
        None if args.dry_run => {}
        None => {
            return Err(CliError::Usage(
                "fix needs a folder for its outputs: set --out DIR, or print the plan with --dry-run".into(),
            ));
        }
    }
    Ok(out)
}

fn fix_settings(settings: &Settings, args: &FixArgs, out: Option<&Path>) -> Result<FixSettings, CliError> {
    let encode_mode = match (args.recipe, &args.rejected) {
        (Some(encode_mode), _) => encode_mode,
        (None, Some(reason)) => encode_mode_for(reason, settings.config.codes.as_ref())?,
        (None, None) => EncodeMode::Planned,
    };
    Ok(FixSettings {
        options: fix_options(&args.choices, &settings.config.fix, encode_mode)?,
        machine: settings.machine(),
        memory_bytes: crate::host_memory::memory_bytes(),
        verify: verify_level(&args.choices, &settings.config.fix)?,
        out: out.filter(|_| !args.dry_run).map(Path::to_owned),
        layout: OutputLayout::Mirror,
        libraries: None,
    })
}

/// Returns the outputs whose source is gone, and removes them with `--prune`.
fn stale_outputs(fix_record: &FixRecord, args: &FixArgs, outcomes: &[Outcome]) -> Vec<StaleEntry> {
    let roots: Vec<PathBuf> = args.input.paths.iter().filter(|path| path.is_dir()).cloned().collect();
    let outputs = outcomes.iter().filter_map(|outcome| Some(outcome.output()?.path.clone()));
    let current: Vec<PathBuf> = outputs.collect();
    let entry = |stale: StaleOutput| {
        let removed = args.prune && remove_stale_output(fix_record, &stale);
        let (output, source) = (&stale.path, &stale.source);
        StaleEntry {
            output: report_entries::display_path(output).0,
            source: report_entries::display_path(source).0,
            removed,
        }
    };
    fix_record.stale(&roots, &current).into_iter().map(entry).collect()
}

/// Removes an output whose source is gone, or says why that failed. Returns whether it is removed.
pub fn remove_stale_output(fix_record: &FixRecord, stale: &StaleOutput) -> bool {
    let failed = |error: &std::io::Error| {
        notices::say(&format!("{} was not removed: {error}", stale.path.display()));
    };
    fix_record.remove(stale).inspect_err(failed).is_ok()
}

/// Opens the record beside the outputs, so that it moves with them. Where that cannot be written, it is in the
/// state folder of the project or of the user; the records there are read in any case.
pub fn open_fix_record(settings: &Settings, out: &Path) -> Result<FixRecord, CliError> {
    let beside = out.join(".greenlit").join("fix.jsonl");
    let real = out.canonicalize().or_else(|_| std::path::absolute(out)).unwrap_or_else(|_| out.to_owned());
    let name = format!("fix-{}.jsonl", &blake3::hash(real.as_os_str().as_encoded_bytes()).to_hex()[..16]);
    let of_project = settings.state_folder().join("fix.jsonl");
    let of_user = settings.user_state_folder().map(|folder| folder.join(name));
    let places = [Some(beside), Some(of_project), of_user].into_iter().flatten().collect();
    FixRecord::open_first(places, out.to_owned()).map_err(|source| CliError::Operation {
        what: format!("cannot read the record of earlier fixes in {}", out.display()),
        source: Box::new(source),
    })
}

/// Refuses an output folder that is also a folder of sources: the next run would take the outputs for sources.
pub fn refuse_source_folder(paths: &[PathBuf], out: &Path) -> Result<(), CliError> {
    let Ok(folder) = out.canonicalize() else { return Ok(()) };
    let is_source = |path: &&PathBuf| path.canonicalize().is_ok_and(|path| path == folder);
    match paths.iter().find(is_source) {
        Some(path) => Err(CliError::Usage(format!(
            "the output folder {} is the folder of the sources {}: choose another folder with --out",
            out.display(),
            path.display()
        ))),
        None => Ok(()),
    }
}
