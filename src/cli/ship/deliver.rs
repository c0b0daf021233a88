//! Passes prepared files from the threads that make them to the runtime that uploads them.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::cli::destination::{Destination, SANDBOX};
use crate::cli::error::CliError;
use crate::cli::event_log::EventLog;
use crate::cli::progress::{ProgressDisplay, name_of};
use crate::cli::sandbox::operation;
use crate::facade::{LocalAssetPreparer, READY_QUEUE};
use crate::platform::{self, CallError, Class, PublicationKind};
use crate::ship::{
    self, DeliveryState, HttpPageVisitor, Journal, PrepareError, PreparedFiles, Retry, ShipEvent,
    ShipOutcome, ShipRequest,
};

use super::arguments::ShipArguments;
use super::delivery_progress::DeliveryProgress;
use super::input::ShipInput;
use super::network::unless_cancelled;
use super::posted_before::PostingNote;
use super::retry;
use super::row_notices;
use super::ship_run::ShipRun;

/// A short deadline has at least this many first waits.
const FIRST_POLLS: u32 = 8;

/// The context of a delivery.
pub struct DeliveryContext<'a> {
    /// The arguments.
    pub ship_arguments: &'a ShipArguments,
    /// The destination.
    pub destination: &'a Destination,
    /// The files and rows.
    pub ship_input: &'a ShipInput,
    /// Prepares the files.
    pub preparer: &'a Arc<LocalAssetPreparer>,
    /// The journal.
    pub journal: Arc<Journal>,
    /// Displays the progress.
    pub progress: &'a Arc<ProgressDisplay>,
    /// The event log, if `--events` is given.
    pub log: Option<EventLog>,
    /// The note that this machine posted to the account, if a run needs one.
    pub posting_note: Option<PostingNote>,
    /// Set when the user cancels.
    pub cancel: &'a Arc<AtomicBool>,
    /// The given-up videos that are uploaded again.
    pub retry: &'a Retry,
    /// The resolved run.
    pub ship_run: &'a ShipRun<'a>,
}

/// Returns the delay of the first status poll after an upload, from earlier uploads in the journal.
fn first_poll_after_upload(
    journal: &Journal,
    destination: &Destination,
    origin: &str,
) -> Result<Option<Duration>, CliError> {
    let history = journal.history(origin, &destination.journal_account());
    Ok(history.map_err(|source| operation("cannot read the journal", source))?.first_poll_after_upload())
}

/// Returns the error for a destination that refuses access or does not answer.
fn access_error(destination: &Destination, error: CallError) -> CliError {
    let refused = matches!(error.class, Class::ReAuthenticate | Class::Configuration | Class::Permanent);
    let what = match error.code.filter(|_| refused) {
        Some(_) => format!(
            "nothing was sent: `{}` refused access; renew the token from {}, or correct the account {}",
            destination.name,
            destination.token_location(),
            destination.account
        ),
        None if destination.name == SANDBOX => {
            "nothing was sent: the sandbox of this run gave no usable answer; run \
            the same command again, with a lower rate of --sandbox-fault or another --sandbox-seed"
                .to_owned()
        }
        None => format!(
            "nothing was sent: `{}` does not answer at {}; check the network and the base_url, and run the \
                 same command again",
            destination.name, destination.base_url
        ),
    };
    operation(&what, error)
}

/// Uploads videos and publishes them.
pub async fn deliver(
    mut context: DeliveryContext<'_>,
    connected: Arc<dyn platform::Destination>,
) -> Result<ShipOutcome, CliError> {
    let (log, posting_note) = (context.log.take(), context.posting_note.take());
    let DeliveryContext { destination, ship_input, preparer, journal, progress, cancel, ship_run, .. } =
        &context;
    let before = async {
        connected.check_access().await.map_err(|error| access_error(destination, error))?;
        retry::tell_without_effect(ship_run, Some(journal))?;
        row_notices::tell(ship_run, journal).await
    };
    let Some(landing_visits) = unless_cancelled(cancel, before).await else {
        return Ok(ShipOutcome::default());
    };
    let (sender, receiver) = ship::prepared_files(READY_QUEUE);
    let request =
        ShipRequest { landing_visits: landing_visits?, ..request(&context, receiver, connected.origin())? };
    let sources = ship_input.found.sources.clone();
    let refusals = Arc::clone(progress);
    let preparation = preparer.start(sources, sender, move |source, error| {
        if *error != PrepareError::Cancelled {
            refusals.print_line(&format!("greenlit: {} is not uploaded: {error}", source.display()));
        }
    });
    let shown = Arc::new(DeliveryProgress::new(progress));
    let events = event_handler(progress, &shown, log, posting_note, destination.publication_kind());
    let (preparer, journal) = (Arc::clone(preparer), Arc::clone(journal));
    let shipped = ship::ship(request, connected, preparer, journal, events, Arc::clone(cancel)).await;
    let _ = preparation.await;
    shown.end();
    shipped.map_err(|source| operation("the run stopped", source))
}

