//! A folder as a destination, for handing files over: each file is copied under its final name, read back, and listed
//! once in a manifest.
//!
//! The file is complete as soon as it has its name: it is written beside it and renamed. A line of the manifest is
//! appended with one write under a lock; a line that a crash cut off is removed before the next.

mod columns;
mod delivery;
mod list;
mod platform;

pub use platform::FOLDER;
