//! The hand-over from the threads that make files to the runtime that sends them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::mpsc;

use crate::cli::asset_preparer::{LocalPreparer, hash};
use crate::cli::destination::{Destination, SANDBOX};
use crate::cli::error::CliError;
use crate::cli::event_log::EventLog;
use crate::cli::progress::Progress;
use crate::cli::sandbox::operation;
use crate::pipeline::Source;
use crate::platform::{AdsPlatform, CallError, Class, Creator, PostMode, PostPlatform};
use crate::rules::ValidatedAsset;
use crate::ship::{
    self, DeliveryState, Journal, LandingMode, PostRequest, PrepareError, Prepared, ShipEvent, ShipOutcome,
    ShipRequest, WebPages,
};

use super::arguments::ShipArguments;
use super::input::ShipInput;

/// Files that are ready wait here for an upload; the makers wait when it is full.
const READY_QUEUE: usize = 16;

/// What every way of shipping needs.
pub struct Shipping<'a> {
    /// What is asked for.
    pub order: &'a ShipArguments,
    /// Where to.
    pub destination: &'a Destination,
    /// What.
    pub load: &'a ShipInput,
    /// Who makes the files.
    pub maker: &'a Arc<LocalPreparer>,
    /// The record.
    pub journal: Arc<Journal>,
    /// Who is told.
    pub progress: &'a Arc<Progress>,
    /// The event log, where one is kept.
    pub log: Option<EventLog>,
    /// Raised to stop.
    pub cancel: &'a Arc<AtomicBool>,
}

/// When history says that a video just uploaded is worth a look.
fn first_look(
    journal: &Journal,
    destination: &Destination,
    origin: &str,
) -> Result<Option<std::time::Duration>, CliError> {
    let history = journal.history(origin, &destination.journal_account());
    Ok(history.map_err(|source| operation("the journal cannot be read", source))?.first_look())
}

/// The error for a destination that does not let us in, or does not answer.
fn no_access(destination: &Destination, error: CallError) -> CliError {
    let what = match error.code {
        Some(_) => format!(
            "nothing was sent: `{}` does not let us in; renew the token from {}, or correct the account {}",
            destination.name,
            destination.token_place(),
            destination.account
        ),
        None => format!(
            "nothing was sent: `{}` does not answer at {}; check the network and the base_url, and run the \
                 same command again",
            destination.name, destination.base_url
        ),
    };
    operation(&what, error)
}

/// Ships to a destination of ads.
pub async fn ads(ship: Shipping<'_>, platform: Arc<dyn AdsPlatform>) -> Result<ShipOutcome, CliError> {
    let Shipping { order, destination, load, maker, journal, progress, log, cancel } = ship;
    if let Err(error) = platform.check_access().await {
        return Err(no_access(destination, error));
    }
    let (sender, receiver) = mpsc::channel(READY_QUEUE);
    let mut request = ShipRequest::new(receiver, load.rows.clone());
    request.until = order.until.into();
    request.enable = order.enable;
    request.attempts = destination.attempts;
    request.visibility_window = destination.visibility_window;
    request = request.with_poll_deadline(destination.poll_deadline);
    if destination.name == SANDBOX {
        request.first_poll = std::time::Duration::from_secs(1);
        request.attempt_deadline = std::time::Duration::from_secs(20);
    }
    request.upload_concurrency = destination.uploads;
    request.first_look = first_look(&journal, destination, platform.origin())?;
    request.landing = match destination.landing_page_check.as_str() {
        "off" => LandingMode::Off,
        "warn" => LandingMode::Warn,
        _ => LandingMode::Require,
    };
    request.pages = Arc::new(WebPages { allow_private: destination.allow_private });
    let feeding = feed(maker, load.found.sources.clone(), sender, Arc::clone(progress));
    let events = events(progress, log);
    let shipped = ship::ship(request, platform, maker.clone(), journal, events, Arc::clone(cancel)).await;
    let _ = feeding.await;
    shipped.map_err(|source| operation("shipping stopped", source))
}

/// Ships to a destination of posts.
pub async fn posts(
    ship: Shipping<'_>,
    mode: PostMode,
    platform: Arc<dyn PostPlatform>,
) -> Result<ShipOutcome, CliError> {
    let Shipping { order, destination, load, maker, journal, progress, log, cancel } = ship;
    // A draft needs no right to see what the creator may do; only a refused token is the end.
    let creator = match platform.creator().await {
        Ok(creator) => creator,
        Err(error) if mode == PostMode::Inbox && error.class == Class::Permanent => Creator::default(),
        Err(error) => return Err(no_access(destination, error)),
    };
    let (sender, receiver) = mpsc::channel(READY_QUEUE);
    let mut request = PostRequest::new(receiver, load.rows.clone(), mode);
    request.until = order.until.into();
    request.attempts = destination.attempts;
    request.poll_deadline = destination.poll_deadline;
    request.visibility_window = destination.visibility_window;
    request.upload_concurrency = destination.uploads;
    if destination.name == SANDBOX {
        request.first_poll = std::time::Duration::from_secs(1);
    }
    request.first_poll = first_look(&journal, destination, platform.origin())?.unwrap_or(request.first_poll);
    let feeding = feed(maker, load.found.sources.clone(), sender, Arc::clone(progress));
    let events = events(progress, log);
    let posted =
        ship::post(request, creator, platform, maker.clone(), journal, events, Arc::clone(cancel)).await;
    let _ = feeding.await;
    posted.map_err(|source| operation("posting stopped", source))
}

/// Makes every source in threads of its own and hands each over when it is ready.
fn feed(
    maker: &Arc<LocalPreparer>,
    sources: Vec<Source>,
    sender: mpsc::Sender<Prepared>,
    progress: Arc<Progress>,
) -> tokio::task::JoinHandle<()> {
    let maker = Arc::clone(maker);
    tokio::task::spawn_blocking(move || {
        maker.make_all(&sources, &|source, result: Result<ValidatedAsset, PrepareError>| {
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

fn events(progress: &Arc<Progress>, log: Option<EventLog>) -> Arc<dyn Fn(ShipEvent) + Send + Sync> {
    let progress = Arc::clone(progress);
    Arc::new(move |event| {
        if let Some(log) = &log {
            log.write(&event);
        }
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
        DeliveryState::Failed => "the platform did not take it",
        DeliveryState::GivenUp => "given up",
        DeliveryState::Unconfirmed => "not settled in the time given",
    }
}

/// Tells of a pause for everybody.
pub fn on_pause(progress: &Arc<Progress>) -> Arc<dyn Fn(std::time::Duration) + Send + Sync> {
    let told = Arc::clone(progress);
    Arc::new(move |time| {
        told.say(&format!("greenlit: the platform asks to slow down; everybody waits {} s", time.as_secs()));
    })
}
