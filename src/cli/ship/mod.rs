//! `greenlit ship`. Threads check, fix and verify files; an async runtime uploads them, waits and publishes.
//! A channel passes each file on when it is ready.
//!
//! [`arguments`] and [`input`] define the run, [`ship_run`] holds it, [`before_sending`] checks it, [`dry_run`] estimates
//! it, [`ship_plan`] stores the estimate, [`deliver`] executes the run and [`report`] converts its results.

mod arguments;
mod before_sending;
mod deliver;
mod delivery_progress;
mod dry_run;
mod fix_cost;
mod forecast;
mod input;
pub(super) mod network;
mod outside;
mod plan_summary;
mod posted_before;
mod report;
mod retry;
mod row_notices;
mod ship_plan;
mod ship_run;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use secrecy::SecretString;

use crate::cache::Contents;
use crate::facade::check_covers;
use crate::job::Runner;
use crate::pipeline::{CheckOptions, Outcome, Pipeline, remove_stale};
use crate::plan::EncodeMode;
use crate::platform::{self, Connection};
use crate::report::Report;
use crate::rules::Selection;
use crate::sandbox::{Sandbox, start};
use crate::ship::{ShipOutcome, Wait};
use crate::worker::WorkerPool;

use super::args::{CommonArgs, ShipArgs};
use super::destination::{Destination, SANDBOX, report_word};
use super::error::CliError;
use super::event_log::EventLog;
use super::exit_code::RunStatus;
use super::fix_options::fix_options;
use super::journal_file::{self, create_inside};
use super::progress::ProgressDisplay;
use super::run_end::RunEnd;
use super::sandbox::{operation, trial_options};
use super::settings::Settings;
use super::{
    api_host, encoder, interrupt, isolation, notices, output, pictures, report_entries, report_target,
};

use arguments::ShipArguments;
use deliver::DeliveryContext;
pub use outside::refuse_outside;
use posted_before::PostingNote;
use ship_run::ShipRun;

/// Runs the command.
pub fn run(settings: &Settings, common: &CommonArgs, args: &ShipArgs) -> Result<RunEnd, CliError> {
    if settings.selection != Selection::default() {
        return Err(CliError::Usage(
            "ship takes no --select and no --ignore: it uploads only files that comply with every rule"
                .into(),
        ));
    }
    let stored_plan = read_plan(common, args)?;
    let ship_arguments = match &stored_plan {
        Some(plan) => plan.arguments_with_typed_host(args.destination.base_url.as_deref())?,
        None => ShipArguments::from_command_line(common, args)?,
    };
    let destination = Destination::resolve(settings, &ship_arguments.to, &ship_arguments.destination)?;
    api_host::require_trusted_host(
        &destination,
        stored_plan.is_none() || args.destination.base_url.is_some(),
    )?;
    let profile = settings.profile(ship_arguments.profile.as_deref().unwrap_or(&destination.profile))?;
    let ship_input = input::read(&ship_arguments.paths)?;
    if let (Some(manifest), false) = (&ship_input.manifest, args.allow_outside) {
        refuse_outside(manifest, &ship_input.rows)?;
    }
    report_target::check(settings, &ship_arguments.paths, &ship_input.found.sources)?;
    let cancel = interrupt::flag();
    let mut options = fix_options(&ship_arguments.choices, &settings.config.fix, EncodeMode::Planned)?;
    let workers = WorkerPool::new(settings.jobs).with_isolation(settings.isolation);
    let runner = encoder::workers(workers, settings, &mut options, &cancel, &notices::print);
    isolation::ensure(settings.isolation, settings.human.quiet, &runner)?;
    let runner: Arc<dyn Runner> = Arc::new(runner);
    let options_of_covers = CheckOptions::default();
    let profiles = std::slice::from_ref(&profile);
    let pipeline = Pipeline::over_local_files(profiles, &options_of_covers, runner.as_ref(), &cancel);
    let (covers, problems) = check_covers(destination.platform, &ship_input.rows, &profile, pipeline);
    if !input::passes_preflight(&ship_input, &destination, &profile, problems) {
        return Ok(RunStatus::Failed.into());
    }
    let retry = retry::parse(&ship_arguments.retry, &ship_input)?;
    let ship_run = ShipRun {
        settings,
        ship_arguments,
        options,
        destination,
        profile,
        ship_input,
        runner,
        cancel,
        retry,
        covers,
        contents: Arc::new(Contents::for_upload()),
    };
    if args.dry_run {
        return dry_run::run(&ship_run, args.max_ads).map(RunEnd::from);
    }
    if let Some(plan) = &stored_plan {
        plan.verify_unchanged(&ship_run, args.plan.as_deref().unwrap_or(Path::new("")))?;
    }
    let refused = if args.all_or_nothing { dry_run::refuse_parts(&ship_run, args.max_ads)? } else { None };
    refused.map_or_else(|| ship(ship_run, args), |status| Ok(status.into()))
}

