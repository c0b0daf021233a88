//! The run as a whole: takes files as they come, drives each to its end, stops when it must.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OnceCell, Semaphore, mpsc};
use tokio::task::JoinSet;

use super::journal::Journal;
use super::landing::{LandingError, LandingMode, Pages};
use super::manifest::AdRow;
use super::polling::Poller;
use super::request::{Prepared, ShipError, ShipOutcome, ShipRequest, Until};
pub(super) use super::run::{Abort, Listener, Run, guard};
use super::{AssetPreparer, Delivery, DeliveryState};
use crate::platform::{AdsPlatform, RemoteAd};

/// How a run was asked to go.
pub(super) struct Settings {
    pub(super) until: Until,
    pub(super) enable: bool,
    pub(super) attempts: u32,
    pub(super) poll_deadline: Duration,
    pub(super) attempt_deadline: Duration,
    pub(super) visibility_window: Duration,
    pub(super) first_poll: Duration,
    pub(super) first_look: Option<Duration>,
    pub(super) landing: LandingMode,
}

type Once<T> = Mutex<HashMap<String, Arc<OnceCell<T>>>>;

/// What all tasks of a run share.
pub(super) struct Context {
    run: Run,
    pub(super) platform: Arc<dyn AdsPlatform>,
    pub(super) settings: Settings,
    pub(super) pages: Arc<dyn Pages>,
    pub(super) poller: Poller,
    pub(super) uploads: Semaphore,
    pub(super) visits: Once<Result<(), LandingError>>,
    pub(super) groups: Once<Result<Vec<RemoteAd>, String>>,
    rows: HashMap<PathBuf, Vec<AdRow>>,
}

/// Everything that posting needs, too: a run is all that the tasks know of stops, locks and the journal.
impl std::ops::Deref for Context {
    type Target = Run;

    fn deref(&self) -> &Run {
        &self.run
    }
}

impl Context {
    /// The rows that name a video.
    pub(super) fn rows_of(&self, source: &Path) -> Vec<AdRow> {
        self.rows.get(&real(source)).cloned().unwrap_or_default()
    }
}

/// The cell of a key, shared by all who ask for it.
pub(super) fn once<T>(cells: &Once<T>, key: &str) -> Arc<OnceCell<T>> {
    guard(cells).entry(key.to_owned()).or_insert_with(|| Arc::new(OnceCell::new())).clone()
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Ships files as they become ready.
///
/// Every effect is had at most once, over this run and all others on the same journal. A stop, by
/// `cancel` or by a refused token, leaves everything so that the next run goes on.
///
/// # Errors
/// When the journal fails: nothing is sent without one. What the platform refuses is no error but
/// part of the outcome.
pub async fn ship(
    request: ShipRequest,
    platform: Arc<dyn AdsPlatform>,
    maker: Arc<dyn AssetPreparer>,
    journal: Arc<Journal>,
    events: Listener,
    cancel: Arc<AtomicBool>,
) -> Result<ShipOutcome, ShipError> {
    let (context, sources) = Context::new(request, platform, maker, journal, events);
    // Dropped with this future, and their tasks with them.
    let mut helpers = JoinSet::new();
    let watched = context.clone();
    helpers.spawn(async move { watched.look_for_cancel(cancel).await });
    let polling = context.clone();
    helpers.spawn(async move { polling.poll_all().await });
    // Only a refused token counts; any other fault shows itself where it matters.
    let _ = context.call(context.platform.check_access()).await;

    let mut deliveries =
        context.drive_all(sources, |prepared| super::asset::deliver(context.clone(), prepared)).await?;
    if context.stop_reason().is_none() {
        deliveries.extend(orphans(&context, &deliveries));
    }
    deliveries.sort_by(|a, b| a.source.cmp(&b.source));
    Ok(ShipOutcome::new(deliveries, context.stop_reason()))
}

impl Context {
    fn new(
        request: ShipRequest,
        platform: Arc<dyn AdsPlatform>,
        maker: Arc<dyn AssetPreparer>,
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
            attempt_deadline,
            visibility_window,
            first_poll,
            first_look,
            upload_concurrency,
            landing,
            pages,
            crash,
        } = request;
        let mut by_video: HashMap<PathBuf, Vec<AdRow>> = HashMap::new();
        for row in rows {
            by_video.entry(real(&row.video)).or_default().push(row);
        }
        let first_poll = first_poll.max(Duration::from_millis(10));
        let attempts = attempts.max(1);
        let settings = Settings {
            until,
            enable,
            attempts,
            poll_deadline,
            attempt_deadline,
            visibility_window,
            first_poll,
            first_look,
            landing,
        };
        let context = Context {
            run: Run::new(maker, journal, crash, events),
            platform,
            settings,
            pages,
            poller: Poller::default(),
            uploads: Semaphore::new(upload_concurrency.clamp(1, 64)),
            visits: Mutex::default(),
            groups: Mutex::default(),
            rows: by_video,
        };
        (Arc::new(context), sources)
    }
}

/// Rows whose video never came.
fn orphans(context: &Context, deliveries: &[Delivery]) -> Vec<Delivery> {
    let came: std::collections::HashSet<PathBuf> =
        deliveries.iter().map(|delivery| real(&delivery.source)).collect();
    let missing = context.rows.iter().filter(|(video, _)| !came.contains(*video));
    let reason = || Some("the video was not among the files checked".to_owned());
    missing
        .filter_map(|(_, rows)| {
            let first = rows.first()?;
            Some(Delivery {
                source: first.video.clone(),
                state: DeliveryState::Failed,
                video_id: None,
                attempts: 0,
                reason: reason(),
                ads: super::publish::unshipped(rows, &DeliveryState::Failed, reason().as_deref()),
            })
        })
        .collect()
}
