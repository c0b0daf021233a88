//! `greenlit ship`: two worlds joined by one channel. Threads check, fix and prove; the runtime
//! uploads, waits and publishes. A file crosses over as soon as it is ready.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::sync::mpsc;

use crate::job::Runner;
use crate::job::worker::WorkerPool;
use crate::pipeline::{Discovery, FixLedger, FixSettings, Layout, Outcome, Source, discover, remove_stale};
use crate::platform::AdsPlatform;
use crate::platform::tiktok_ads::{ClientOptions, TikTokAds};
use crate::report::{AdDelivery, Delivery, FileEntry, FixAction, Report};
use crate::rules::{Selection, ValidatedAsset};
use crate::sandbox::{Sandbox, start};
use crate::ship::{
    self, AdRow, DeliveryState, Journal, LandingMode, MakeError, Manifest, Prepared, ShipEvent, ShipOutcome,
    ShipRequest, Until, Wait, WebPages, preflight,
};

use super::args::{CommonArgs, ShipArgs, UntilArg};
use super::check::Tally;
use super::destination::{Destination, SANDBOX};
use super::error::CliError;
use super::maker::{Maker, hash};
use super::progress::Progress;
use super::run_status::RunStatus;
use super::sandbox::{operation, runtime, trial_options};
use super::settings::{Settings, fix_options, verify_level};
use super::{check, emit, entries, interrupt};

/// Files that are ready wait here for an upload; the makers wait when it is full.
const READY_QUEUE: usize = 16;

/// What is to be shipped.
struct Load {
    found: Discovery,
    rows: Vec<AdRow>,
}

/// Runs the command.
pub fn run(settings: &Settings, common: &CommonArgs, args: &ShipArgs) -> Result<RunStatus, CliError> {
    let begin = Instant::now();
    if settings.selection != Selection::default() {
        return Err(CliError::Usage(
            "ship takes no --select and no --ignore: only a file that keeps every rule may be sent".into(),
        ));
    }
    let destination = Destination::resolve(settings, &args.to, &args.destination)?;
    let profile = match common.profile.as_slice() {
        [] => settings.profile(&destination.profile)?,
        [one] => settings.profile(one)?,
        _ => return Err(CliError::Usage("ship takes one profile, that of the destination".into())),
    };
    let load = load(args)?;
    if !manifest_is_sound(&load.rows) {
        return Ok(RunStatus::Failed);
    }
    let token = destination.token()?;
    let cancel = interrupt::flag();
    let artifacts = settings.state_folder().join("artifacts").join(profile.id());
    let journal = open_journal(&destination.journal, args.wait)?;
    remove_stale(&settings.state_folder());
    let runner: Arc<dyn Runner> = Arc::new(WorkerPool::new(settings.jobs));
    let progress = Arc::new(Progress::new(settings.progress));
    let maker = Arc::new(Maker {
        runner: Arc::clone(&runner),
        observer: progress.clone(),
        settings: FixSettings {
            options: fix_options(&args.choices, &settings.config.fix, 1)?,
            machine: settings.machine(),
            verify: verify_level(&args.choices, &settings.config.fix)?,
            out: Some(artifacts),
            layout: Layout::BySource,
        },
        profile,
        ledger: FixLedger::open(&settings.state_folder().join("fix.jsonl"))
            .map_err(|source| operation("the record of earlier fixes cannot be opened", source))?,
        cancel: Arc::clone(&cancel),
        outcomes: Mutex::new(HashMap::new()),
    });
    let runtime = runtime()?;
    let shipped = runtime.block_on(async {
        let trial = start_trial(settings, args, &destination).await?;
        let mut options = ClientOptions::new(&destination.base_url, &destination.advertiser_id, token);
        if let Some(trial) = &trial {
            options.base_url = format!("http://{}/open_api/v1.3", trial.addr());
            // The port differs from run to run, the sandbox's memory does not.
            options.origin = Some(format!("sandbox:{}", settings.state_folder().display()));
        }
        options.tier = destination
            .tier
            .parse()
            .map_err(|error| CliError::Usage(format!("`{}` is not a tier: {error}", destination.tier)))?;
        let told = Arc::clone(&progress);
        options.on_pause = Some(Arc::new(move |time: std::time::Duration| {
            told.say(&format!(
                "greenlit: the platform asks to slow down; everybody waits {} s",
                time.as_secs()
            ));
        }));
        let platform =
            TikTokAds::new(options).map_err(|source| operation("the destination cannot be used", source))?;
        let outcome = deliver(args, &destination, &load, &maker, platform, journal, &progress, &cancel).await;
        if let Some(trial) = trial {
            trial.shutdown().await;
        }
        outcome
    });
    progress.end();
    let outcome = shipped?;
    let outcomes = collect(&maker, &load);
    let interrupted = cancel.load(Ordering::Relaxed);
    let status = conclude(&outcomes, &load, &outcome, interrupted);
    let any_facts = outcomes.iter().any(|outcome| outcome.facts.is_some());
    let tool = entries::tool(check::library(runner.as_ref(), None, any_facts).as_ref());
    let files = outcomes.into_iter().map(|file| entry(file, &outcome)).collect();
    let names = vec![maker.profile.id().to_owned()];
    emit::report(settings, &Report::new(tool, names, files, begin.elapsed().as_secs_f64(), interrupted))?;
    if let Some(reason) = &outcome.auth {
        eprintln!(
            "greenlit: stopped: {reason}. The token came from {}; renew it and run the same command again: \
             what is done stays done",
            destination.token_place()
        );
    }
    Ok(status)
}

