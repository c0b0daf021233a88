//! Shipping: uploads videos, waits until they are ready and publishes them; a journal ensures that each effect
//! happens at most once.
//!
//! - [`manifest`]: the requested publications.
//! - [`journal`]: intents, sends and results, on disk before the first byte is sent.
//! - [`engine`]: one task per asset, from the validated file to its ads.
//! - [`landing`]: checks landing pages.
//! - [`crash`]: points at which a test can inject a fault.

mod ad_limit;
mod answered;
mod asset;
pub mod backoff;
mod checked_covers;
mod cover;
pub mod crash_points;
mod effect_executor;
pub mod engine;
mod give_up;
pub mod journal;
mod journaled_item;
pub mod landing;
pub mod manifest;
mod polling;
mod public_address;
mod publications;
mod read_clock;
mod reconcile;
mod reconcile_schedule;
mod request;
mod row_problems;
mod run;
mod unreached;
mod upload_name;

#[cfg(test)]
mod scenarios;

use std::path::{Path, PathBuf};

pub use crate::ending::PrepareError;
use crate::plan::EncodeMode;
use crate::rules::{CoverImage, ValidatedAsset, ValidatedCover};

pub use ad_limit::{AdLimitError, ads_to_create, check_ad_limit};
pub use checked_covers::{CheckedCovers, CoverMessage};
pub use cover::{CoverError, read_cover};
pub use engine::ship;
pub use give_up::GiveUpReason;
pub use journal::{
    Answered, Choice, History, Journal, JournalError, KnownAsset, LoggedEvent, PublicationKey, Question,
    StatusLine, StatusPublication, Wait, destination_key,
};
pub use landing::{HttpPageVisitor, LandingMode, PageVisitor};
pub use manifest::{Manifest, ManifestError};
pub use request::{Prepared, Retry, ShipError, ShipOutcome, ShipRequest, Until};
pub use row_problems::{LandingVisits, RowNotice, RowProblem, known_row_problems, visit_landing_pages};
pub use upload_name::upload_name;

/// The state of an asset's delivery.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Compliant, nothing sent.
    Validated,
    /// Being sent.
    Uploading,
    /// The platform returned an id.
    Uploaded,
    /// The platform processes it.
    Processing,
    /// An ad may use it.
    Ready,
    /// Its ads are being created.
    Publishing,
    /// Its ads exist.
    Published,
    /// Preparation, upload or processing failed; another encode mode may follow.
    Failed,
    /// No attempt or encode mode is left.
    GivenUp,
    /// The rules refuse the file, so that nothing is sent.
    Refused,
    /// The outcome was not known in time.
    Unconfirmed,
}

/// The delivery of one asset, as in the report.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Delivery {
    /// The source as given.
    #[serde(skip)]
    pub source: PathBuf,
    /// The state.
    pub state: DeliveryState,
    /// The platform's id.
    pub video_id: Option<String>,
    /// Number of upload attempts.
    pub attempts: u32,
    /// The reason for the state.
    pub reason: Option<String>,
    /// One entry per manifest row.
    pub rows: Vec<RowDelivery>,
    /// Whether the run was stopped before it was done, which is the reason.
    #[serde(skip)]
    pub stopped: bool,
    /// Whether this run uploaded the video, and not an earlier one.
    #[serde(skip)]
    pub uploaded_now: bool,
    /// Whether this run saw it published, and not an earlier one.
    #[serde(skip)]
    pub published_now: bool,
}

impl Delivery {
    /// Returns the delivery of a file for which nothing was sent.
    pub(crate) fn nothing_sent(source: PathBuf, state: DeliveryState, reason: String) -> Delivery {
        Delivery {
            source,
            state,
            video_id: None,
            attempts: 0,
            reason: Some(reason),
            rows: Vec::new(),
            stopped: false,
            uploaded_now: false,
            published_now: false,
        }
    }
}

/// The publication of one row.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RowDelivery {
    /// The row of the manifest, from 1.
    pub row: u32,
    /// The state.
    pub state: DeliveryState,
    /// The platform's id.
    pub id: Option<String>,
    /// The reason for the state.
    pub reason: Option<String>,
    /// What a person must settle about the row.
    pub problem: Option<RowProblem>,
    /// Whether this run created it, and not an earlier one.
    #[serde(skip)]
    pub created_now: bool,
    /// Whether it was not reached because of its video, whose reason is its reason.
    #[serde(skip)]
    pub awaits_video: bool,
}

impl RowDelivery {
    /// Returns the delivery of a row without a problem.
    pub fn new(row: u32, state: DeliveryState, id: Option<String>, reason: Option<String>) -> RowDelivery {
        RowDelivery { row, state, id, reason, problem: None, created_now: false, awaits_video: false }
    }

    /// Adds a problem, whose message is the reason.
    #[must_use]
    pub fn with_problem(self, problem: RowProblem, message: String) -> RowDelivery {
        RowDelivery { reason: Some(message), problem: Some(problem), ..self }
    }
}

/// An event of a run, for progress displays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShipEvent {
    /// An asset changed its state.
    State {
        /// The source as given.
        source: PathBuf,
        /// The new state.
        state: DeliveryState,
    },
    /// Bytes were sent.
    Sent {
        /// The source as given.
        source: PathBuf,
        /// Bytes sent so far.
        bytes: u64,
        /// Bytes in total.
        total: u64,
    },
    /// All calls pause because the platform throttles.
    Paused {
        /// Seconds.
        seconds: u64,
    },
}

/// Prepares files for shipping. The methods block; they are called from a blocking thread.
pub trait AssetPreparer: Send + Sync {
    /// Returns a validated file in an encode mode: as planned first, the others after failed processing.
    fn prepare(&self, source: &Path, encode_mode: EncodeMode) -> Result<ValidatedAsset, PrepareError>;
    /// Makes a cover image with the aspect ratio of the video, and checks it.
    fn cover(&self, asset: &ValidatedAsset) -> Result<ValidatedCover, PrepareError>;
    /// Checks whether an image can be the cover of `asset`.
    fn check_cover(&self, image: CoverImage, asset: &ValidatedAsset) -> Result<ValidatedCover, PrepareError>;
}
