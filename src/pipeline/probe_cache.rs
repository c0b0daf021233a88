//! Asking the memory before a check, and telling it what came of one.

use std::fs::File;
use std::path::Path;
use std::sync::Mutex;
use std::time::SystemTime;

use crate::cache::{CachedProbe, CachedProbes, Depth, FileFingerprint, ProbeCache};
use crate::job::Runner;

use super::check::CheckOptions;
use super::discover::Source;
use super::parallel::run_in_parallel;

/// CachedProbes are handed over in batches of this size: often enough that little is lost when a long
/// run is killed, rarely enough that the disk is not what the run waits for.
const BATCH: usize = 1000;

impl CheckOptions {
    /// How far this check looks.
    pub(super) fn depth(&self) -> Depth {
        if self.deep { Depth::Deep } else { Depth::Probe }
    }
}

/// What is remembered of each source: one look at its inode, none at its bytes.
pub(super) fn get(memory: &dyn ProbeCache, sources: &[Source], depth: Depth, width: usize) -> CachedProbes {
    let stamps = run_in_parallel(sources.len(), width, |index| {
        let path = &sources[index].path;
        let meta = std::fs::metadata(path).ok().filter(|meta| meta.is_file())?;
        Some(FileFingerprint::new(path, &meta, depth))
    });
    memory.get(&stamps)
}

/// The stamp of an opened file, if it is one by which a later change can be told.
pub(super) fn stamp_of(path: &Path, file: &File, depth: Depth) -> Option<FileFingerprint> {
    let now = SystemTime::now();
    let stamp = FileFingerprint::new(path, &file.metadata().ok()?, depth);
    stamp.is_settled(now).then_some(stamp)
}

/// Collects new answers. What is left is handed over at the end of its life.
pub(super) struct CacheSession<'a> {
    memory: &'a dyn ProbeCache,
    runner: &'a dyn Runner,
    fresh: Mutex<Vec<(FileFingerprint, CachedProbe)>>,
}

impl<'a> CacheSession<'a> {
    pub(super) fn new(memory: &'a dyn ProbeCache, runner: &'a dyn Runner) -> CacheSession<'a> {
        CacheSession { memory, runner, fresh: Mutex::default() }
    }

    /// CacheSession the answer for the file at `path`, which had the stamp `before` it was looked at,
    /// unless it changed since.
    pub(super) fn note(&self, path: &Path, before: FileFingerprint, answer: &CachedProbe) {
        let after = std::fs::metadata(path).map(|meta| FileFingerprint::new(path, &meta, before.depth()));
        if !after.is_ok_and(|after| after == before) {
            return;
        }
        let Ok(mut fresh) = self.fresh.lock() else { return };
        fresh.push((before, answer.clone()));
        let batch = if fresh.len() >= BATCH { std::mem::take(&mut *fresh) } else { Vec::new() };
        drop(fresh);
        self.hand_over(&batch);
    }

    fn hand_over(&self, answers: &[(FileFingerprint, CachedProbe)]) {
        if answers.is_empty() {
            return;
        }
        // A worker gave the answers, so there is one to be described.
        if let Ok(made_by) = self.runner.describe() {
            self.memory.put(&made_by, answers);
        }
    }
}

impl Drop for CacheSession<'_> {
    fn drop(&mut self) {
        let rest = self.fresh.get_mut().map(std::mem::take).unwrap_or_default();
        self.hand_over(&rest);
    }
}
