//! What earlier runs found out about files, so that a file that did not change is not probed again.
//!
//! Kept are facts, never judgements: another profile, other limits or another selection of rules
//! judge the same facts anew. An answer counts for the same bytes under the same name, by the file
//! system's word: device, inode, size, time of change of the content and of the inode. It also
//! counts only for what made it: the worker with every library it had loaded, see
//! [`crate::job::MappedFile`].
//!
//! A cache is a convenience. Whatever goes wrong with it, the run goes on without.

mod cached_probe;
mod fingerprint;
mod sqlite;

pub use cached_probe::CachedProbe;
pub use fingerprint::{Depth, FileFingerprint};
pub use sqlite::{CacheError, SqliteCache};

use std::fmt;
use std::ops::Range;

use crate::job::WorkerInfo;

/// Remembers answers. Nothing here fails: a cache that cannot be read knows nothing, one that
/// cannot be written forgets.
pub trait ProbeCache: Send + Sync + fmt::Debug {
    /// What is known of each file, in the order of `stamps`; `None` stands for a file that cannot
    /// be stamped.
    fn get(&self, stamps: &[Option<FileFingerprint>]) -> CachedProbes;

    /// Keeps what a runner found, with what that runner is made of.
    fn put(&self, made_by: &WorkerInfo, answers: &[(FileFingerprint, CachedProbe)]);

    /// What made the answers that are recalled; `None` where none can be.
    fn made_by(&self) -> Option<WorkerInfo>;
}

/// CachedProbes as they are stored: a few hundred bytes a file, made into facts only when looked at.
#[derive(Clone, Debug, Default)]
pub struct CachedProbes {
    bytes: Vec<u8>,
    places: Vec<Option<Range<usize>>>,
}

impl CachedProbes {
    /// Room for the answers of `count` files, none of them known yet.
    fn of(count: usize) -> CachedProbes {
        CachedProbes { bytes: Vec::new(), places: vec![None; count] }
    }

    fn put(&mut self, index: usize, answer: &[u8]) {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(answer);
        if let Some(place) = self.places.get_mut(index) {
            *place = Some(begin..self.bytes.len());
        }
    }

    /// The answer for the file at `index`, where one is known.
    pub fn answer(&self, index: usize) -> Option<CachedProbe> {
        let place = self.places.get(index)?.clone()?;
        CachedProbe::decode(self.bytes.get(place)?)
    }

    /// How many files are known.
    pub fn known(&self) -> usize {
        self.places.iter().flatten().count()
    }
}
