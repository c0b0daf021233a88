//! The run as a whole: takes files as they come, drives each to its end, stops when it must.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, OnceCell, Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use super::crash::CrashPoints;
use super::journal::{Journal, JournalError};
use super::landing::{LandingError, LandingMode, Pages};
use super::manifest::AdRow;
use super::polling::Poller;
use super::request::{Prepared, ShipError, ShipOutcome, ShipRequest, Until};
use super::{AssetMaker, Delivery, DeliveryState, MakeError, ShipEvent};
use crate::platform::{AdsPlatform, Call, CallError, Class, RemoteAd};

/// Assets under way at once. Nearly all of them only wait.
const IN_FLIGHT: usize = 256;
/// How often cancellation is looked for.
const TICK: Duration = Duration::from_millis(100);
/// How long calls under way may still end after a stop.
const GRACE: Duration = Duration::from_secs(2);

/// Hears what happens.
pub type Listener = Arc<dyn Fn(ShipEvent) + Send + Sync>;

/// Why a task goes no further.
#[derive(Debug)]
pub(super) enum Halt {
    /// The run stops; everything can be taken up again.
    Stopped,
    /// The journal failed.
    Journal(JournalError),
}

impl From<JournalError> for Halt {
    fn from(error: JournalError) -> Halt {
        Halt::Journal(error)
    }
}

/// Why the run stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Cancelled,
    Auth(String),
    Broken,
}

impl Stop {
    pub(super) fn reason(&self) -> String {
        match self {
            Stop::Cancelled => "stopped on request; run again to go on".to_owned(),
            Stop::Auth(said) => format!("stopped: {said}; renew the token and run again"),
            Stop::Broken => "stopped: the journal failed".to_owned(),
        }
    }
}

/// How a run was asked to go.
pub(super) struct Settings {
    pub(super) until: Until,
    pub(super) enable: bool,
    pub(super) attempts: u32,
    pub(super) poll_deadline: Duration,
    pub(super) attempt_deadline: Duration,
    pub(super) visibility_window: Duration,
    pub(super) first_poll: Duration,
    pub(super) landing: LandingMode,
}

type Once<T> = Mutex<HashMap<String, Arc<OnceCell<T>>>>;

/// What all tasks of a run share.
pub(super) struct Context {
    pub(super) platform: Arc<dyn AdsPlatform>,
    pub(super) maker: Arc<dyn AssetMaker>,
    pub(super) journal: Arc<Journal>,
    pub(super) crash: CrashPoints,
    pub(super) settings: Settings,
    pub(super) pages: Arc<dyn Pages>,
    pub(super) poller: Poller,
    pub(super) uploads: Semaphore,
    pub(super) visits: Once<Result<(), LandingError>>,
    pub(super) groups: Once<Result<Vec<RemoteAd>, String>>,
    events: Listener,
    rows: HashMap<PathBuf, Vec<AdRow>>,
    stop: watch::Sender<Option<Stop>>,
    locks: Mutex<HashMap<String, Arc<AsyncMutex<()>>>>,
}

impl Context {
    pub(super) fn emit(&self, event: ShipEvent) {
        (self.events)(event);
    }

    /// The rows that name a video.
    pub(super) fn rows_of(&self, source: &Path) -> Vec<AdRow> {
        self.rows.get(&real(source)).cloned().unwrap_or_default()
    }

    pub(super) fn halt(&self, why: Stop) {
        // The first reason stands: later ones follow from it.
        self.stop.send_if_modified(|stop| {
            let first = stop.is_none();
            if first {
                *stop = Some(why);
            }
            first
        });
    }

    pub(super) fn stop_reason(&self) -> Option<Stop> {
        self.stop.borrow().clone()
    }

    /// To be asked before every effect.
    pub(super) fn go_on(&self) -> Result<(), Halt> {
        if self.stop.borrow().is_some() { Err(Halt::Stopped) } else { Ok(()) }
    }

    pub(super) async fn stopped(&self) {
        let mut stop = self.stop.subscribe();
        // The sender lives as long as `self`.
        let _ = stop.wait_for(Option::is_some).await;
    }

    /// Waits, or ends early when the run stops.
    pub(super) async fn wait(&self, time: Duration) -> Result<(), Halt> {
        tokio::select! {
            biased;
            () = self.stopped() => Err(Halt::Stopped),
            () = tokio::time::sleep(time) => Ok(()),
        }
    }