/// Reads the manifest, or finds the files.
fn load(args: &ShipArgs) -> Result<Load, CliError> {
    let is_manifest = |path: &Path| {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_lowercase();
        matches!(ending.as_str(), "csv" | "jsonl" | "toml") && path.is_file()
    };
    let [path] = args.paths.as_slice() else {
        if let Some(manifest) = args.paths.iter().find(|path| is_manifest(path)) {
            return Err(CliError::Usage(format!(
                "{} is a manifest: ship it alone, or ship folders and files",
                manifest.display()
            )));
        }
        return Ok(Load { found: discover(&args.paths, &[])?, rows: Vec::new() });
    };
    if !is_manifest(path) {
        return Ok(Load { found: discover(&args.paths, &[])?, rows: Vec::new() });
    }
    let manifest = Manifest::read(path).map_err(|source| operation("the manifest cannot be used", source))?;
    let sources = manifest.videos().into_iter().filter(|video| video.is_file()).map(|video| Source {
        path: video.to_owned(),
        relative: video.file_name().map_or_else(PathBuf::new, PathBuf::from),
    });
    let found = Discovery { sources: sources.collect(), troubles: Vec::new() };
    Ok(Load { found, rows: manifest.rows })
}

/// Says everything that is wrong with the rows, all of it at once, before anything is sent.
fn manifest_is_sound(rows: &[AdRow]) -> bool {
    let problems = preflight(&Manifest { rows: rows.to_vec() });
    let (warnings, errors): (Vec<_>, Vec<_>) = problems.into_iter().partition(|problem| problem.warning);
    let mut alike: BTreeMap<(&str, &str), Vec<u32>> = BTreeMap::new();
    for warning in &warnings {
        alike.entry((warning.field, &warning.message)).or_default().push(warning.row);
    }
    for ((field, message), rows) in alike {
        eprintln!("greenlit: warning: {}, {field}: {message}", rows_in_words(&rows));
    }
    for error in &errors {
        eprintln!("greenlit: row {}, {}: {}", error.row, error.field, error.message);
    }
    if !errors.is_empty() {
        eprintln!(
            "greenlit: the manifest has {} problem{}; nothing was sent. Correct the rows and run the same command again",
            errors.len(),
            if errors.len() == 1 { "" } else { "s" }
        );
    }
    errors.is_empty()
}

