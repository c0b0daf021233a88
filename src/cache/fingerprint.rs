//! Fingerprints, which identify an unchanged file.

use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// Ten times the coarsest resolution of timestamps with fractions of a second.
const FINE_WINDOW: Duration = Duration::from_millis(100);
/// The coarsest resolution of timestamps: two seconds on FAT.
const COARSE_WINDOW: Duration = Duration::from_secs(2);

/// How thoroughly a file was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Probe.
    Probe,
    /// Full decode.
    Deep,
}

/// The metadata that identifies a file and tells whether it was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileState {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    /// Unlike the modification time, programs cannot set it.
    changed: (i64, i64),
}

impl From<&Metadata> for FileState {
    fn from(meta: &Metadata) -> FileState {
        FileState {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }
}

/// The metadata of a file, for one name and one depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFingerprint {
    state: FileState,
    /// The hash of the name, which decides whether the file counts as media and how it is opened.
    name: u64,
    depth: Depth,
}

impl FileFingerprint {
    /// Creates the fingerprint of the file at `path` with the metadata `meta`.
    pub fn new(path: &Path, meta: &Metadata, depth: Depth) -> FileFingerprint {
        let name = path.file_name().unwrap_or(path.as_os_str());
        FileFingerprint { state: FileState::from(meta), name: xxh3_64(name.as_bytes()), depth }
    }

    /// Returns the metadata.
    pub fn state(&self) -> FileState {
        self.state
    }

    /// Returns how thoroughly the file was read.
    pub fn depth(&self) -> Depth {
        self.depth
    }

    /// Returns whether every later change of the file will change its fingerprint.
    ///
    /// Timestamps have a limited resolution, so a second change shortly after the first may leave them
    /// unchanged; git calls such files racily clean. A probe is therefore cached only if the timestamps
    /// are older than the resolution when the file is read: a tenth of a second if they have fractions
    /// of a second, two seconds if not. Timestamps in the future are never usable.
    pub fn detects_later_changes(&self, now: SystemTime) -> bool {
        let FileState { modified, changed, .. } = self.state;
        let whole_seconds = modified.1 == 0 && changed.1 == 0;
        let window = if whole_seconds { COARSE_WINDOW } else { FINE_WINDOW };
        let (seconds, nanos) = modified.max(changed);
        let (Ok(seconds), Ok(nanos)) = (u64::try_from(seconds), u32::try_from(nanos)) else { return false };
        let latest = UNIX_EPOCH + Duration::new(seconds, nanos);
        now.duration_since(latest).is_ok_and(|age| age > window)
    }

    /// Returns the key of this file's entry from the worker build `worker_id`.
    pub(super) fn key(&self, worker_id: i64) -> i64 {
        let mut bytes = [0; 33];
        let parts = [worker_id as u64, self.state.device, self.state.inode, self.name];
        for (to, part) in bytes.chunks_exact_mut(8).zip(parts) {
            to.copy_from_slice(&part.to_le_bytes());
        }
        bytes[32] = self.depth as u8;
        xxh3_64(&bytes) as i64
    }

    /// Returns all fields but the depth, for comparison with the entry stored under the key.
    pub(super) fn bytes(&self) -> [u8; 64] {
        let FileFingerprint { state: FileState { device, inode, size, modified, changed }, name, depth: _ } =
            *self;
        let signed = |number: i64| number as u64;
        let parts = [
            device,
            inode,
            size,
            signed(modified.0),
            signed(modified.1),
            signed(changed.0),
            signed(changed.1),
            name,
        ];
        let mut bytes = [0; 64];
        for (to, part) in bytes.chunks_exact_mut(8).zip(parts) {
            to.copy_from_slice(&part.to_le_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fingerprint(modified: (i64, i64), changed: (i64, i64)) -> FileFingerprint {
        let state = FileState { device: 1, inode: 2, size: 3, modified, changed };
        FileFingerprint { state, name: 4, depth: Depth::Probe }
    }

    fn at(seconds: u64, millis: u32) -> SystemTime {
        UNIX_EPOCH + Duration::new(seconds, millis * 1_000_000)
    }

    #[test]
    fn rejects_recent_and_future_timestamps() {
        let fine = fingerprint((100, 5_000_000), (100, 5_000_000));
        assert!(!fine.detects_later_changes(at(100, 50)));
        assert!(fine.detects_later_changes(at(100, 200)));
        let coarse = fingerprint((100, 0), (100, 0));
        assert!(!coarse.detects_later_changes(at(101, 900)));
        assert!(coarse.detects_later_changes(at(102, 100)));
        let set_back = fingerprint((5, 0), (100, 5_000_000));
        assert!(!set_back.detects_later_changes(at(100, 50)), "the later of the two times counts");
        assert!(!fine.detects_later_changes(at(99, 0)), "from the future");
    }

    #[test]
    fn every_field_changes_the_fingerprint() {
        let one = fingerprint((1, 2), (3, 4));
        let others = [
            FileFingerprint { state: FileState { device: 9, ..one.state }, ..one },
            FileFingerprint { state: FileState { inode: 9, ..one.state }, ..one },
            FileFingerprint { state: FileState { size: 9, ..one.state }, ..one },
            FileFingerprint { state: FileState { modified: (1, 9), ..one.state }, ..one },
            FileFingerprint { state: FileState { modified: (9, 2), ..one.state }, ..one },
            FileFingerprint { state: FileState { changed: (3, 9), ..one.state }, ..one },
            FileFingerprint { state: FileState { changed: (9, 4), ..one.state }, ..one },
            FileFingerprint { name: 9, ..one },
            FileFingerprint { depth: Depth::Deep, ..one },
        ];
        for other in others {
            assert_ne!((one.key(7), one.bytes()), (other.key(7), other.bytes()), "{other:?}");
        }
        assert_ne!(one.key(7), one.key(8), "another worker");
    }
}
