//! Request and outcome of a shipping run.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::crash_points::CrashPoints;
use super::landing::{HttpPageVisitor, LandingMode, LandingVisits, PageVisitor};
use super::stop::StopReason;
use super::{Delivery, JournalError, PrepareError};
use crate::platform::Row;
use crate::rules::ValidatedAsset;

/// The step at which a run ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Until {
    /// Every video is uploaded: the platform returned an id.
    Uploaded,
    /// Every video is ready: it can be published.
    Ready,
    /// Every ad, post or entry is created.
    #[default]
    Published,
}

/// The given-up videos that are uploaded again from the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Retry {
    /// None.
    #[default]
    None,
    /// All.
    All,
    /// Those of these files.
    Files(Vec<PathBuf>),
}

impl Retry {
    /// Returns whether a given-up video of this file is uploaded again.
    pub fn includes(&self, source: &Path) -> bool {
        let canonical = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        match self {
            Retry::None => false,
            Retry::All => true,
            Retry::Files(files) => files.iter().any(|file| canonical(file) == canonical(source)),
        }
    }
}

/// A file after checking and fixing.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The source as given; rows name their video by this path.
    pub source: PathBuf,
    /// BLAKE3 of the source, lower-case hex.
    pub source_blake3: String,
    /// Hash of the profile's limits.
    pub profile_hash: String,
    /// The file to send, or the reason why there is none.
    pub result: Result<ValidatedAsset, PrepareError>,
}

/// The files of a run, as they become ready.
#[derive(Debug)]
pub struct PreparedFiles(pub(super) mpsc::Receiver<Prepared>);

/// Hands files to a run. The run ends once it is dropped and all files are done.
#[derive(Clone, Debug)]
pub struct PreparedSender(mpsc::Sender<Prepared>);

impl PreparedSender {
    /// Hands over a file, and waits while `most` files are waiting. Returns whether the run takes it: after a stop it
    /// needs none.
    pub async fn send(&self, prepared: Prepared) -> bool {
        self.0.send(prepared).await.is_ok()
    }

    /// Like [`send`](Self::send), from a thread that may block.
    pub fn blocking_send(&self, prepared: Prepared) -> bool {
        self.0.blocking_send(prepared).is_ok()
    }
}

/// Returns both ends of the queue of files of a run, which holds `most` files, at least one.
pub fn prepared_files(most: usize) -> (PreparedSender, PreparedFiles) {
    let (sender, receiver) = mpsc::channel(most.max(1));
    (PreparedSender(sender), PreparedFiles(receiver))
}

/// A request to ship videos. Create it with [`ShipRequest::new`] and change fields as needed.
#[non_exhaustive]
pub struct ShipRequest {
    /// Files as they become ready; the run ends when the sender is dropped and all files are done.
    pub sources: PreparedFiles,
    /// The publications to create.
    pub rows: Vec<Row>,
    /// The step at which the run ends.
    pub until: Until,
    /// Whether new publications take effect at once, where the platform has a choice.
    pub enable: bool,
    /// The most uploads of one asset, each in the next encode mode. More do not reopen one that was given up.
    pub attempts: u32,
    /// The processing time allowed for each upload in this run. A run that cannot read a state for this long ends.
    pub poll_deadline: Duration,
    /// Whether an upload that is not ready within the deadline counts as failed, so that the next encode mode is
    /// uploaded. Otherwise only the platform's word counts.
    pub retry_slow: bool,
    /// The given-up videos that are uploaded again.
    pub retry: Retry,
    /// Landing pages that were visited already.
    pub landing_visits: LandingVisits,
    /// How long a new object may be missing from lists: until then, absence proves nothing.
    pub visibility_window: Duration,
    /// The bound of the first wait between polls.
    pub first_poll: Duration,
    /// The wait before the first poll of a new upload, from the history; `None` uses `first_poll`.
    pub first_poll_after_upload: Option<Duration>,
    /// The most uploads at the same time.
    pub upload_concurrency: usize,
    /// What to do about landing pages that do not answer.
    pub landing: LandingMode,
    /// Visits the landing pages.
    pub pages: Arc<dyn PageVisitor>,
    /// Points at which a test can inject a fault.
    #[doc(hidden)]
    pub crash: CrashPoints,
}

impl ShipRequest {
    /// Returns a request with the defaults of the configuration.
    pub fn new(sources: PreparedFiles, rows: Vec<Row>) -> ShipRequest {
        ShipRequest {
            sources,
            rows,
            until: Until::default(),
            enable: false,
            attempts: 3,
            poll_deadline: Duration::from_secs(30 * 60),
            retry_slow: false,
            retry: Retry::None,
            landing_visits: LandingVisits::new(),
            visibility_window: Duration::from_secs(5 * 60),
            first_poll: Duration::from_secs(5),
            first_poll_after_upload: None,
            upload_concurrency: 4,
            landing: LandingMode::default(),
            pages: Arc::new(HttpPageVisitor::default()),
            crash: CrashPoints::from_env(),
        }
    }
}

/// The outcome of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShipOutcome {
    /// One entry per source, sorted by path.
    pub deliveries: Vec<Delivery>,
    /// The error of the token or its permissions that stopped the run.
    pub auth: Option<String>,
    /// The error of the destination's configuration that stopped the run.
    pub configuration: Option<String>,
}

impl ShipOutcome {
    pub(super) fn new(deliveries: Vec<Delivery>, stop: Option<StopReason>) -> ShipOutcome {
        let (auth, configuration) = match stop {
            Some(StopReason::Auth(error)) => (Some(error), None),
            Some(StopReason::Configuration(error)) => (None, Some(error)),
            _ => (None, None),
        };
        ShipOutcome { deliveries, auth, configuration }
    }
}

/// Why a run failed. The journal keeps what was done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShipError {
    /// The journal failed; nothing is sent without one.
    #[error("the journal cannot be used")]
    Journal(#[from] JournalError),
    /// A task panicked: a bug.
    #[error("internal error; the journal has recorded what was done")]
    Internal,
}
