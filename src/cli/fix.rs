//! `greenlit fix`: fixes files and verifies the outputs.

use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::pipeline::{CheckOptions, FixRecord, FixSettings, OutputLayout, fix, remove_stale};
use crate::platform::tiktok_ads::CodeTable;
use crate::platform::{self, Class};
use crate::report::Report;

use super::args::{CommonArgs, FixArgs};
use super::check::RunSummary;
use super::error::CliError;
use super::exit_code::RunStatus;
use super::progress::ProgressDisplay;
use super::settings::{Settings, fix_options, verify_level};
use super::{cache, check, encoder, host_memory, input, interrupt, output, report_entries};

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
            "fix needs a folder for its outputs: set --out DIR, or print the plan with --dry-run".into(),
        ));
    }
    let encode_mode = match (args.recipe, &args.rejected) {
        (Some(encode_mode), _) => encode_mode,
        (None, Some(reason)) => encode_mode_for(reason, &settings.config.codes)?,
        (None, None) => 1,
    };
    let mut fix_settings = FixSettings {
        options: fix_options(&args.choices, &settings.config.fix, encode_mode)?,
        machine: settings.machine(),
        memory_bytes: host_memory::memory_bytes(),
        verify: verify_level(&args.choices, &settings.config.fix)?,
        out: out.clone().filter(|_| !args.dry_run),
        layout: OutputLayout::Mirror,
    };
    let excluded: Vec<_> = out.iter().chain(&settings.cache).cloned().collect();
    let found = input::find(&args.input, &excluded)?;
    let fix_record = match &fix_settings.out {
        None => None,
        Some(out) => {
            remove_stale(out);
            Some(open_fix_record(settings)?)
        }
    };
    let cancel = interrupt::flag();
    let quiet = settings.human.quiet;
    let report = |text: &str| {
        if !quiet {
            eprintln!("{text}")
        }
    };
    let runner = encoder::workers(settings.jobs, &mut fix_settings.options, &cancel, &report);
    let probe_cache = cache::open(settings, args.input.no_cache);
    let options = CheckOptions { selection: settings.selection.clone(), deep: false, probe_cache };
    let progress = ProgressDisplay::new(settings.progress);
    let outcomes = fix(
        &found.sources,
        &profiles,
        &options,
        &fix_settings,
        fix_record.as_ref(),
        &runner,
        &progress,
        &cancel,
        &|_| {},
    );
    progress.end();
    if let Some(out) = &fix_settings.out {
        // At the start, workers of a run that was just killed may still have had their files open.
        remove_stale(out);
    }
    let interrupted = cancel.load(Ordering::Relaxed);
    let summary = RunSummary::of(&outcomes, report_entries::fix_status);
    let status = summary.final_status(&found, interrupted);
    let names = profiles.iter().map(|profile| profile.id().to_owned()).collect();
    let tool = report_entries::tool(
        check::media_library(&runner, options.probe_cache.as_deref(), summary.used_media_library).as_ref(),
    );
    let files = outcomes.into_iter().map(report_entries::entry).collect();
    let report = Report::new(tool, names, files, begin.elapsed().as_secs_f64(), interrupted);
    output::report(settings, &report.with_old_limits(settings.old_limits(&profiles)))?;
    Ok(status)
}

/// Returns the encode mode for a refusal by the platform. A file that violates a published limit is fixed as
/// planned; a file that complies but was refused is re-encoded to the common core.
fn encode_mode_for(reason: &str, codes: &CodeTable) -> Result<u8, CliError> {
    if let Ok(code) = reason.parse::<i64>() {
        let class = codes.page(code).map(|page| page.class);
        return match class {
            Some(Class::ReEncode | Class::ReRead) => Ok(2),
            Some(_) => Err(CliError::Usage(format!(
                "{code} is not a problem of the file, so re-encoding does not help; see \
                 `greenlit explain {code}`"
            ))),
            None => Err(CliError::Usage(format!(
                "unknown error code {code}; --recipe 2 re-encodes the whole file"
            ))),
        };
    }
    match reason {
        "duration_check_failed" | "picture_size_check_failed" => Ok(1),
        "file_format_check_failed" | "frame_rate_check_failed" => Ok(2),
        other if platform::explain(other, codes).is_some() => Err(CliError::Usage(format!(
            "`{other}` is not a problem of the file, so re-encoding does not help; see \
             `greenlit explain {other}`"
        ))),
        other => Err(CliError::Usage(format!("unknown fail reason `{other}`"))),
    }
}

fn open_fix_record(settings: &Settings) -> Result<FixRecord, CliError> {
    let path = settings.state_folder().join("fix.jsonl");
    FixRecord::open(&path).map_err(|source| CliError::Operation {
        what: format!("cannot open the record of earlier fixes, {}", path.display()),
        source: Box::new(source),
    })
}