    /// Waits for an answer; after a stop only for a moment, then the call counts as unanswered.
    pub(super) async fn call<T>(&self, call: Call<'_, T>) -> Result<Result<T, CallError>, Halt> {
        let result = tokio::select! {
            biased;
            result = call => result,
            () = async { self.stopped().await; tokio::time::sleep(GRACE).await } => return Err(Halt::Stopped),
        };
        if let Err(error) = &result
            && error.class == Class::ReAuthenticate
        {
            self.halt(Stop::Auth(error.to_string()));
        }
        Ok(result)
    }

    /// Runs the maker's work where it may block. A panic in it concerns its file alone.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, MakeError> + Send + 'static,
    ) -> Result<Result<T, MakeError>, Halt> {
        self.go_on()?;
        let done = tokio::select! {
            biased;
            // The work may outlive the run: it only makes files.
            () = self.stopped() => return Err(Halt::Stopped),
            done = tokio::task::spawn_blocking(work) => done,
        };
        Ok(done.unwrap_or_else(|_| Err(MakeError::Failed("an internal error while making the file".into()))))
    }

    /// One task at a time for each key. Held locks are few: one an asset, one an effect.
    pub(super) fn lock_of(&self, key: &str) -> Arc<AsyncMutex<()>> {
        guard(&self.locks).entry(key.to_owned()).or_default().clone()
    }
}

pub(super) fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
    maker: Arc<dyn AssetMaker>,
    journal: Arc<Journal>,
    events: Listener,
    cancel: Arc<AtomicBool>,
) -> Result<ShipOutcome, ShipError> {
    let (context, sources) = Context::new(request, platform, maker, journal, events);
    // Dropped with this future, and their tasks with them.
    let mut helpers = JoinSet::new();
    helpers.spawn(look_for_cancel(context.clone(), cancel));
    let polling = context.clone();
    helpers.spawn(async move { polling.poll_all().await });
    // Only a refused token counts; any other fault shows itself where it matters.
    let _ = context.call(context.platform.check_access()).await;

    let mut deliveries = drive_all(&context, sources).await?;
    if context.stop_reason().is_none() {
        deliveries.extend(orphans(&context, &deliveries));
    }
    deliveries.sort_by(|a, b| a.source.cmp(&b.source));
    let auth = match context.stop_reason() {
        Some(Stop::Auth(said)) => Some(said),
        _ => None,
    };
    Ok(ShipOutcome { deliveries, auth })
}

impl Context {
    fn new(
        request: ShipRequest,
        platform: Arc<dyn AdsPlatform>,
        maker: Arc<dyn AssetMaker>,
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
            landing,
        };
        let context = Context {
            platform,
            maker,
            journal,
            crash,
            settings,
            pages,
            poller: Poller::default(),
            uploads: Semaphore::new(upload_concurrency.clamp(1, 64)),
            visits: Mutex::default(),
            groups: Mutex::default(),
            events,
            rows: by_video,
            stop: watch::Sender::new(None),
            locks: Mutex::default(),
        };
        (Arc::new(context), sources)
    }
}

async fn look_for_cancel(context: Arc<Context>, cancel: Arc<AtomicBool>) {
    while !cancel.load(Ordering::Relaxed) {
        tokio::time::sleep(TICK).await;
    }
    context.halt(Stop::Cancelled);
}

async fn drive_all(
    context: &Arc<Context>,
    mut sources: mpsc::Receiver<Prepared>,
) -> Result<Vec<Delivery>, ShipError> {
    let mut deliveries = Vec::new();
    let mut tasks: JoinSet<Result<Delivery, JournalError>> = JoinSet::new();
    let mut failed = None;
    let mut open = true;
    while open || !tasks.is_empty() {
        tokio::select! {
            biased;
            Some(done) = tasks.join_next() => match done {
                Ok(Ok(delivery)) => deliveries.push(delivery),
                Ok(Err(error)) => {
                    context.halt(Stop::Broken);
                    failed.get_or_insert(ShipError::Journal(error));
                }
                Err(_) => {
                    context.halt(Stop::Broken);
                    failed.get_or_insert(ShipError::Internal);
                }
            },
            // What is already in the channel is still reported.
            () = context.stopped(), if !sources.is_closed() => sources.close(),
            prepared = sources.recv(), if open && tasks.len() < IN_FLIGHT => match prepared {
                Some(prepared) => {
                    tasks.spawn(super::asset::deliver(context.clone(), prepared));
                }
                None => open = false,
            },
        }
    }
    failed.map_or(Ok(deliveries), Err)
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
