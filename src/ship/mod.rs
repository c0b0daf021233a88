//! Shipping: uploads videos, waits until they are ready and publishes them; a journal ensures that each effect
//! happens at most once.
//!
//! - [`manifest`] and [`preflight`]: the requested ads and posts, and the checks before anything is sent.
//! - [`journal`]: intents, sends and results, on disk before the first byte is sent.
//! - [`engine`]: one task per asset, from the validated file to its ads.
//! - [`landing`]: checks landing pages.
//! - [`crash`]: points at which a test can inject a fault.

mod ad_limit;
mod asset;
pub mod backoff;
mod checked_covers;
mod cover;
pub mod crash_points;
pub mod engine;
mod existing_ads;
mod give_up;
pub mod journal;
mod journaled_item;
pub mod landing;
pub mod manifest;
mod name_match;
mod polling;
mod posts;
pub mod preflight;
mod public_address;
mod publish;
mod read_clock;
mod reconcile_schedule;
mod request;
mod row_problems;
mod run;
mod unreached;
mod upload;

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
    Choice, History, Journal, JournalError, KnownAsset, LoggedEvent, Question, StatusAd, StatusLine, Wait,
    destination_key,
};
pub use landing::{HttpPageVisitor, LandingMode, PageVisitor};
pub use manifest::{AdRow, Manifest, ManifestError, PostFields};
pub use posts::{PostRequest, post, preflight_posts};
pub use preflight::{Problem, is_ad, preflight};
pub use request::{Prepared, Retry, ShipError, ShipOutcome, ShipRequest, Until};
pub use row_problems::{LandingVisits, RowNotice, RowProblem, known_row_problems, visit_landing_pages};

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
    pub ads: Vec<AdDelivery>,
    /// Whether the run was stopped before it was done, which is the reason.
    #[serde(skip)]
    pub stopped: bool,
    /// Whether this run uploaded the video, and not an earlier one.
    #[serde(skip)]
    pub uploaded_now: bool,
    /// Whether this run saw its post or draft appear, and not an earlier one.
    #[serde(skip)]
    pub posted_now: bool,
}

/// The delivery of one ad.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct AdDelivery {
    /// The row of the manifest, from 1.
    pub row: u32,
    /// The state.
    pub state: DeliveryState,
    /// The platform's id.
    pub ad_id: Option<String>,
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

impl AdDelivery {
    /// Returns the delivery of a row without a problem.
    pub fn new(row: u32, state: DeliveryState, ad_id: Option<String>, reason: Option<String>) -> AdDelivery {
        AdDelivery { row, state, ad_id, reason, problem: None, created_now: false, awaits_video: false }
    }

    /// Adds a problem, whose message is the reason.
    #[must_use]
    pub fn with_problem(self, problem: RowProblem, message: String) -> AdDelivery {
        AdDelivery { reason: Some(message), problem: Some(problem), ..self }
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

/// The longest file name the platform accepts, in characters.
const NAME_MAX: usize = 100;

/// Returns the file name of an upload: readable stem, twelve digits of the content's hash, and `-rN` for encode
/// mode N from 2.
///
/// `content_hex` is the hash of the bytes sent, in lower-case hex.
pub fn upload_name(stem: &str, content_hex: &str, encode_mode: EncodeMode) -> String {
    let hash: String = content_hex.chars().take(12).collect();
    let tail = match encode_mode {
        EncodeMode::Planned => format!("-{hash}.mp4"),
        mode => format!("-{hash}-r{}.mp4", mode.number()),
    };
    let clean = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let available = NAME_MAX.saturating_sub(tail.len());
    let head: String = stem.chars().map(clean).take(available).collect();
    format!("{head}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upload_names_are_at_most_100_characters_and_contain_the_encode_mode() {
        assert_eq!(upload_name("a b", "0123456789abcdef", EncodeMode::Planned), "a-b-0123456789ab.mp4");
        assert_eq!(upload_name("a", "0123456789abcdef", EncodeMode::CommonCore), "a-0123456789ab-r2.mp4");
        assert_eq!(
            upload_name(&"é".repeat(300), "0123456789abcdef", EncodeMode::Conservative).chars().count(),
            100
        );
    }
}
