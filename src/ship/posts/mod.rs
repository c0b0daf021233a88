//! Posting: like shipping ads, but the upload itself creates the post and is the effect that must happen once.
//!
//! An upload is opened (which creates nothing), its id is recorded, and only then its bytes are sent. If the
//! answer to the last byte is lost, the status of the id is queried; an upload with missing bytes is cancelled
//! before another is opened.

mod asset;
mod preflight;
mod upload;
mod waiting;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

pub(super) use self::asset::digest;
pub use self::preflight::preflight_posts;
use super::AssetPreparer;
use super::crash_points::CrashPoints;
use super::journal::Journal;
use super::manifest::AdRow;
use super::request::{Prepared, Retry, ShipError, ShipOutcome, Until};
use super::run::{Abort, AccessCheck, Listener, ShipRun, StopReason};
use crate::platform::{Creator, PostMode, PostPlatform};

/// Ad group and ad name of the journal's record of a post: a post has neither, and is known by its video.
pub(super) const POST_NAME: (&str, &str) = ("", "post");

/// A request to post videos. Create it with [`PostRequest::new`] and change fields as needed.
pub struct PostRequest {
    /// Files as they become ready; the run ends when the sender is dropped and all files are done.
    pub sources: mpsc::Receiver<Prepared>,
    /// The contents of the posts; a video without a row becomes a draft.
    pub rows: Vec<AdRow>,
    /// Drafts or posts.
    pub mode: PostMode,
    /// The step at which the run ends; [`Until::Ready`] means the same as [`Until::Published`].
    pub until: Until,
    /// The most uploads of one asset, each in the next encode mode.
    pub attempts: u32,
    /// The processing time allowed for one asset in this run.
    pub poll_deadline: Duration,
    /// The given-up videos that are posted again.
    pub retry: Retry,
    /// How long bytes may still arrive: until then, missing bytes prove nothing.
    pub visibility_window: Duration,
    /// The bound of the first wait between polls.
    pub first_poll: Duration,
    /// The most uploads at the same time.
    pub upload_concurrency: usize,
    /// Points at which a test can inject a fault.
    pub crash: CrashPoints,
}

impl PostRequest {
    /// Returns a request with the defaults of the configuration.
    pub fn new(sources: mpsc::Receiver<Prepared>, rows: Vec<AdRow>, mode: PostMode) -> PostRequest {
        PostRequest {
            sources,
            rows,
            mode,
            until: Until::default(),
            attempts: 3,
            poll_deadline: Duration::from_secs(30 * 60),
            retry: Retry::None,
            visibility_window: Duration::from_secs(5 * 60),
            first_poll: Duration::from_secs(5),
            upload_concurrency: 2,
            crash: CrashPoints::from_env(),
        }
    }
}

/// State shared by all tasks of a run.
struct Context {
    run: ShipRun,
    platform: Arc<dyn PostPlatform>,
    creator: Creator,
    mode: PostMode,
    until: Until,
    attempts: u32,
    poll_deadline: Duration,
    retry: Retry,
    visibility_window: Duration,
    first_poll: Duration,
    uploads: Semaphore,
    rows: HashMap<PathBuf, AdRow>,
}

impl std::ops::Deref for Context {
    type Target = ShipRun;

    fn deref(&self) -> &ShipRun {
        &self.run
    }
}

impl Context {
    fn row_of(&self, source: &Path) -> Option<AdRow> {
        self.rows.get(&canonical(source)).cloned()
    }

    /// Returns the account part of the keys of effects and assets: a draft and a post are two intents.
    fn account(&self) -> String {
        format!("{}:{}", self.platform.account(), self.mode.name())
    }
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Posts files as they become ready.
///
/// Each post is created at most once, over this run and all others on the same journal. After a stop, by `cancel`
/// or by a rejected token, the next run resumes.
///
/// # Errors
/// When the journal fails, since nothing is sent without one. Refusals by the platform are part of the outcome,
/// not errors.
pub async fn post(
    request: PostRequest,
    creator: Creator,
    platform: Arc<dyn PostPlatform>,
    preparer: Arc<dyn AssetPreparer>,
    journal: Arc<Journal>,
    events: Listener,
    cancel: Arc<AtomicBool>,
) -> Result<ShipOutcome, ShipError> {
    let asked = Arc::clone(&platform);
    let access: AccessCheck = Box::new(move || {
        let platform = Arc::clone(&asked);
        Box::pin(async move { platform.creator().await.map(drop) })
    });
    let context = Arc::new(Context {
        run: ShipRun::new(preparer, access, journal, request.crash, events),
        platform,
        creator,
        mode: request.mode,
        until: request.until,
        attempts: request.attempts.max(1),
        poll_deadline: request.poll_deadline,
        retry: request.retry,
        visibility_window: request.visibility_window,
        first_poll: request.first_poll.max(Duration::from_millis(10)),
        uploads: Semaphore::new(request.upload_concurrency.clamp(1, 64)),
        rows: request.rows.into_iter().map(|row| (canonical(&row.video), row)).collect(),
    });
    // Dropping this future drops the set, which aborts its task.
    let mut background = JoinSet::new();
    let cancelled = context.clone();
    background.spawn(async move { cancelled.watch_cancel(cancel).await });
    let mut deliveries =
        context.drive_all(request.sources, |prepared| asset::deliver(context.clone(), prepared)).await?;
    deliveries.sort_by(|a, b| a.source.cmp(&b.source));
    Ok(ShipOutcome::new(deliveries, context.stop_reason()))
}