fn request(
    context: &DeliveryContext<'_>,
    sources: PreparedFiles,
    origin: &str,
) -> Result<ShipRequest, CliError> {
    let DeliveryContext { ship_arguments, destination, .. } = context;
    let request = ShipRequest::new(sources, context.ship_input.rows.clone());
    let first_poll = match destination.name.as_str() {
        SANDBOX => Duration::from_secs(1),
        _ => request.first_poll.min(destination.poll_deadline / FIRST_POLLS),
    };
    Ok(ShipRequest {
        until: ship_arguments.until,
        enable: ship_arguments.enable,
        attempts: destination.attempts,
        visibility_window: destination.visibility_window,
        poll_deadline: destination.poll_deadline,
        first_poll,
        retry_slow: destination.retry_slow,
        retry: context.retry.clone(),
        upload_concurrency: destination.uploads,
        first_poll_after_upload: first_poll_after_upload(&context.journal, destination, origin)?,
        landing: destination.landing,
        pages: Arc::new(HttpPageVisitor { allow_private: destination.allow_private }),
        ..request
    })
}

fn event_handler(
    progress: &Arc<ProgressDisplay>,
    shown: &Arc<DeliveryProgress>,
    log: Option<EventLog>,
    posting_note: Option<PostingNote>,
    kind: PublicationKind,
) -> Arc<dyn Fn(ShipEvent) + Send + Sync> {
    let (progress, shown) = (Arc::clone(progress), Arc::clone(shown));
    Arc::new(move |event| {
        if let Some(log) = &log {
            log.write(&event);
        }
        match event {
            ShipEvent::State { source, state } => {
                // The upload, which is the post, follows this event.
                if state == DeliveryState::Uploading
                    && let Some(Err(error)) = posting_note.as_ref().map(PostingNote::write)
                {
                    progress.print_line(&format!(
                        "greenlit: warning: a lost journal would not be noticed: {error}"
                    ));
                }
                let text = format!("greenlit: {}: {}", name_of(&source), describe_state(&state, kind));
                shown.change(&source, &state, &text);
            }
            ShipEvent::Paused { seconds } => {
                progress.print_line(&pause_message(seconds));
            }
            ShipEvent::Sent { source, bytes, total } => shown.sent(&source, bytes, total),
        }
    })
}

fn describe_state(state: &DeliveryState, kind: PublicationKind) -> &'static str {
    match state {
        DeliveryState::Uploading if kind == PublicationKind::Entry => "copying",
        DeliveryState::Uploaded if kind == PublicationKind::Entry => "copied",
        DeliveryState::Publishing if kind != PublicationKind::Ad => "publishing",
        DeliveryState::Published if kind == PublicationKind::Entry => "delivered",
        DeliveryState::Published if kind != PublicationKind::Ad => "posted",
        DeliveryState::Validated => "compliant, waiting for upload",
        DeliveryState::Uploading => "uploading",
        DeliveryState::Uploaded => "uploaded",
        DeliveryState::Processing => "the platform is processing it",
        DeliveryState::Ready => "ready",
        DeliveryState::Publishing => "creating ads",
        DeliveryState::Published => "ads created",
        DeliveryState::Failed => "preparation, upload or processing failed",
        DeliveryState::GivenUp => "given up",
        DeliveryState::Refused => "refused",
        DeliveryState::Unconfirmed => {
            "the platform had not confirmed the result when the deadline passed; run the same command again to check it"
        }
    }
}

fn pause_message(seconds: u64) -> String {
    format!("greenlit: the platform limits the request rate; all requests wait {seconds} s")
}

/// Returns a callback that reports pauses of all requests.
pub fn on_pause(progress: &Arc<ProgressDisplay>) -> Arc<dyn Fn(Duration) + Send + Sync> {
    let progress = Arc::clone(progress);
    Arc::new(move |time| {
        progress.print_line(&pause_message(time.as_secs()));
    })
}
