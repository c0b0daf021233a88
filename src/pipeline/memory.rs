//! Asking the memory before a check, and telling it what came of one.

use std::fs::File;
use std::path::Path;
use std::sync::Mutex;
use std::time::SystemTime;

use crate::cache::{Answer, Depth, Memory, Recalled, Stamp};
use crate::job::Runner;

use super::check::CheckOptions;
use super::discover::Source;
use super::side_by_side::side_by_side;

/// Answers are handed over in batches of this size: often enough that little is lost when a long
/// run is killed, rarely enough that the disk is not what the run waits for.
const BATCH: usize = 1000;

impl CheckOptions {
    /// How far this check looks.
    pub(super) fn depth(&self) -> Depth {
        if self.deep { Depth::Deep } else { Depth::Probe }
    }
}

/// What is remembered of each source: one look at its inode, none at its bytes.
pub(super) fn recall(memory: &dyn Memory, sources: &[Source], depth: Depth, width: usize) -> Recalled {
    let stamps = side_by_side(sources.len(), width, |index| {
        let path = &sources[index].path;
        let meta = std::fs::metadata(path).ok().filter(|meta| meta.is_file())?;
        Some(Stamp::new(path, &meta, depth))
    });
    memory.recall(&stamps)
}

/// The stamp of an opened file, if it is one by which a later change can be told.
pub(super) fn stamp_of(path: &Path, file: &File, depth: Depth) -> Option<Stamp> {
    let now = SystemTime::now();
    let stamp = Stamp::new(path, &file.metadata().ok()?, depth);
    stamp.is_settled(now).then_some(stamp)
}

/// Collects new answers. What is left is handed over at the end of its life.
pub(super) struct Notes<'a> {
    memory: &'a dyn Memory,
    runner: &'a dyn Runner,
    fresh: Mutex<Vec<(Stamp, Answer)>>,
}

impl<'a> Notes<'a> {
    pub(super) fn new(memory: &'a dyn Memory, runner: &'a dyn Runner) -> Notes<'a> {
        Notes { memory, runner, fresh: Mutex::default() }
    }

    /// Notes the answer for the file at `path`, which had the stamp `before` it was looked at,
    /// unless it changed since.
    pub(super) fn note(&self, path: &Path, before: Stamp, answer: &Answer) {
        let after = std::fs::metadata(path).map(|meta| Stamp::new(path, &meta, before.depth()));
        if !after.is_ok_and(|after| after == before) {
            return;
        }
        let Ok(mut fresh) = self.fresh.lock() else { return };
        fresh.push((before, answer.clone()));
        let batch = if fresh.len() >= BATCH { std::mem::take(&mut *fresh) } else { Vec::new() };
        drop(fresh);
        self.hand_over(&batch);
    }

    fn hand_over(&self, answers: &[(Stamp, Answer)]) {
        if answers.is_empty() {
            return;
        }
        // A worker gave the answers, so there is one to be described.
        if let Ok(made_by) = self.runner.describe() {
            self.memory.keep(&made_by, answers);
        }
    }
}

impl Drop for Notes<'_> {
    fn drop(&mut self) {
        let rest = self.fresh.get_mut().map(std::mem::take).unwrap_or_default();
        self.hand_over(&rest);
    }
}