/// `row 3`, or `rows 1, 2, 5 and 12 more`.
fn rows_in_words(rows: &[u32]) -> String {
    const NAMED: usize = 5;
    let named: Vec<String> = rows.iter().take(NAMED).map(u32::to_string).collect();
    match rows.len() {
        1 => format!("row {}", named.join("")),
        count if count > NAMED => format!("rows {} and {} more", named.join(", "), count - NAMED),
        _ => format!("rows {}", named.join(", ")),
    }
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

async fn start_trial(
    settings: &Settings,
    args: &ShipArgs,
    destination: &Destination,
) -> Result<Option<Sandbox>, CliError> {
    if destination.name != SANDBOX {
        return Ok(None);
    }
    let folder = settings.state_folder().join("sandbox");
    let options = trial_options(settings, &args.trial, folder)?;
    start(options).await.map(Some).map_err(|source| operation("the sandbox cannot start", source))
}

#[allow(clippy::too_many_arguments)]
async fn deliver(
    args: &ShipArgs,
    destination: &Destination,
    load: &Load,
    maker: &Arc<Maker>,
    platform: TikTokAds,
    journal: Arc<Journal>,
    progress: &Arc<Progress>,
    cancel: &Arc<AtomicBool>,
) -> Result<ShipOutcome, CliError> {
    let platform: Arc<dyn AdsPlatform> = Arc::new(platform);
    if let Err(error) = platform.check_access().await {
        let what = match error.code {
            Some(_) => format!(
                "nothing was sent: `{}` does not let us in; renew the token from {}, or correct the advertiser {}",
                destination.name,
                destination.token_place(),
                destination.advertiser_id
            ),
            None => format!(
                "nothing was sent: `{}` does not answer at {}; check the network and the base_url, and run the \
                 same command again",
                destination.name, destination.base_url
            ),
        };
        return Err(operation(&what, error));
    }
    let (sender, receiver) = mpsc::channel(READY_QUEUE);
    let mut request = ShipRequest::new(receiver, load.rows.clone());
    request.until = match args.until {
        UntilArg::Uploaded => Until::Uploaded,
        UntilArg::Ready => Until::Ready,
        UntilArg::Published => Until::Published,
    };
    request.enable = args.enable;
    request.attempts = destination.attempts;
    request.visibility_window = destination.visibility_window;
    request = request.with_poll_deadline(destination.poll_deadline);
    if destination.name == SANDBOX {
        request.first_poll = std::time::Duration::from_secs(1);
        request.attempt_deadline = std::time::Duration::from_secs(20);
    }
    request.landing = match destination.landing_page_check.as_str() {
        "off" => LandingMode::Off,
        "warn" => LandingMode::Warn,
        _ => LandingMode::Require,
    };
    request.pages = Arc::new(WebPages { allow_private: destination.allow_private });
    let feeding = feed(maker, load.found.sources.clone(), sender, Arc::clone(progress));
    let events = events(progress);
    let shipped = ship::ship(request, platform, maker.clone(), journal, events, Arc::clone(cancel)).await;
    let _ = feeding.await;
    shipped.map_err(|source| operation("shipping stopped", source))
}

/// Makes every source in threads of its own and hands each over when it is ready.
fn feed(
    maker: &Arc<Maker>,
    sources: Vec<Source>,
    sender: mpsc::Sender<Prepared>,
    progress: Arc<Progress>,
) -> tokio::task::JoinHandle<()> {
    let maker = Arc::clone(maker);
    tokio::task::spawn_blocking(move || {
        maker.make_all(&sources, &|source, result: Result<ValidatedAsset, MakeError>| {
            let source_blake3 = hash(&source.path).map(|content| content.blake3).unwrap_or_default();
            if let Err(error) = &result {
                progress.say(&format!("greenlit: {} will not be sent: {error}", source.path.display()));
            }
            let prepared = Prepared {
                source: source.path.clone(),
                source_blake3,
                result: result.map_err(|error| error.to_string()),
            };
            // The other side is gone only when it has stopped; then there is nobody to tell.
            let _ = sender.blocking_send(prepared);
        });
    })
}

fn events(progress: &Arc<Progress>) -> Arc<dyn Fn(ShipEvent) + Send + Sync> {
    let progress = Arc::clone(progress);
    Arc::new(move |event| {
        let name = |source: &Path| {
            crate::report::escape(&source.file_name().unwrap_or(source.as_os_str()).to_string_lossy())
        };
        match event {
            ShipEvent::State { source, state } => {
                progress.say(&format!("greenlit: {}: {}", name(&source), state_in_words(&state)));
            }
            ShipEvent::Paused { seconds } => {
                progress
                    .say(&format!("greenlit: the platform asks to slow down; everybody waits {seconds} s"));
            }
            ShipEvent::Sent { .. } => {}
        }
    })
}

fn state_in_words(state: &DeliveryState) -> &'static str {
    match state {
        DeliveryState::Validated => "complies, waits for its upload",
        DeliveryState::Uploading => "uploading",
        DeliveryState::Uploaded => "uploaded",
        DeliveryState::Processing => "being processed by the platform",
        DeliveryState::Ready => "ready",
        DeliveryState::Publishing => "creating its ads",
        DeliveryState::Published => "its ads are created",
        DeliveryState::Failed => "the platform failed to process it; encoding it more carefully",
        DeliveryState::GivenUp => "given up",
        DeliveryState::Unconfirmed => "not settled in the time given",
    }
}

