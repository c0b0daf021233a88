//! Ships the files of a run: receives them as they become ready and delivers each in its own task.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OnceCell, Semaphore, mpsc};
use tokio::task::JoinSet;

use super::journal::Journal;
use super::landing::{LandingError, LandingMode, PageVisitor};
use super::manifest::AdRow;
use super::polling::Poller;
use super::request::{Prepared, Retry, ShipError, ShipOutcome, ShipRequest, Until};
pub(super) use super::run::{Abort, AccessCheck, Listener, ShipRun, lock};
use super::unreached::waiting_ad;
use super::{AssetPreparer, Delivery, DeliveryState};
use crate::platform::{AdsPlatform, CallError, RemoteAd};

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

/// Values computed at most once per key.
type OnceMap<T> = Mutex<HashMap<String, Arc<OnceCell<T>>>>;

/// State shared by all tasks of a run.
pub(super) struct Context {
    run: ShipRun,
    pub(super) platform: Arc<dyn AdsPlatform>,
    pub(super) settings: DeliverySettings,
    pub(super) pages: Arc<dyn PageVisitor>,
    pub(super) poller: Poller,
    pub(super) uploads: Semaphore,
    pub(super) landing_visits: OnceMap<Result<(), LandingError>>,
    pub(super) ads_by_group: OnceMap<Result<Vec<RemoteAd>, CallError>>,
    rows: HashMap<PathBuf, Vec<AdRow>>,
}

impl std::ops::Deref for Context {
    type Target = ShipRun;

    fn deref(&self) -> &ShipRun {
        &self.run
    }
}

impl Context {
    /// Returns the rows that name a video.
    pub(super) fn rows_of(&self, source: &Path) -> Vec<AdRow> {
        self.rows.get(&canonical(source)).cloned().unwrap_or_default()
    }

    /// Returns every row of the run.
    pub(super) fn all_rows(&self) -> impl Iterator<Item = &AdRow> {
        self.rows.values().flatten()
    }
}

/// Returns the cell of a key, shared by all callers.
pub(super) fn once_cell<T>(cells: &OnceMap<T>, key: &str) -> Arc<OnceCell<T>> {
    lock(cells).entry(key.to_owned()).or_insert_with(|| Arc::new(OnceCell::new())).clone()
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
    platform: Arc<dyn AdsPlatform>,
    preparer: Arc<dyn AssetPreparer>,
    journal: Arc<Journal>,
    events: Listener,
    cancel: Arc<AtomicBool>,
) -> Result<ShipOutcome, ShipError> {
    let (context, sources) = Context::new(request, platform, preparer, journal, events);
    // Dropping this future drops the set, which aborts its tasks.
    let mut background = JoinSet::new();
    let cancelled = context.clone();
    background.spawn(async move { cancelled.watch_cancel(cancel).await });
    let polling = context.clone();
    background.spawn(async move { polling.poll_all().await });
    // Only a rejected token matters here, and `call` stops the run for it. Later calls report other errors.
    let latest = tokio::time::Instant::now() + context.settings.poll_deadline;
    let _ = context.read(latest, context.platform.check_access()).await;

    let mut deliveries =
        context.drive_all(sources, |prepared| super::asset::deliver(context.clone(), prepared)).await?;
    if context.stop_reason().is_none() {
        deliveries.extend(rows_without_video(&context, &deliveries));
    }
    deliveries.sort_by(|a, b| a.source.cmp(&b.source));
    Ok(ShipOutcome::new(deliveries, context.stop_reason()))
}

impl Context {
    fn new(
        request: ShipRequest,
        platform: Arc<dyn AdsPlatform>,
        preparer: Arc<dyn AssetPreparer>,
        journal: Arc<Journal>,
        events: Listener,
    ) -> (Arc<Context>, mpsc::Receiver<Prepared>) {
        let ShipRequest {
            sources,
            rows,
            until,
            enable,
            attempts,
            poll_deadline,
            retry_slow,
            retry,
            landing_visits,
            visibility_window,
            first_poll,
            first_poll_after_upload,
            upload_concurrency,
            landing,
            pages,
            crash,
        } = request;
        let mut by_video: HashMap<PathBuf, Vec<AdRow>> = HashMap::new();
        for row in rows {
            by_video.entry(canonical(&row.video)).or_default().push(row);
        }
        let visited = landing_visits
            .into_iter()
            .map(|(url, visit)| (url, Arc::new(OnceCell::new_with(Some(visit)))))
            .collect();
        let first_poll = first_poll.max(Duration::from_millis(10));
        let attempts = attempts.max(1);
        let settings = DeliverySettings {
            until,
            enable,
            attempts,
            poll_deadline,
            retry_slow,
            retry,
            visibility_window,
            first_poll,
            first_poll_after_upload,
            landing,
        };
        let context = Context {
            run: ShipRun::new(preparer, access_check(&platform), journal, crash, events),
            platform,
            settings,
            pages,
            poller: Poller::default(),
            uploads: Semaphore::new(upload_concurrency.clamp(1, 64)),
            landing_visits: Mutex::new(visited),
            ads_by_group: Mutex::default(),
            rows: by_video,
        };
        (Arc::new(context), sources)
    }
}

fn access_check(platform: &Arc<dyn AdsPlatform>) -> AccessCheck {
    let platform = Arc::clone(platform);
    Box::new(move || {
        let platform = Arc::clone(&platform);
        Box::pin(async move { platform.check_access().await })
    })
}

/// Returns a failed delivery for each video of the manifest that was not among the files.
fn rows_without_video(context: &Context, deliveries: &[Delivery]) -> Vec<Delivery> {
    let delivered: std::collections::HashSet<PathBuf> =
        deliveries.iter().map(|delivery| canonical(&delivery.source)).collect();
    let missing = context.rows.iter().filter(|(video, _)| !delivered.contains(*video));
    let reason = "the video was not among the files checked";
    missing
        .filter_map(|(_, rows)| {
            let first = rows.first()?;
            let ads = rows.iter().filter(|row| super::is_ad(row));
            Some(Delivery {
                source: first.video.clone(),
                state: DeliveryState::Failed,
                video_id: None,
                attempts: 0,
                reason: Some(reason.to_owned()),
                ads: ads.map(|row| waiting_ad(row, &DeliveryState::Failed, reason)).collect(),
                stopped: false,
                uploaded_now: false,
                posted_now: false,
            })
        })
        .collect()
}
