//! Opens the probe cache of a run.

use std::sync::Arc;

use crate::cache::{ProbeCache, SqliteCache};
use crate::worker;

use super::error::chain;
use super::settings::Settings;

/// Opens the probe cache. Returns `None` with `--no-cache` and when the cache cannot be opened; that is
/// reported only with `--verbose`, since the cache only saves time.
pub fn open(settings: &Settings, no_cache: bool) -> Option<Arc<dyn ProbeCache>> {
    let folder = settings.cache.as_deref().filter(|_| !no_cache)?;
    match SqliteCache::open(folder, &worker::default_program()) {
        Ok(cache) => Some(Arc::new(cache)),
        Err(error) => {
            if settings.human.verbose {
                super::notices::say(&format!("continuing without a cache: {}", chain(&error)));
            }
            None
        }
    }
}
