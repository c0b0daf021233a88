//! The cache of a run, or why it goes without one.

use std::sync::Arc;

use crate::cache::{ProbeCache, SqliteCache};
use crate::job::worker;

use super::error::chain;
use super::settings::Settings;

/// Opens the cache, unless it is not wanted. InputProblem with it is nobody's concern but of those who
/// asked to hear everything.
pub fn open(settings: &Settings, no_cache: bool) -> Option<Arc<dyn ProbeCache>> {
    let folder = settings.cache.as_deref().filter(|_| !no_cache)?;
    match SqliteCache::open(folder, &worker::program()) {
        Ok(cache) => Some(Arc::new(cache)),
        Err(error) => {
            if settings.human.verbose {
                eprintln!("greenlit: going on without a cache: {}", chain(&error));
            }
            None
        }
    }
}
