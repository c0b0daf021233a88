//! `greenlit fix`.

use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::pipeline::{CheckOptions, FixRecord, FixSettings, Layout, fix, remove_stale};
use crate::platform::tiktok_ads::CodeTable;
use crate::platform::{self, Class};
use crate::report::Report;

use super::args::{CommonArgs, FixArgs};
use super::check::Tally;
use super::error::CliError;
use super::progress::Progress;
use super::run_status::RunStatus;
use super::settings::{Settings, fix_options, verify_level};
use super::{cache, check, encoder, file_entries, input, interrupt, machine, output};

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
    let recipe = match (args.recipe, &args.rejected) {
        (Some(recipe), _) => recipe,
        (None, Some(reason)) => recipe_for(reason, &settings.config.codes)?,
        (None, None) => 1,
    };
    let mut fix_settings = FixSettings {
        options: fix_options(&args.choices, &settings.config.fix, recipe)?,
        machine: settings.machine(),
        memory_bytes: machine::memory_bytes(),
        verify: verify_level(&args.choices, &settings.config.fix)?,
        out: out.clone().filter(|_| !args.dry_run),
        layout: Layout::Mirror,
    };
    let leave_out: Vec<_> = out.iter().chain(&settings.cache).cloned().collect();
    let found = input::find(&args.input, &leave_out)?;
    let ledger = match &fix_settings.out {
        None => None,
        Some(out) => {
            remove_stale(out);
            Some(open_ledger(settings)?)
        }
    };
    let cancel = interrupt::flag();
    let quiet = settings.human.quiet;
    let say = |text: &str| {
        if !quiet {
            eprintln!("{text}")
        }
    };
    let runner = encoder::workers(settings.jobs, &mut fix_settings.options, &cancel, &say);
    let memory = cache::open(settings, args.input.no_cache);
    let options = CheckOptions { selection: settings.selection.clone(), deep: false, memory };
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
    let tally = Tally::of(&outcomes, file_entries::fix_status);
    let status = tally.conclude(&found, interrupted);
    let names = profiles.iter().map(|profile| profile.id().to_owned()).collect();
    let tool =
        file_entries::tool(check::library(&runner, options.memory.as_deref(), tally.any_asked).as_ref());
    let files = outcomes.into_iter().map(file_entries::entry).collect();
    let report = Report::new(tool, names, files, begin.elapsed().as_secs_f64(), interrupted);
    output::report(settings, &report.noting(settings.old_limits(&profiles)))?;
    Ok(status)
}

/// The recipe that answers a refusal. A file that broke a published limit needs no more than its
/// plan; one that complied and was refused all the same is encoded to what every platform takes.
fn recipe_for(reason: &str, codes: &CodeTable) -> Result<u8, CliError> {
    if let Ok(code) = reason.parse::<i64>() {
        let class = codes.page(code).map(|page| page.class);
        return match class {
            Some(Class::ReEncode | Class::ReRead) => Ok(2),
            Some(_) => Err(CliError::Usage(format!(
                "{code} does not say that the file is at fault, so no other file helps: see `greenlit explain {code}`"
            ))),
            None => Err(CliError::Usage(format!(
                "the code {code} is not known: --recipe 2 encodes everything anew"
            ))),
        };
    }
    match reason {
        "duration_check_failed" | "picture_size_check_failed" => Ok(1),
        "file_format_check_failed" | "frame_rate_check_failed" => Ok(2),
        other if platform::explain(other, codes).is_some() => Err(CliError::Usage(format!(
            "`{other}` does not say that the file is at fault: see `greenlit explain {other}`"
        ))),
        other => Err(CliError::Usage(format!("the fail reason `{other}` is not known"))),
    }
}

fn open_ledger(settings: &Settings) -> Result<FixRecord, CliError> {
    let path = settings.state_folder().join("fix.jsonl");
    FixRecord::open(&path).map_err(|source| CliError::Operation {
        what: format!("the record of earlier fixes, {}, cannot be opened", path.display()),
        source: Box::new(source),
    })
}