/// What was seen of each source, in order; a source that was not come to is left as interrupted.
fn collect(maker: &Maker, load: &Load) -> Vec<Outcome> {
    let mut outcomes = maker.outcomes.lock().map(|outcomes| outcomes.clone()).unwrap_or_default();
    load.found.sources.iter().filter_map(|source| outcomes.remove(&source.path)).collect()
}

fn entry(file: Outcome, outcome: &ShipOutcome) -> FileEntry {
    let delivery = outcome.deliveries.iter().find(|delivery| delivery.source == file.source.path);
    let mut entry = FileEntry { delivery: delivery.map(shown), ..entries::entry(file) };
    if let Some(fix) = entry.fix.as_mut().filter(|fix| fix.action == FixAction::Copy && fix.output.is_none())
    {
        // A compliant file is sent from where it lies.
        fix.action = FixAction::None;
    }
    entry
}

fn state_name(state: &DeliveryState) -> String {
    serde_json::to_value(state).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn shown(delivery: &ship::Delivery) -> Delivery {
    let ads = delivery.ads.iter().map(|ad| AdDelivery {
        row: u64::from(ad.row),
        state: state_name(&ad.state),
        ad_id: ad.ad_id.clone(),
        reason: ad.reason.clone(),
    });
    Delivery {
        state: state_name(&delivery.state),
        video_id: delivery.video_id.clone(),
        attempts: delivery.attempts,
        reason: delivery.reason.clone(),
        ads: ads.collect(),
    }
}

fn conclude(outcomes: &[Outcome], load: &Load, shipped: &ShipOutcome, interrupted: bool) -> RunStatus {
    let mut status = Tally::of(outcomes, entries::fix_status).conclude(&load.found, interrupted);
    for delivery in &shipped.deliveries {
        status = status.and(delivery_status(delivery));
    }
    if shipped.auth.is_some() { status.and(RunStatus::Failed) } else { status }
}

fn delivery_status(delivery: &ship::Delivery) -> RunStatus {
    let of = |state: &DeliveryState| match state {
        DeliveryState::GivenUp | DeliveryState::Failed => RunStatus::Refused,
        DeliveryState::Unconfirmed => RunStatus::Failed,
        _ => RunStatus::Done,
    };
    delivery.ads.iter().map(|ad| of(&ad.state)).fold(of(&delivery.state), RunStatus::and)
}
