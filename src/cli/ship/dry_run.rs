//! `ship --dry-run` and `--all-or-nothing`: plans all fixes and estimates the calls and times of the uploads, without
//! sending.

use std::io::Write;
use std::path::Path;
use std::sync::atomic::Ordering;

use crate::cli::check::RunSummary;
use crate::cli::error::CliError;
use crate::cli::exit_code::RunStatus;
use crate::cli::progress::ProgressDisplay;
use crate::cli::sandbox::operation;
use crate::cli::{notices, output, packaging};
use crate::pipeline::{CheckOptions, Fixing, Pipeline};
use crate::report::{Format, json_text};

use super::forecast::Forecast;
use super::network::{self, unless_cancelled};
use super::plan_summary::summary;
use super::posted_before::PostingNote;
use super::ship_plan::ShipPlan;
use super::ship_run::ShipRun;
use super::{retry, row_notices};

/// Runs the dry run and writes the plan.
pub fn run(ship_run: &ShipRun<'_>, max_ads: Option<u32>) -> Result<RunStatus, CliError> {
    let settings = ship_run.settings;
    if !settings.reports.is_empty() {
        return Err(CliError::Usage(
            "a dry run of ship makes a plan and no report: --output FILE stores the plan, --report needs a real run"
                .into(),
        ));
    }
    let estimate = estimate(ship_run, max_ads)?;
    if let Some(plan) = &estimate.plan {
        write_plan(ship_run, plan)?;
    }
    Ok(estimate.status)
}

/// Returns the status of the dry run where not every file and every row can be shipped, which it says; `None` where all can.
pub fn refuse_parts(ship_run: &ShipRun<'_>, max_ads: Option<u32>) -> Result<Option<RunStatus>, CliError> {
    let estimate = estimate(ship_run, max_ads)?;
    if estimate.status == RunStatus::Done {
        return Ok(None);
    }
    if let Some(plan) = &estimate.plan {
        notices::print_lines(&summary(plan));
        notices::say(
            "nothing was sent: --all-or-nothing is given, and not every file and row can be shipped",
        );
    }
    Ok(Some(estimate.status))
}

/// What a run would do.
struct Estimate {
    status: RunStatus,
    /// The plan; `None` if the run was cancelled.
    plan: Option<ShipPlan>,
}

fn estimate(ship_run: &ShipRun<'_>, max_ads: Option<u32>) -> Result<Estimate, CliError> {
    let settings = ship_run.settings;
    let progress = ProgressDisplay::new(settings.progress);
    let options = CheckOptions::default();
    let (profiles, runner) = (std::slice::from_ref(&ship_run.profile), ship_run.runner.as_ref());
    let pipeline = Pipeline {
        observer: &progress,
        ..Pipeline::over_local_files(profiles, &options, runner, &ship_run.cancel)
    };
    let fixing = Fixing { settings: &ship_run.fix_settings(None)?, record: None };
    let outcomes = pipeline.fix(&ship_run.ship_input.found.sources, fixing, &|_| {});
    progress.end();
    let interrupted = ship_run.cancel.load(Ordering::Relaxed);
    let status = RunSummary::of(&outcomes).final_status(&ship_run.ship_input.found, interrupted);
    if interrupted {
        // An incomplete plan is not written.
        return Ok(Estimate { status, plan: None });
    }
    let mut forecast = Forecast::new(ship_run)?;
    let finding = row_notices::find(ship_run, forecast.journal.as_ref());
    let found = network::run(async { unless_cancelled(&ship_run.cancel, finding).await.transpose() })?;
    let Some((notices, _)) = found else {
        let status = RunSummary::of(&outcomes).final_status(&ship_run.ship_input.found, true);
        return Ok(Estimate { status, plan: None });
    };
    retry::tell_without_effect(ship_run, forecast.journal.as_ref())?;
    if let Err(error) = ship_run.check_ad_limit(forecast.journal.as_ref(), max_ads)? {
        notices::say(&format!("the run itself would be refused: {error}"));
    }
    if let Some(note) = PostingNote::of(ship_run)?
        && let Some(reason) = note.refusal(forecast.journal.as_ref())?
    {
        notices::say(&format!("the run itself would be refused: {reason}"));
    }
    row_notices::print(&notices, &ship_run.ship_input.rows, &ship_run.destination);
    let problems =
        notices.into_iter().filter(|notice| row_notices::is_problem(notice, &ship_run.destination));
    forecast.row_problems = problems.collect();
    let needs_person = !forecast.row_problems.is_empty();
    let plan = forecast.plan(&outcomes)?;
    let status = status.and(if needs_person { RunStatus::Failed } else { RunStatus::Done });
    Ok(Estimate { status, plan: Some(plan) })
}

/// Writes the plan. With `--output`, the summary goes to standard error.
fn write_plan(ship_run: &ShipRun<'_>, plan: &ShipPlan) -> Result<(), CliError> {
    let json = || {
        let text = serde_json::to_string_pretty(plan);
        text.map(|text| json_text(&text).into_owned() + "\n")
            .map_err(|source| operation("cannot serialize the plan", source))
    };
    match &ship_run.settings.output {
        Some(path) => {
            write_atomically(path, &json()?)
                .map_err(|source| CliError::WriteReport { target: path.display().to_string(), source })?;
            notices::print_lines(&summary(plan));
            Ok(())
        }
        None if matches!(ship_run.settings.format, Format::Human | Format::Concise) => {
            packaging::print_page(&summary(plan)).map(drop)
        }
        None => packaging::print(json()?.as_bytes()).map(drop),
    }
}

/// Writes the file under a temporary name and renames it when complete.
fn write_atomically(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".greenlit-plan-").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    output::give_name(file, path)
}
