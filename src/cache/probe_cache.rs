//! The port of the cache.

use std::fmt;

use super::{CachedProbe, DecodeKey, FileFingerprint};
use crate::job::WorkerInfo;

/// Stores the probes of files. No method fails: a cache that cannot be read returns nothing, and one that
/// cannot be written discards the probes.
pub trait ProbeCache: Send + Sync + fmt::Debug {
    /// Returns the cached probe of a file.
    fn get(&self, fingerprint: &FileFingerprint) -> Option<CachedProbe>;

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
