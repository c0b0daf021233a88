//! What is asked of a shipping run, and what it gives back.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::crash::CrashPoints;
use super::landing::{LandingMode, Pages, WebPages};
use super::manifest::AdRow;
use super::run::Stop;
use super::{Delivery, JournalError};
use crate::rules::ValidatedAsset;

/// How far to go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Until {
    /// Until the platform gave an id.
    Uploaded,
    /// Until an ad may use the video.
    Ready,
    /// Until the ads of the rows exist.
    #[default]
    Published,
}

/// A file that went through checking and fixing.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The source as given; rows name their video by this path.
    pub source: PathBuf,
    /// BLAKE3 of the source, lower-case hex.
    pub source_blake3: String,
    /// The file to send, or why there is none.
    pub result: Result<ValidatedAsset, String>,
}

/// A run of shipping. Make one with [`ShipRequest::new`] and change what should differ.
pub struct ShipRequest {
    /// Files, as they become ready; the run ends when the sender is dropped and all is settled.
    pub sources: mpsc::Receiver<Prepared>,
    /// The ads to make, by video.
    pub rows: Vec<AdRow>,
    /// How far to go.
    pub until: Until,
    /// Whether new ads run at once.
    pub enable: bool,
    /// Uploads of one asset, each by the next recipe.
    pub attempts: u32,
    /// How long the platform may process one asset in this run, over all attempts.
    pub poll_deadline: Duration,
    /// How long it may process one attempt before that counts as failed.
    pub attempt_deadline: Duration,
    /// How long absence from lists proves nothing.
    pub visibility_window: Duration,
    /// The bound of the first wait before asking for a video.
    pub first_poll: Duration,
    /// When to look first for a video just uploaded, where history tells; else as `first_poll` says.
    pub first_look: Option<Duration>,
    /// Uploads at a time.
    pub upload_concurrency: usize,
    /// What to do about landing pages that do not answer.
    pub landing: LandingMode,
    /// Who visits landing pages.
    pub pages: Arc<dyn Pages>,
    /// Where a test may kill the process.
    pub crash: CrashPoints,
}

impl ShipRequest {
    /// A run with the defaults of the configuration.
    pub fn new(sources: mpsc::Receiver<Prepared>, rows: Vec<AdRow>) -> ShipRequest {
        ShipRequest {
            sources,
            rows,
            until: Until::default(),
            enable: false,
            attempts: 3,
            poll_deadline: Duration::from_secs(30 * 60),
            attempt_deadline: Duration::from_secs(10 * 60),
            visibility_window: Duration::from_secs(5 * 60),
            first_poll: Duration::from_secs(5),
            first_look: None,
            upload_concurrency: 4,
            landing: LandingMode::default(),
            pages: Arc::new(WebPages::default()),
            crash: CrashPoints::from_env(),
        }
    }

    /// Sets the poll deadline, and the deadline of an attempt to its share.
    pub fn with_poll_deadline(mut self, deadline: Duration) -> ShipRequest {
        self.poll_deadline = deadline;
        self.attempt_deadline = deadline / self.attempts.max(1);
        self
    }
}

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShipOutcome {
    /// One entry a source, sorted by path.
    pub deliveries: Vec<Delivery>,
    /// Why the whole run stopped: the token or its rights are at fault.
    pub auth: Option<String>,
    /// Why the whole run stopped: the destination's set-up is at fault.
    pub configuration: Option<String>,
}

impl ShipOutcome {
    pub(super) fn new(deliveries: Vec<Delivery>, stop: Option<Stop>) -> ShipOutcome {
        let (auth, configuration) = match stop {
            Some(Stop::Auth(said)) => (Some(said), None),
            Some(Stop::Configuration(said)) => (None, Some(said)),
            _ => (None, None),
        };
        ShipOutcome { deliveries, auth, configuration }
    }
}

/// Why a run could not go on. What was done stays in the journal.
#[derive(Debug, thiserror::Error)]
pub enum ShipError {
    /// The journal failed; nothing is sent without one.
    #[error("the journal cannot be used")]
    Journal(#[from] JournalError),
    /// A task ended in a panic: a bug.
    #[error("an internal error; the journal holds what was done")]
    Internal,
}
