//! Posting: as shipping, but the upload itself is what makes the post, so it is the effect to be had once.
//!
//! An upload is opened (which makes nothing), its id is written down, and only then filled. When the
//! answer to the last byte is lost, the id is asked after; an upload with bytes missing is taken back
//! before another is opened.

mod asset;
mod preflight;
mod upload;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

pub use self::preflight::preflight_posts;
use super::AssetPreparer;
use super::crash::CrashPoints;
use super::journal::Journal;
use super::manifest::AdRow;
use super::request::{Prepared, ShipError, ShipOutcome, Until};
use super::run::{Abort, Listener, Run, Stop};
use crate::platform::{Creator, PostMode, PostPlatform};

/// A run of posting. Make one with [`PostRequest::new`] and change what should differ.
pub struct PostRequest {
    /// Files, as they become ready; the run ends when the sender is dropped and all is settled.
    pub sources: mpsc::Receiver<Prepared>,
    /// What the posts say, by video; a video without a row becomes a draft.
    pub rows: Vec<AdRow>,
    /// Drafts or posts.
    pub mode: PostMode,
    /// How far to go: [`Until::Ready`] means the same as [`Until::Published`].
    pub until: Until,
    /// Uploads of one asset, each by the next recipe.
    pub attempts: u32,
    /// How long to wait for the platform in this run.
    pub poll_deadline: Duration,
    /// How long missing bytes prove nothing.
    pub visibility_window: Duration,
    /// The bound of the first wait before asking.
    pub first_poll: Duration,
    /// Uploads at a time.
    pub upload_concurrency: usize,
    /// Where a test may kill the process.
    pub crash: CrashPoints,
}

impl PostRequest {
    /// A run with the defaults of the configuration.
    pub fn new(sources: mpsc::Receiver<Prepared>, rows: Vec<AdRow>, mode: PostMode) -> PostRequest {
        PostRequest {
            sources,
            rows,
            mode,
            until: Until::default(),
            attempts: 3,
            poll_deadline: Duration::from_secs(30 * 60),
            visibility_window: Duration::from_secs(5 * 60),
            first_poll: Duration::from_secs(5),
            upload_concurrency: 2,
            crash: CrashPoints::from_env(),
        }
    }
}

/// What all tasks of a run share.
struct Context {
    run: Run,
    platform: Arc<dyn PostPlatform>,
    creator: Creator,
    mode: PostMode,
    until: Until,
    attempts: u32,
    poll_deadline: Duration,
    visibility_window: Duration,
    first_poll: Duration,
    uploads: Semaphore,
    rows: HashMap<PathBuf, AdRow>,
}

/// As in the engine of ads: a run is all that the tasks know of stops, locks and the journal.
impl std::ops::Deref for Context {
    type Target = Run;

    fn deref(&self) -> &Run {
        &self.run
    }
}

impl Context {
    fn row_of(&self, source: &Path) -> Option<AdRow> {
        self.rows.get(&real(source)).cloned()
    }

    /// What effects and assets are keyed by besides the origin: a draft and a post are two intents.
    fn account(&self) -> String {
        format!("{}:{}", self.platform.account(), self.mode.name())
    }
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Posts files as they become ready.
///
/// Every post is made at most once, over this run and all others on the same journal. A stop, by `cancel`
/// or by a refused token, leaves everything so that the next run goes on.
///
/// # Errors
/// When the journal fails: nothing is sent without one. What the platform refuses is no error but part of
/// the outcome.
pub async fn post(
    request: PostRequest,
    creator: Creator,
    platform: Arc<dyn PostPlatform>,
    maker: Arc<dyn AssetPreparer>,
    journal: Arc<Journal>,
    events: Listener,
    cancel: Arc<AtomicBool>,
) -> Result<ShipOutcome, ShipError> {
    let context = Arc::new(Context {
        run: Run::new(maker, journal, request.crash, events),
        platform,
        creator,
        mode: request.mode,
        until: request.until,
        attempts: request.attempts.max(1),
        poll_deadline: request.poll_deadline,
        visibility_window: request.visibility_window,
        first_poll: request.first_poll.max(Duration::from_millis(10)),
        uploads: Semaphore::new(request.upload_concurrency.clamp(1, 64)),
        rows: request.rows.into_iter().map(|row| (real(&row.video), row)).collect(),
    });
    // Dropped with this future, and its tasks with it.
    let mut helpers = JoinSet::new();
    let watched = context.clone();
    helpers.spawn(async move { watched.look_for_cancel(cancel).await });
    let mut deliveries =
        context.drive_all(request.sources, |prepared| asset::deliver(context.clone(), prepared)).await?;
    deliveries.sort_by(|a, b| a.source.cmp(&b.source));
    Ok(ShipOutcome::new(deliveries, context.stop_reason()))
}