/// Reads the plan of `--plan`, which must stand alone.
fn read_plan(common: &CommonArgs, args: &ShipArgs) -> Result<Option<ship_plan::ShipPlan>, CliError> {
    let plan = args.plan.as_deref().map(ship_plan::ShipPlan::read).transpose()?;
    if plan.is_some() && ShipArguments::conflict_with_plan(common, args) {
        return Err(CliError::Usage(
            "the plan already contains the profile and the options for fixing and the destination: give \
             --plan without them"
                .into(),
        ));
    }
    if let Some((plan, path)) = plan.as_ref().zip(args.plan.as_deref()) {
        plan.require_folder(path)?;
    }
    Ok(plan)
}

fn ship(ship_run: ShipRun<'_>, args: &ShipArgs) -> Result<RunEnd, CliError> {
    let begin = Instant::now();
    let ShipRun { settings, destination, ship_input, cancel, .. } = &ship_run;
    let token = destination.token()?;
    let artifacts = settings.state_folder().join("artifacts").join(ship_run.profile.id());
    create_inside(&settings.state_folder(), &artifacts)
        .map_err(|source| operation("the fixed files cannot be stored", source))?;
    let wait = if args.wait { Wait::UntilFree } else { Wait::Refuse };
    let typed = destination.journal_is_option && args.plan.is_none();
    let journal = Arc::new(journal_file::open(settings, &destination.journal, typed, wait)?);
    ship_run
        .check_ad_limit(Some(&journal), args.max_ads)?
        .map_err(|error| CliError::Usage(error.to_string()))?;
    let posting_note = PostingNote::of(&ship_run)?;
    let refusal = posting_note.as_ref().filter(|_| !args.fresh).map(|note| note.refusal(Some(&journal)));
    if let Some(reason) = refusal.transpose()?.flatten() {
        return Err(CliError::Usage(reason));
    }
    if let Some(warning) = destination.token_warning() {
        notices::say(&format!("warning: {warning}"));
    }
    if destination.name != SANDBOX && !settings.human.quiet {
        notices::print(&api_host::announcement(settings, destination));
    }
    remove_stale(&settings.state_folder());
    let progress = Arc::new(ProgressDisplay::new(settings.progress));
    let preparer = Arc::new(ship_run.preparer(artifacts, &progress)?);
    let context = DeliveryContext {
        ship_arguments: &ship_run.ship_arguments,
        destination,
        ship_input,
        preparer: &preparer,
        journal,
        progress: &progress,
        log: args.events.as_deref().map(EventLog::open).transpose()?,
        posting_note,
        cancel,
        retry: &ship_run.retry,
        ship_run: &ship_run,
    };
    let shipped = network::run(deliver_all(&ship_run, context, token));
    progress.end();
    // At the start, workers of a run that was just killed may still have had their files open.
    remove_stale(&settings.state_folder());
    let outcome = shipped?;
    let outcomes = report::collect(&preparer, ship_input);
    let status = report::final_status(&outcomes, ship_input, &outcome, cancel.load(Ordering::Relaxed));
    let report = print_report(&ship_run, &outcome, outcomes, begin)?;
    Ok(RunEnd::of(status, report))
}

/// Delivers the files to the destination, which may be a trial sandbox of this run.
async fn deliver_all(
    ship_run: &ShipRun<'_>,
    context: DeliveryContext<'_>,
    token: Option<SecretString>,
) -> Result<ShipOutcome, CliError> {
    let trial = start_trial(ship_run).await?;
    let address = trial.as_ref().map(|trial| trial.addr().to_string());
    let outcome = match connect(ship_run, address, token, context.progress) {
        Ok(connected) => deliver::deliver(context, connected).await,
        Err(error) => Err(error),
    };
    if let Some(trial) = trial {
        trial.shutdown().await;
    }
    outcome
}

