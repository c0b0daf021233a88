//! The state that all tasks of a run share.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio::sync::{OnceCell, Semaphore, watch};
use tokio::time::Instant;

use super::AssetPreparer;
use super::crash_points::CrashPoints;
use super::event::Listener;
use super::journal::{Journal, destination_key};
use super::landing::{LandingError, LandingMode, PageVisitor};
use super::locks::{Locks, lock};
use super::poller::Poller;
use super::request::{Retry, Until};
use super::stop::StopReason;
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
    pub(super) landing_visits: LandingCells,
    pub(super) rows: HashMap<PathBuf, Vec<Row>>,
    pub(super) started: Instant,
    /// When everything that an earlier run with another journal sent is visible, if there was such a run.
    pub(super) earlier_run_visible: OnceLock<Instant>,
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
}

/// Returns the path by which rows and files are matched.
pub(super) fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
