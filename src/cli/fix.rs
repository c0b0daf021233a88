//! `greenlit fix`.

use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::job::worker::WorkerPool;
use crate::pipeline::{CheckOptions, FixLedger, FixSettings, Layout, fix, remove_stale};
use crate::report::Report;

use super::args::{CommonArgs, FixArgs};
use super::error::CliError;
use super::progress::Progress;
use super::run_status::RunStatus;
use super::settings::{Settings, fix_options, verify_level};
use super::{check, emit, entries, input, interrupt};

/// Runs the command.
pub fn run(settings: &Settings, common: &CommonArgs, args: &FixArgs) -> Result<RunStatus, CliError> {
    let begin = Instant::now();
    let profiles = settings.profiles(common)?;
    let out = args
        .out
        .clone()
        .or_else(|| settings.config.fix.out.as_ref().map(|out| settings.config.folder().join(out)));
    if out.is_none() && !args.dry_run {
        return Err(CliError::Usage(
            "fix needs a folder for its outputs: name one with --out DIR, or see the plan with --dry-run"
                .into(),
        ));
    }
    let fix_settings = FixSettings {
        options: fix_options(&args.choices, &settings.config.fix, args.recipe.unwrap_or(1))?,
        machine: settings.machine(),
        verify: verify_level(&args.choices, &settings.config.fix)?,
        out: out.clone().filter(|_| !args.dry_run),
        layout: Layout::Mirror,
    };
    let leave_out: Vec<_> = out.iter().cloned().collect();
    let found = input::find(&args.input, &leave_out)?;
    let ledger = match &fix_settings.out {
        None => None,
        Some(out) => {
            remove_stale(out);
            Some(open_ledger(settings)?)
        }
    };
    let cancel = interrupt::flag();
    let runner = WorkerPool::new(settings.jobs);
    let options = CheckOptions { selection: settings.selection.clone(), deep: false };
    let progress = Progress::new(settings.progress);
    let outcomes = fix(
        &found.sources,
        &profiles,
        &options,
        &fix_settings,
        ledger.as_ref(),
        &runner,
        &progress,
        &cancel,
        &|_| {},
    );
    progress.end();
    if let Some(out) = &fix_settings.out {
        // The workers of a run killed a moment before this one began may still have held their files.
        remove_stale(out);
    }
    let interrupted = cancel.load(Ordering::Relaxed);
    let status = check::conclude(&outcomes, &found, interrupted, entries::fix_status);
    let names = profiles.iter().map(|profile| profile.id().to_owned()).collect();
    let files = outcomes.iter().map(entries::entry).collect();
    let tool = entries::tool(check::library(&runner, &outcomes).as_ref());
    emit::report(settings, &Report::new(tool, names, files, begin.elapsed().as_secs_f64(), interrupted))?;
    Ok(status)
}

fn open_ledger(settings: &Settings) -> Result<FixLedger, CliError> {
    let path = settings.state_folder().join("fix.jsonl");
    FixLedger::open(&path).map_err(|source| CliError::Operation {
        what: format!("the record of earlier fixes, {}, cannot be opened", path.display()),
        source: Box::new(source),
    })
}
