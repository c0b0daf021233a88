//! A folder as a destination, for handing files over: each file is copied under its final name, read back, and listed
//! once in a manifest.
//!
//! The file is complete as soon as it has its name: it is written beside it and renamed. A line of the manifest is
//! appended with one write under a lock; a line that a crash cut off is removed before the next.

mod delivery;
mod list;
mod platform;

pub use platform::FOLDER;

/// The list of the files that were handed over, one JSON object a line.
const LIST: &str = "manifest.jsonl";
/// The column with the name of the entry; the name of the video by default.
const ENTRY: &str = "entry";
/// The column with a remark for the recipient.
const NOTE: &str = "note";
