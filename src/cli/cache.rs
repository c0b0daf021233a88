//! Opens the probe cache of a run.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::cache::{CacheError, CachedProbe, DecodeKey, FileFingerprint, ProbeCache, SqliteCache};
use crate::job::WorkerInfo;
use crate::worker;

use super::error::chain;
use super::settings::Settings;
use super::workers_on_demand::WorkersOnDemand;
use super::{isolation, notices};

/// Returns the probe cache, which is opened when a file is first looked up; `None` with `--no-cache`.
pub fn open_when_used(
    settings: &Settings,
    no_cache: bool,
    workers: &Arc<WorkersOnDemand>,
) -> Option<Arc<dyn ProbeCache>> {
    let folder = settings.cache.clone().filter(|_| !no_cache)?;
    let (verbose, workers) = (settings.human.verbose, Arc::clone(workers));
    Some(Arc::new(OpenedWhenUsed { folder, verbose, workers, opened: OnceLock::new() }))
}

/// A cache that is opened when it is first used. It does nothing if that fails.
#[derive(Debug)]
struct OpenedWhenUsed {
    folder: PathBuf,
    verbose: bool,
    workers: Arc<WorkersOnDemand>,
    opened: OnceLock<Option<SqliteCache>>,
}

impl OpenedWhenUsed {
    fn cache(&self) -> Option<&SqliteCache> {
        self.opened.get_or_init(|| open_in(&self.folder, self.verbose)).as_ref()
    }
}

impl ProbeCache for OpenedWhenUsed {
    fn get(&self, fingerprint: &FileFingerprint) -> Option<CachedProbe> {
        let cache = self.cache()?;
        // What a worker without isolation found is used, and said, only where the run consents to such workers.
        let is_weak = cache.worker_info().is_some_and(|info| !isolation::is_whole(&info));
        if is_weak && self.workers.test_isolation().is_err() {
            return None;
        }
        cache.get(fingerprint)
    }

    fn put(&self, worker_info: &WorkerInfo, probes: &[(FileFingerprint, CachedProbe)]) {
        if let Some(cache) = self.cache() {
            cache.put(worker_info, probes);
        }
    }

    fn worker_info(&self) -> Option<WorkerInfo> {
        self.cache().and_then(ProbeCache::worker_info)
    }

    fn is_decoded(&self, key: &DecodeKey) -> bool {
        self.cache().is_some_and(|cache| cache.is_decoded(key))
    }

    fn put_decoded(&self, key: &DecodeKey) {
        if let Some(cache) = self.cache() {
            cache.put_decoded(key);
        }
    }
}

/// Opens the probe cache. Returns `None` with `--no-cache` and when the cache cannot be opened; that is
/// reported only with `--verbose`, since the cache only saves time.
pub fn open(settings: &Settings, no_cache: bool) -> Option<Arc<dyn ProbeCache>> {
    let folder = settings.cache.as_deref().filter(|_| !no_cache)?;
    open_in(folder, settings.human.verbose).map(|cache| Arc::new(cache) as Arc<dyn ProbeCache>)
}

fn open_in(folder: &Path, verbose: bool) -> Option<SqliteCache> {
    let opened = SqliteCache::open(folder, &worker::default_program());
    let say = |error: &CacheError| notices::say(&format!("continuing without a cache: {}", chain(error)));
    opened
        .inspect_err(|error| {
            if verbose {
                say(error)
            }
        })
        .ok()
}
