//! `greenlit ship`: two worlds joined by one channel. Threads check, fix and prove; the runtime
//! uploads, waits and publishes. A file crosses over as soon as it is ready.
//!
//! [`order`] is what is asked for, [`load`] finds it, [`dry_run`] says what it would take and
//! [`plan`] keeps that for later, [`deliver`] does it, [`shown`] reports it.

mod arguments;
mod deliver;
mod dry_run;
mod input;
mod plan;
mod report;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use secrecy::SecretString;

use crate::job::Runner;
use crate::pipeline::{FixRecord, FixSettings, Layout, remove_stale};
use crate::plan::FixOptions;
use crate::platform::tiktok_ads::{self, ClientOptions, TikTokAds};
use crate::platform::tiktok_post::{self, PostOptions, TikTokPost};
use crate::profile::Profile;
use crate::report::Report;
use crate::rules::Selection;
use crate::sandbox::{Sandbox, start};
use crate::ship::{Journal, Wait};

use super::args::{CommonArgs, ShipArgs};
use super::asset_preparer::LocalPreparer;
use super::destination::{Destination, DestinationKind, SANDBOX};
use super::error::CliError;
use super::event_log::EventLog;
use super::progress::Progress;
use super::run_status::RunStatus;
use super::sandbox::{operation, runtime, trial_options};
use super::settings::{Settings, fix_options, verify_level};
use super::{check, covers, encoder, file_entries, interrupt, machine, output};

use arguments::ShipArguments;
use deliver::Shipping;
use input::ShipInput;

/// Runs the command.
pub fn run(settings: &Settings, common: &CommonArgs, args: &ShipArgs) -> Result<RunStatus, CliError> {
    if settings.selection != Selection::default() {
        return Err(CliError::Usage(
            "ship takes no --select and no --ignore: only a file that keeps every rule may be sent".into(),
        ));
    }
    let kept = args.plan.as_deref().map(plan::Plan::read).transpose()?;
    if kept.is_some() && ShipArguments::says_more_than_a_plan(common, args) {
        return Err(CliError::Usage(
            "a plan says what is shipped and how: give --plan without a profile, choices for fixing, or keys of \
             the destination"
                .into(),
        ));
    }
    let order = match &kept {
        Some(plan) => plan.order.clone(),
        None => ShipArguments::typed(common, args)?,
    };
    let destination = Destination::resolve(settings, &order.to, &order.destination)?;
    let profile = settings.profile(order.profile.as_deref().unwrap_or(&destination.profile))?;
    let load = input::load(&order.paths)?;
    let cancel = interrupt::flag();
    let mut options = fix_options(&order.choices, &settings.config.fix, 1)?;
    let say = |text: &str| eprintln!("{text}");
    let runner: Arc<dyn Runner> = Arc::new(encoder::workers(settings.jobs, &mut options, &cancel, &say));
    let covers = covers::problems(&load.rows, &profile, runner.as_ref(), &cancel);
    if !input::manifest_is_audio(&load.rows, destination.makes, covers) {
        return Ok(RunStatus::Failed);
    }
    let job = Work { settings, order, options, destination, profile, load, runner, cancel };
    if args.dry_run {
        return dry_run::run(&job);
    }
    if let Some(plan) = &kept {
        plan.still_holds(&job, args.plan.as_deref().unwrap_or(Path::new("")))?;
    }
    ship(job, args)
}

/// What is to be done, resolved: the same for a dry run and for the real thing.
struct Work<'a> {
    settings: &'a Settings,
    order: ShipArguments,
    /// How files are fixed, with the encoder that works here.
    options: FixOptions,
    destination: Destination,
    profile: Profile,
    load: ShipInput,
    runner: Arc<dyn Runner>,
    cancel: Arc<AtomicBool>,
}

impl Work<'_> {
    /// How files are fixed; `out` is where to, `None` only plans.
    fn fix_settings(&self, out: Option<PathBuf>) -> Result<FixSettings, CliError> {
        let (choices, config) = (&self.order.choices, &self.settings.config.fix);
        Ok(FixSettings {
            options: self.options.clone(),
            machine: self.settings.machine(),
            memory_bytes: machine::memory_bytes(),
            verify: verify_level(choices, config)?,
            out,
            layout: Layout::BySource,
        })
    }

    /// What the destination's effects are keyed by.
    fn origin(&self) -> Result<String, CliError> {
        let unusable = "the destination cannot be used";
        let url = &self.destination.base_url;
        match (self.trial_origin(), self.destination.makes) {
            (Some(origin), _) => Ok(origin),
            (None, DestinationKind::Ads) => {
                tiktok_ads::origin_of(url).map_err(|source| operation(unusable, source))
            }
            (None, DestinationKind::Posts(_)) => {
                tiktok_post::origin_of(url).map_err(|source| operation(unusable, source))
            }
        }
    }

    /// What the destination is called in the journal in place of its address, where it has no lasting one.
    fn trial_origin(&self) -> Option<String> {
        // The port differs from run to run, the sandbox's memory does not.
        let folder = self.settings.state_folder();
        (self.destination.name == SANDBOX).then(|| format!("sandbox:{}", folder.display()))
    }
}

