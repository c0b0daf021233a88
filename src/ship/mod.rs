//! Shipping: uploads videos, waits until they are ready and publishes them; a journal ensures that each effect
//! happens at most once.
//!
//! - [`manifest`]: the requested publications.
//! - [`journal`]: intents, sends and results, on disk before the first byte is sent.
//! - [`ship`]: one task per asset, from the validated file to its ads.
//! - [`landing`]: checks landing pages.
//! - [`crash_points`]: points at which a test can inject a fault.

mod ad_limit;
mod answered;
mod asset;
mod asset_preparer;
mod backoff;
mod checked_covers;
mod context;
mod cover;
mod cover_file;
// The crash tests of the program arm these points; they are no part of the interface.
#[doc(hidden)]
pub mod crash_points;
mod delivery;
mod effect;
mod effect_executor;
mod engine;
mod event;
mod give_up;
pub mod journal;
mod journaled_item;
pub mod landing;
mod locks;
pub mod manifest;
mod manifest_rows;
mod manifest_text;
mod poller;
mod polling;
mod public_address;
mod publications;
mod read_clock;
mod reconcile;
mod reconcile_schedule;
mod request;
mod row_digest;
mod row_problem;
mod row_problems;
mod run;
mod shipment;
mod stop;
mod unreached;
mod upload_name;

#[cfg(test)]
mod scenarios;

pub use crate::ending::PrepareError;

pub use ad_limit::{AdLimitError, ads_to_create, check_ad_limit};
pub use asset_preparer::AssetPreparer;
pub use checked_covers::{CheckedCovers, CoverMessage};
pub use cover_file::{CoverError, read_cover};
pub use delivery::{Delivery, DeliveryState, RowDelivery};
pub use engine::ship;
pub use event::{Listener, ShipEvent};
pub use give_up::GiveUpReason;
pub use journal::{
    Answered, Choice, History, Journal, JournalError, KnownAsset, LoggedEvent, PublicationKey, Question,
    StatusLine, StatusPublication, Wait, destination_key,
};
pub use landing::{HttpPageVisitor, LandingMode, LandingVisits, PageVisitor, visit_landing_pages};
pub use manifest::{Manifest, ManifestError, ManifestProblem, ManifestProblemKind};
pub use request::{
    Prepared, PreparedFiles, PreparedSender, Retry, ShipError, ShipOutcome, ShipRequest, Until,
    prepared_files,
};
pub use row_problem::RowProblem;
pub use row_problems::{RowNotice, known_row_problems};
pub use upload_name::upload_name;
