//! Ships the files of a run: receives them as they become ready and delivers each in its own task.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio::sync::{OnceCell, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::crash_points::CrashPoints;
use super::journal::{Journal, destination_key};
use super::landing::{LandingError, LandingMode, PageVisitor};
use super::polling::Poller;
use super::request::{Prepared, Retry, ShipError, ShipOutcome, ShipRequest, Until};
use super::run::Locks;
pub(super) use super::run::{Abort, Listener, StopReason, lock};
use super::unreached::waiting_row;
use super::{AssetPreparer, Delivery, DeliveryState};
use crate::platform::{Destination, Platform, PublicationTime, Row};

/// Options of a run.
pub(super) struct DeliverySettings {
    pub(super) until: Until,
    pub(super) enable: bool,
    pub(super) attempts: u32,
    pub(super) poll_deadline: Duration,
    pub(super) retry_slow: bool,
    pub(super) retry: Retry,
    pub(super) visibility_window: Duration,
    pub(super) first_poll: Duration,
    pub(super) first_poll_after_upload: Option<Duration>,
    pub(super) landing: LandingMode,
}

/// Visits of landing pages, each at most once.
type LandingCells = Mutex<HashMap<String, Arc<OnceCell<Result<(), LandingError>>>>>;

/// State shared by all tasks of a run.
pub(super) struct Context {
    pub(super) destination: Arc<dyn Destination>,
    pub(super) preparer: Arc<dyn AssetPreparer>,
    pub(super) journal: Arc<Journal>,
    /// Whether no run with this journal sent anything to the account.
    pub(super) is_journal_new: bool,
    pub(super) settings: DeliverySettings,
    pub(super) pages: Arc<dyn PageVisitor>,
    pub(super) poller: Poller,
    pub(super) uploads: Semaphore,
    pub(super) crash: CrashPoints,
    pub(super) events: Listener,
    pub(super) stop: watch::Sender<Option<StopReason>>,
    pub(super) locks: Mutex<Locks>,
    landing_visits: LandingCells,
    rows: HashMap<PathBuf, Vec<Row>>,
    started: Instant,
    /// When everything that an earlier run with another journal sent is visible, if there was such a run.
    earlier_run_visible: OnceLock<Instant>,
}

impl Context {
    /// Returns the description of the destination.
    pub(super) fn platform(&self) -> &'static dyn Platform {
        self.destination.platform()
    }

    /// Returns whether the upload is the publication.
    pub(super) fn publishes_with_upload(&self) -> bool {
        self.platform().publication_time() == PublicationTime::WithUpload
    }

    /// Returns the key of the destination in the journal.
    pub(super) fn destination_key(&self) -> String {
        destination_key(self.destination.origin(), self.destination.account())
    }

    /// Returns the rows that name a video. Where a video without a row is published, too, it gets a row of its own
    /// with the number 0.
    pub(super) fn rows_of(&self, source: &Path) -> Vec<Row> {
        match self.rows.get(&canonical(source)) {
            Some(rows) => rows.clone(),
            None if self.rows.is_empty() => {
                let row = Row::new(0, source);
                self.platform().publication(&row).map(|_| row).into_iter().collect()
            }
            None => Vec::new(),
        }
    }

    /// Returns every row of the run.
    pub(super) fn all_rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values().flatten()
    }

    /// Returns the cell of a landing page's visit, shared by all callers.
    pub(super) fn landing_visit(&self, url: &str) -> Arc<OnceCell<Result<(), LandingError>>> {
        lock(&self.landing_visits).entry(url.to_owned()).or_default().clone()
    }

    /// Notes that a run whose journal is lost sent something to this account.
    pub(super) fn note_earlier_run(&self) {
        self.earlier_run_visible.get_or_init(|| self.started + self.settings.visibility_window);
    }

    /// Returns whether a run whose journal is lost sent something to this account.
    pub(super) fn had_earlier_run(&self) -> bool {
        self.earlier_run_visible.get().is_some()
    }

    /// Waits until everything that a run whose journal is lost sent is visible.
    pub(super) async fn wait_for_earlier_run(&self) -> Result<(), Abort> {
        match self.earlier_run_visible.get() {
            Some(visible) => self.wait(visible.saturating_duration_since(Instant::now())).await,
            None => self.check_running(),
        }
    }
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

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
        Ok((Arc::new(context), request.sources))
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