fn ship(work: Work<'_>, args: &ShipArgs) -> Result<RunStatus, CliError> {
    let begin = Instant::now();
    let Work { settings, order, destination, profile, load, runner, cancel, options: _ } = &work;
    let token = destination.token()?;
    let artifacts = settings.state_folder().join("artifacts").join(profile.id());
    let journal = open_journal(&destination.journal, args.wait)?;
    remove_stale(&settings.state_folder());
    let progress = Arc::new(Progress::new(settings.progress));
    let maker = Arc::new(LocalPreparer {
        runner: Arc::clone(runner),
        observer: progress.clone(),
        settings: work.fix_settings(Some(artifacts))?,
        profile: profile.clone(),
        ledger: FixRecord::open(&settings.state_folder().join("fix.jsonl"))
            .map_err(|source| operation("the record of earlier fixes cannot be opened", source))?,
        cancel: Arc::clone(cancel),
        outcomes: Mutex::new(HashMap::new()),
    });
    let log = args.events.as_deref().map(EventLog::open).transpose()?;
    let shipping =
        Shipping { order, destination, load, maker: &maker, journal, progress: &progress, log, cancel };
    let shipped = runtime()?.block_on(async {
        let trial = start_trial(&work).await?;
        let at = trial.as_ref().map(|trial| format!("http://{}", trial.addr()));
        let outcome = match destination.makes {
            DestinationKind::Ads => {
                deliver::ads(shipping, Arc::new(ads_client(&work, at, token, &progress)?)).await
            }
            DestinationKind::Posts(mode) => {
                deliver::posts(shipping, mode, Arc::new(post_client(&work, at, token, &progress)?)).await
            }
        };
        if let Some(trial) = trial {
            trial.shutdown().await;
        }
        outcome
    });
    progress.end();
    // The workers of a run killed a moment before this one began may still have held their files.
    remove_stale(&settings.state_folder());
    let outcome = shipped?;
    let outcomes = report::collect(&maker, load);
    let interrupted = cancel.load(Ordering::Relaxed);
    let status = report::conclude(&outcomes, load, &outcome, interrupted);
    let any_facts = outcomes.iter().any(|outcome| outcome.facts.is_some());
    let tool = file_entries::tool(check::library(runner.as_ref(), None, any_facts).as_ref());
    let files = outcomes.into_iter().map(|file| report::entry(file, &outcome)).collect();
    let names = vec![maker.profile.id().to_owned()];
    let old_limits = settings.old_limits(std::slice::from_ref(&maker.profile));
    let report = Report::new(tool, names, files, begin.elapsed().as_secs_f64(), interrupted);
    output::report(settings, &report.noting(old_limits))?;
    if let Some(reason) = &outcome.auth {
        eprintln!(
            "greenlit: stopped: {reason}. The token came from {}; renew it and run the same command again: \
             what is done stays done",
            destination.token_place()
        );
    }
    if let Some(reason) = &outcome.configuration {
        eprintln!(
            "greenlit: stopped: {reason}. Correct the destination `{}` and run the same command again: what is done \
             stays done",
            destination.name
        );
    }
    Ok(status)
}

/// The client of a destination of ads; `at` is where a trial listens.
fn ads_client(
    work: &Work<'_>,
    at: Option<String>,
    token: SecretString,
    progress: &Arc<Progress>,
) -> Result<TikTokAds, CliError> {
    let destination = &work.destination;
    let url = at.map_or_else(|| destination.base_url.clone(), |at| format!("{at}/open_api/v1.3"));
    let mut options = ClientOptions::new(&url, &destination.account, token);
    options.origin = work.trial_origin();
    options.tier = destination.tier()?;
    options.codes = work.settings.config.codes.clone();
    options.bandwidth = destination.bandwidth;
    options.on_pause = Some(deliver::on_pause(progress));
    TikTokAds::new(options).map_err(|source| operation("the destination cannot be used", source))
}

/// The client of a destination of posts; `at` is where a trial listens.
fn post_client(
    work: &Work<'_>,
    at: Option<String>,
    token: SecretString,
    progress: &Arc<Progress>,
) -> Result<TikTokPost, CliError> {
    let destination = &work.destination;
    let url = at.unwrap_or_else(|| destination.base_url.clone());
    let mut options = PostOptions::new(&url, &destination.account, token);
    options.origin = work.trial_origin();
    options.bandwidth = destination.bandwidth;
    options.on_pause = Some(deliver::on_pause(progress));
    TikTokPost::new(options).map_err(|source| operation("the destination cannot be used", source))
}

fn open_journal(path: &Path, wait: bool) -> Result<Arc<Journal>, CliError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|source| {
        operation(&format!("the folder of the journal, {}, cannot be made", folder.display()), source)
    })?;
    let wait = if wait { Wait::UntilFree } else { Wait::Refuse };
    let journal =
        Journal::open(path, wait).map_err(|source| operation("the journal cannot be opened", source))?;
    Ok(Arc::new(journal))
}

async fn start_trial(work: &Work<'_>) -> Result<Option<Sandbox>, CliError> {
    if work.destination.name != SANDBOX {
        return Ok(None);
    }
    let folder = work.settings.state_folder().join("sandbox");
    let options = trial_options(work.settings, &work.order.trial, folder)?;
    start(options).await.map(Some).map_err(|source| operation("the sandbox cannot start", source))
}
