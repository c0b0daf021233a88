//! A drop folder: which of its files are complete, and which were processed before.
//!
//! Events of the file system only wake the caller, who then looks at the whole folder; so a lost event costs time, not a
//! file. [`Candidates`] decides from the metadata that it saw when a file is taken, without a clock of its own.

mod candidates;
mod folder_events;
mod processed;
mod temporary_name;

pub use candidates::Candidates;
pub use folder_events::FolderEvents;
pub use processed::Processed;
pub use temporary_name::is_temporary;
