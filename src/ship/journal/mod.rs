//! The journal: intent, sends and result of each effect, in a SQLite database that one process uses at a time.
//!
//! The intent of each effect is on disk before its first byte is sent, so that after any crash the journal tells
//! whether the effect may be sent. Calls block for about the duration of a disk sync and are made directly from
//! the async tasks.

mod answers;
mod database;
mod effects;
mod error;
mod history;
mod items;
mod log;
mod open_questions;
mod publications;
mod schema;
mod snapshot;
mod state_name;

pub use answers::{Answered, Choice};
pub use database::{Journal, Wait, destination_key};
pub(super) use effects::kind_name;
pub use effects::{Effect, EffectRecord, EffectState, Resolution};
pub use error::JournalError;
pub use history::History;
pub use items::{Artifact, ItemKey, ItemRecord, KnownAsset, StatusLine};
pub use log::LoggedEvent;
pub use open_questions::Question;
pub use publications::{PublicationKey, PublicationRecord, StatusPublication};

#[cfg(test)]
mod tests;
