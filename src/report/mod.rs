//! Reports for people and tools: one renderer for each output format.
//!
//! `document` is the JSON contract. `outcome`, `text`, `units` and `advice` hold the wording that
//! the human-readable formats share. [`escape()`] makes untrusted text safe to display.

mod advice;
mod delivery;
mod document;
mod escape;
mod forecast;
mod format;
mod github;
mod html;
mod human;
mod json;
mod junit;
mod ndjson;
mod outcome;
#[cfg(test)]
mod samples;
mod sarif;
mod schema;
mod streamed;
mod text;
mod totals;
mod units;

pub use document::{
    AdDelivery, Added, Delivery, DoneCount, Dropped, FileEntry, Fix, FixAction, Media, OldLimit, Publication,
    Report, RowProblem, SCHEMA, StaleEntry, Summary, Tool, Verified,
};
pub use escape::{escape, json_text};
pub use forecast::{AudioOutcome, FixForecast};
pub use format::{Format, ParseFormatError, render};
pub use human::HumanOptions;
pub use json::Envelope;
pub use ndjson::ndjson_line;
pub use schema::schema;
pub use streamed::StreamedReport;
