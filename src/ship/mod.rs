//! Shipping: upload, wait, publish; each effect at most once, with a journal.
//!
//! - [`manifest`] and [`preflight`]: what is asked for, and whether it can be.
//! - [`journal`]: what was meant, sent and answered, on disk before the first byte leaves.
//! - [`engine`]: one task an asset, from the validated file to its ads.
//! - [`landing`]: whether a landing page answers.
//! - [`crash`]: where a test may kill the process.

mod asset;
pub mod backoff;
mod cover;
pub mod crash;
pub mod engine;
mod existing_ads;
pub mod journal;
pub mod landing;
pub mod manifest;
mod polling;
mod posts;
pub mod preflight;
mod publish;
mod request;
mod run;
mod upload;

#[cfg(test)]
mod scenarios;

use std::path::{Path, PathBuf};

use crate::rules::ValidatedAsset;

pub use engine::ship;
pub use journal::{
    Choice, History, Journal, JournalError, Known, LoggedEvent, Question, StatusLine, Wait, destination_key,
};
pub use landing::{LandingMode, Pages, WebPages};
pub use manifest::{AdRow, Manifest, ManifestError, PostFields};
pub use posts::{PostRequest, post, preflight_posts};
pub use preflight::{Problem, is_ad, preflight};
pub use request::{Prepared, ShipError, ShipOutcome, ShipRequest, Until};

/// Where an asset stands.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Compliant, nothing sent.
    Validated,
    /// Being sent.
    Uploading,
    /// The platform gave an id.
    Uploaded,
    /// The platform is at work on it.
    Processing,
    /// An ad may use it.
    Ready,
    /// Its ads are being created.
    Publishing,
    /// Its ads exist.
    Published,
    /// The platform did not take it; another recipe may follow.
    Failed,
    /// No recipe is left.
    GivenUp,
    /// Not settled in the time given.
    Unconfirmed,
}

/// One asset's delivery, in the shape of the report.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Delivery {
    /// The source as given.
    #[serde(skip)]
    pub source: PathBuf,
    /// Where it stands.
    pub state: DeliveryState,
    /// The platform's id.
    pub video_id: Option<String>,
    /// Uploads tried.
    pub attempts: u32,
    /// Why it stands there.
    pub reason: Option<String>,
    /// One entry a manifest row.
    pub ads: Vec<AdDelivery>,
}

/// One ad's delivery.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct AdDelivery {
    /// The row of the manifest, from 1.
    pub row: u32,
    /// Where it stands.
    pub state: DeliveryState,
    /// The platform's id.
    pub ad_id: Option<String>,
    /// Why it stands there.
    pub reason: Option<String>,
}

/// What happens while shipping, for progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShipEvent {
    /// An asset moved on.
    State {
        /// The source as given.
        source: PathBuf,
        /// Where it stands now.
        state: DeliveryState,
    },
    /// Bytes left this machine.
    Sent {
        /// The source as given.
        source: PathBuf,
        /// So far.
        bytes: u64,
        /// In all.
        total: u64,
    },
    /// Everybody waits, as the platform asked.
    Paused {
        /// Seconds.
        seconds: u64,
    },
}

/// Why no file could be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// No recipe is left, or the rules refuse.
    #[error("{0}")]
    Refused(String),
    /// The work itself went wrong.
    #[error("{0}")]
    Failed(String),
}

/// Makes files for shipping. Blocking: called from a blocking thread.
pub trait AssetPreparer: Send + Sync {
    /// A validated file by recipe `recipe`: 1 as planned, 2 and up after failed processing.
    fn make(&self, source: &Path, recipe: u32) -> Result<ValidatedAsset, PrepareError>;
    /// A cover picture of the same ratio.
    fn cover(&self, asset: &ValidatedAsset) -> Result<PathBuf, PrepareError>;
    /// Whether the picture at `path` can be the cover of `asset`.
    fn judge_cover(&self, path: &Path, asset: &ValidatedAsset) -> Result<(), PrepareError>;
}

/// The longest name the platform takes, in characters.
const NAME_MAX: usize = 100;

/// The name of an upload: readable stem, twelve digits of the content's hash, and the recipe from 2.
///
/// `content_hex` is the lower-case hex of the hash of the bytes sent.
pub fn upload_name(stem: &str, content_hex: &str, recipe: u32) -> String {
    let hash: String = content_hex.chars().take(12).collect();
    let tail = if recipe > 1 { format!("-{hash}-r{recipe}.mp4") } else { format!("-{hash}.mp4") };
    let clean = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let room = NAME_MAX.saturating_sub(tail.len());
    let head: String = stem.chars().map(clean).take(room).collect();
    format!("{head}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_tell_recipes_apart() {
        assert_eq!(upload_name("a b", "0123456789abcdef", 1), "a-b-0123456789ab.mp4");
        assert_eq!(upload_name("a", "0123456789abcdef", 2), "a-0123456789ab-r2.mp4");
        assert_eq!(upload_name(&"é".repeat(300), "0123456789abcdef", 3).chars().count(), 100);
    }
}
