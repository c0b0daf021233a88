//! Ships the files of a run: receives them as they become ready and delivers each in its own task.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio::sync::{OnceCell, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::context::{Context, DeliverySettings, canonical};
use super::event::Listener;
use super::journal::Journal;
use super::poller::Poller;
use super::request::{Prepared, ShipError, ShipOutcome, ShipRequest};
use super::unreached::waiting_row;
use super::{AssetPreparer, Delivery, DeliveryState};
use crate::platform::{Destination, Row};

/// Ships files as they become ready.
///
/// Each effect happens at most once, over this run and all others on the same journal. After a stop, by
/// `cancel` or by a rejected token, the next run resumes.
///
/// # Errors
/// When the journal fails, since nothing is sent without one. Refusals by the platform are part of the
/// outcome, not errors.
pub async fn ship(
    request: ShipRequest,
    destination: Arc<dyn Destination>,
    preparer: Arc<dyn AssetPreparer>,
    journal: Arc<Journal>,
    events: Listener,
    cancel: Arc<AtomicBool>,
) -> Result<ShipOutcome, ShipError> {
    let (context, sources) = Context::new(request, destination, preparer, journal, events)?;
    // Dropping this future drops the set, which aborts its tasks.
    let mut background = JoinSet::new();
    let cancelled = context.clone();
    background.spawn(async move { cancelled.watch_cancel(cancel).await });
    background.spawn(context.clone().poll_all());
    // Only a rejected token matters here, and `read` stops the run for it. Later calls report other errors.
    let latest = Instant::now() + context.settings.poll_deadline;
    let _ = context.read(latest, context.destination.check_access()).await;

    let mut deliveries = super::answered::deliver_all(&context, sources).await?;
    if context.stop_reason().is_none() {
        deliveries.extend(rows_without_video(&context, &deliveries));
    }
    deliveries.sort_by(|a, b| a.source.cmp(&b.source));
    Ok(ShipOutcome::new(deliveries, context.stop_reason()))
}

impl Context {
    fn new(
        request: ShipRequest,
        destination: Arc<dyn Destination>,
        preparer: Arc<dyn AssetPreparer>,
        journal: Arc<Journal>,
        events: Listener,
    ) -> Result<(Arc<Context>, mpsc::Receiver<Prepared>), ShipError> {
        let mut rows: HashMap<PathBuf, Vec<Row>> = HashMap::new();
        for row in request.rows {
            rows.entry(canonical(&row.video)).or_default().push(row);
        }
        let visited = request
            .landing_visits
            .into_iter()
            .map(|(url, visit)| (url, Arc::new(OnceCell::new_with(Some(visit)))));
        let settings = DeliverySettings {
            until: request.until,
            enable: request.enable,
            attempts: request.attempts.max(1),
            poll_deadline: request.poll_deadline,
            retry_slow: request.retry_slow,
            retry: request.retry,
            visibility_window: match destination.platform().lists_at_once() {
                true => Duration::ZERO,
                false => request.visibility_window,
            },
            first_poll: request.first_poll.max(Duration::from_millis(10)),
            first_poll_after_upload: request.first_poll_after_upload,
            landing: request.landing,
        };
        let is_journal_new = !journal.has_effects(destination.origin(), destination.account())?;
        let context = Context {
            destination,
            preparer,
            journal,
            is_journal_new,
            settings,
            pages: request.pages,
            poller: Poller::default(),
            uploads: Semaphore::new(request.upload_concurrency.clamp(1, 64)),
            crash: request.crash,
            events,
            stop: watch::Sender::new(None),
            locks: Mutex::default(),
            landing_visits: Mutex::new(visited.collect()),
            rows,
            started: Instant::now(),
            earlier_run_visible: OnceLock::new(),
        };
        Ok((Arc::new(context), request.sources.0))
    }
}

/// Returns a failed delivery for each video of the manifest that was not among the files.
fn rows_without_video(context: &Context, deliveries: &[Delivery]) -> Vec<Delivery> {
    let delivered: std::collections::HashSet<PathBuf> =
        deliveries.iter().map(|delivery| canonical(&delivery.source)).collect();
    let missing = context.rows.iter().filter(|(video, _)| !delivered.contains(*video));
    let reason = "the video was not among the files checked";
    let failed = DeliveryState::Failed;
    missing
        .filter_map(|(_, rows)| {
            let publications = rows.iter().filter(|row| context.platform().publication(row).is_some());
            Some(Delivery {
                rows: publications.map(|row| waiting_row(row, &failed, reason)).collect(),
                ..Delivery::nothing_sent(rows.first()?.video.clone(), failed.clone(), reason.to_owned())
            })
        })
        .collect()
}
