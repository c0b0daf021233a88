//! The port of the cache, and what it returns.

use std::fmt;
use std::ops::Range;

use super::{CachedProbe, DecodeKey, FileFingerprint};
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
    pub(super) fn with_len(count: usize) -> CachedProbes {
        CachedProbes { bytes: Vec::new(), ranges: vec![None; count] }
    }

    /// Stores the encoded probe of the file at `index`.
    pub(super) fn put(&mut self, index: usize, encoded: &[u8]) {
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