/// Prints the report of a run, and why it was cut off, and returns the report.
fn print_report(
    ship_run: &ShipRun<'_>,
    outcome: &ShipOutcome,
    outcomes: Vec<Outcome>,
    begin: Instant,
) -> Result<Report, CliError> {
    let ShipRun { settings, destination, profile, .. } = ship_run;
    let interrupted = ship_run.cancel.load(Ordering::Relaxed);
    let any_facts = outcomes.iter().any(|outcome| outcome.facts.is_some());
    let library = any_facts.then(|| ship_run.runner.describe().ok()).flatten();
    let tool = report_entries::tool(library.as_ref());
    let shipped = report::Shipped {
        outcome,
        ship_input: &ship_run.ship_input,
        platform: destination.platform,
        kind: destination.publication_kind(),
        skipped: outcomes.iter().filter(|file| file.is_incidental()).count(),
        until: ship_run.ship_arguments.until,
        cut_off: cut_off(outcome, destination, interrupted),
    };
    let files = outcomes.into_iter().map(|file| report::entry(file, &shipped)).collect();
    let names = vec![profile.id().to_owned()];
    let old_limits = settings.old_limits(std::slice::from_ref(profile));
    let report = Report::new(tool, names, files, begin.elapsed().as_secs_f64(), interrupted).with_delivery(
        shipped.uploads(),
        (shipped.publication(), shipped.publications()),
        shipped.cut_off.clone(),
    );
    let report = report.with_old_limits(old_limits);
    let report = pictures::add(settings, report, ship_run.runner.as_ref(), &ship_run.cancel);
    output::report(settings, &report)?;
    if let Some(reason) = shipped.cut_off.filter(|_| !interrupted) {
        notices::say(&format!("the run was cut off: {reason}"));
    }
    Ok(report)
}

/// Returns why a run ended before everything was done, with what to do.
fn cut_off(outcome: &ShipOutcome, destination: &Destination, interrupted: bool) -> Option<String> {
    let what = report_word(destination.publication_kind()).plural();
    let again = format!("run the same command again; it does not repeat finished uploads and {what}");
    if let Some(reason) = &outcome.auth {
        let location = destination.token_location();
        return Some(format!("{reason}. Renew the token from {location} and {again}"));
    }
    if let Some(reason) = &outcome.configuration {
        let name = &destination.name;
        return Some(format!("{reason}. Correct the destination `{name}` and {again}"));
    }
    interrupted.then(|| {
        format!("interrupted. Run the same command again; it does not repeat finished uploads and {what}")
    })
}

/// Connects to the destination, or to the trial sandbox at `trial`.
fn connect(
    ship_run: &ShipRun<'_>,
    trial: Option<String>,
    token: Option<SecretString>,
    progress: &Arc<ProgressDisplay>,
) -> Result<Arc<dyn platform::Destination>, CliError> {
    let destination = &ship_run.destination;
    let base_url = match trial {
        Some(address) => {
            let folder = ship_run.settings.state_folder().join("sandbox");
            destination.platform.trial(&address, &folder).0
        }
        None => destination.base_url.clone(),
    };
    let connection = Connection {
        origin: ship_run.trial_origin(),
        mode: destination.mode,
        tier: destination.tier.clone(),
        codes: ship_run.settings.config.codes.clone(),
        bandwidth: destination.bandwidth,
        on_pause: Some(deliver::on_pause(progress)),
        ..Connection::new(&base_url, &destination.account, token)
    };
    let connected = destination.platform.connect(connection);
    connected.map_err(|source| operation("the destination cannot be used", source))
}

async fn start_trial(ship_run: &ShipRun<'_>) -> Result<Option<Sandbox>, CliError> {
    if ship_run.destination.name != SANDBOX {
        return Ok(None);
    }
    let state = ship_run.settings.state_folder();
    let folder = state.join("sandbox");
    create_inside(&state, &folder).map_err(|source| operation("cannot start the sandbox", source))?;
    let options = trial_options(ship_run.settings, &ship_run.ship_arguments.trial, folder)?;
    start(options).await.map(Some).map_err(|source| operation("cannot start the sandbox", source))
}
