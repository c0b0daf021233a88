//! The state of builds: what each source was built with, and what it gave, so that an unchanged one is not opened.
//!
//! [`BuildState`] keeps an [`Entry`] for each source and profile of a build. [`examine`] compares an entry with the
//! metadata of the files as they are now. [`Libraries`] tells whether the media worker and its libraries are those that
//! made the outputs, without starting it.

mod columns;
mod depfile;
mod entry;
mod freshness;
mod libraries;
mod state;

pub use depfile::{DepfileRule, depfile};
pub use entry::{Entry, EntryKey, Leftover, OutputFile, Recipe};
pub use freshness::{Freshness, OutdatedReason, examine};
pub use libraries::Libraries;
pub use state::{BuildState, StateError};
