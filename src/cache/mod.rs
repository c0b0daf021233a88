//! Cached facts about files, so that a later run does not probe an unchanged file again.
//!
//! The cache holds facts, never assessments, so it is independent of profiles and rules. An entry is
//! valid while the file system reports the same device, inode, size, modification time and change
//! time under the same name, and only for the worker that produced it, including every library it had
//! loaded; see [`crate::job::MappedFile`].
//!
//! The cache is optional: if it fails, the run continues without it.

mod cached_probe;
mod content_hash;
mod contents;
mod decoded;
mod fingerprint;
mod probe_cache;
mod sqlite;

pub use cached_probe::CachedProbe;
pub use content_hash::{Hashes, content_hash};
pub use contents::Contents;
pub use decoded::DecodeKey;
pub use fingerprint::{Depth, FileFingerprint, FileIdentity, FileState};
pub use probe_cache::ProbeCache;
pub use sqlite::{CacheError, SqliteCache};
