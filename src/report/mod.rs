//! Reports for people and tools: one renderer for each output format.
//!
//! `document` is the JSON contract. `outcome`, `text`, `units` and `advice` hold the wording that
//! the human-readable formats share. [`escape()`] makes untrusted text safe to display.

mod advice;
mod advice_texts;
mod command_words;
mod delivery;
mod delivery_state;
mod document;
mod entry;
mod escape;
mod fix;
mod forecast;
mod format;
mod github;
mod html;
mod human;
mod json;
mod junit;
mod loudness;
mod media;
mod ndjson;
mod outcome;
mod row_advice;
#[cfg(test)]
mod samples;
mod sarif;
mod schema;
mod streamed;
mod summary;
mod text;
mod totals;
mod units;

pub use delivery_state::DeliveryState;
pub use document::{ConsentForm, OldLimit, Report, SCHEMA, StaleEntry, Tool};
pub use entry::{AdDelivery, Delivery, FileEntry, Outdated, Publication, RowProblem};
pub use escape::{escape, json_text};
pub use fix::{Added, Dropped, Fix, FixAction, Verified};
pub use forecast::{AudioOutcome, FixForecast};
pub use format::{Format, ParseFormatError, render};
pub use human::{FileLinks, HumanOptions};
pub use json::Envelope;
pub use loudness::Loudness;
pub use media::Media;
pub use ndjson::ndjson_line;
pub use schema::schema;
pub use streamed::StreamedReport;
pub use summary::{DoneCount, Summary};
