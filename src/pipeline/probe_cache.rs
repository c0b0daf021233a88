//! Reads the probe cache before a check and stores new results in it.

use std::path::Path;
use std::sync::Mutex;
use std::time::SystemTime;

use crate::cache::{CachedProbe, DecodeKey, Depth, FileFingerprint, FileState, ProbeCache, content_hash};

use super::inputs::Pipeline;

/// New results are stored in batches of this size: small enough that a killed run loses little, large enough
/// that the run does not wait for the disk.
const BATCH: usize = 1000;

/// Returns the fingerprint of a file in this state, if it reveals later changes of the file.
pub(super) fn fingerprint_of(path: &Path, state: FileState, depth: Depth) -> Option<FileFingerprint> {
    let now = SystemTime::now();
    let fingerprint = FileFingerprint::new(path, state, depth);
    fingerprint.detects_later_changes(now).then_some(fingerprint)
}

/// Collects new results and stores them in batches; the rest is stored on drop.
pub(super) struct CacheSession<'a> {
    cache: &'a dyn ProbeCache,
    pipeline: Pipeline<'a>,
    fresh: Mutex<Vec<(FileFingerprint, CachedProbe)>>,
}

impl<'a> CacheSession<'a> {
    pub(super) fn new(cache: &'a dyn ProbeCache, pipeline: Pipeline<'a>) -> CacheSession<'a> {
        CacheSession { cache, pipeline, fresh: Mutex::default() }
    }

    /// Looks up what an earlier run found in a file.
    pub(super) fn find(&self, fingerprint: FileFingerprint) -> Option<CachedProbe> {
        self.cache.get(&fingerprint)
    }

    /// Stores the probe of the file at `path`, unless the file changed since the fingerprint `before`, taken
    /// before the probe.
    pub(super) fn put(&self, path: &Path, before: FileFingerprint, probe: &CachedProbe) {
        if self.pipeline.store.state(path).ok() != Some(before.state()) {
            return;
        }
        let Ok(mut fresh) = self.fresh.lock() else { return };
        fresh.push((before, probe.clone()));
        let batch = if fresh.len() >= BATCH { std::mem::take(&mut *fresh) } else { Vec::new() };
        drop(fresh);
        self.store(&batch);
    }

    /// Remembers that the bytes of the file at `path` decode, unless the file changed since the fingerprint
    /// `before`.
    pub(super) fn put_decoded(&self, path: &Path, before: FileFingerprint) {
        let Pipeline { store, runner, .. } = self.pipeline;
        let (Ok(file), Ok(worker)) = (store.open(path), runner.describe()) else { return };
        let Ok(content) = content_hash(&file) else { return };
        if file.metadata().is_ok_and(|meta| FileState::from(&meta) == before.state()) {
            self.cache.put_decoded(&DecodeKey::new(&content, &worker));
        }
    }

    fn store(&self, probes: &[(FileFingerprint, CachedProbe)]) {
        if probes.is_empty() {
            return;
        }
        // A worker returned the probes, so the runner can describe it.
        if let Ok(made_by) = self.pipeline.runner.describe() {
            self.cache.put(&made_by, probes);
        }
    }
}

impl Drop for CacheSession<'_> {
    fn drop(&mut self) {
        let rest = self.fresh.get_mut().map(std::mem::take).unwrap_or_default();
        self.store(&rest);
    }
}
