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
mod sqlite;

pub use cached_probe::CachedProbe;
pub use content_hash::{Hashes, content_hash};
pub use contents::Contents;
pub use decoded::DecodeKey;
pub use fingerprint::{Depth, FileFingerprint, FileIdentity, FileState};
pub use sqlite::{CacheError, SqliteCache};

use std::fmt;
use std::ops::Range;

use crate::job::WorkerInfo;

/// Stores the probes of files. No method fails: a cache that cannot be read returns nothing, and one that
/// cannot be written discards the probes.
pub trait ProbeCache: Send + Sync + fmt::Debug {
    /// Returns the cached probes in the order of `fingerprints`. `None` stands for a file without a
    /// usable fingerprint.
    fn get(&self, fingerprints: &[Option<FileFingerprint>]) -> CachedProbes;

    /// Stores probes, with the worker that produced them.
    fn put(&self, worker_info: &WorkerInfo, probes: &[(FileFingerprint, CachedProbe)]);

    /// Returns the worker that produced the entries that [`get`](ProbeCache::get) returns; `None` if it
    /// returns none.
    fn worker_info(&self) -> Option<WorkerInfo>;

    /// Returns whether the content of this key decoded without errors in an earlier run.
    fn is_decoded(&self, key: &DecodeKey) -> bool;

    /// Remembers that the content of this key decoded without errors.
    fn put_decoded(&self, key: &DecodeKey);
}

/// Cached probes in their encoded form, a few hundred bytes per file. They are decoded on access.
#[derive(Clone, Debug, Default)]
pub struct CachedProbes {
    bytes: Vec<u8>,
    ranges: Vec<Option<Range<usize>>>,
}

impl CachedProbes {
    /// Creates `count` empty entries.
    fn with_len(count: usize) -> CachedProbes {
        CachedProbes { bytes: Vec::new(), ranges: vec![None; count] }
    }

    fn put(&mut self, index: usize, encoded: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(encoded);
        if let Some(range) = self.ranges.get_mut(index) {
            *range = Some(start..self.bytes.len());
        }
    }

    /// Returns the cached probe of the file at `index`, if any.
    pub fn get(&self, index: usize) -> Option<CachedProbe> {
        let range = self.ranges.get(index)?.clone()?;
        CachedProbe::decode(self.bytes.get(range)?)
    }

    /// Returns the number of files with a cached probe.
    pub fn hit_count(&self) -> usize {
        self.ranges.iter().flatten().count()
    }
}
