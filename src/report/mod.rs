//! What people and tools read: one renderer a format.
//!
//! `document` is the contract; `outcome`, `text`, `units` and `advice` turn it into the
//! language that the renderers for people share; [`escape()`] makes foreign text safe to show.

mod advice;
mod document;
mod escape;
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
mod units;

pub use document::{
    AdDelivery, Delivery, FileEntry, Fix, FixAction, Media, OldLimit, Report, SCHEMA, Summary, Tool, Verified,
};
pub use escape::escape;
pub use format::{Format, ParseFormatError, render};
pub use human::HumanOptions;
pub use json::Envelope;
pub use ndjson::ndjson_line;
pub use schema::schema;
pub use streamed::StreamedReport;
