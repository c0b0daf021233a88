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

/// The metadata that identifies a file under any name: a rename does not change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileIdentity {
    device: u64,
    inode: u64,
    size: u64,
    mtime_s: i64,
    mtime_ns: i64,
}

impl FileIdentity {
    /// Returns the size of the file in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }
}

impl From<&Metadata> for FileIdentity {
    fn from(meta: &Metadata) -> FileIdentity {
        FileIdentity {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            mtime_s: meta.mtime(),
            mtime_ns: meta.mtime_nsec(),
        }
    }
}

/// The identity of a file, with the time of its last change, which programs cannot set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileState {
    identity: FileIdentity,
    changed: (i64, i64),
}

impl FileState {
    /// Returns the identity.
    pub fn identity(&self) -> FileIdentity {
        self.identity
    }

    /// Returns the fields as bytes, which are compact to store.
    pub fn to_bytes(&self) -> [u8; 56] {
        let FileIdentity { device, inode, size, mtime_s, mtime_ns } = self.identity;
        let signed = [mtime_s, mtime_ns, self.changed.0, self.changed.1].map(i64::cast_unsigned);
        let parts = [device, inode, size].into_iter().chain(signed);
        let mut bytes = [0; 56];
        bytes.chunks_exact_mut(8).zip(parts).for_each(|(to, part)| to.copy_from_slice(&part.to_le_bytes()));
        bytes
    }

    /// Returns the state whose bytes these are; `None` for another number of bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<FileState> {
        let (parts, []) = bytes.as_chunks::<8>() else { return None };
        let [device, inode, size, signed @ ..] = <[_; 7]>::try_from(parts).ok()?.map(u64::from_le_bytes);
        let [mtime_s, mtime_ns, changed_s, changed_ns] = signed.map(u64::cast_signed);
        let identity = FileIdentity { device, inode, size, mtime_s, mtime_ns };
        Some(FileState { identity, changed: (changed_s, changed_ns) })
    }

    /// Returns how long before `now` the file changed last, in its content or its metadata; nothing for a time that is
    /// in the future.
    pub fn age(&self, now: SystemTime) -> Duration {
        self.changed_at().and_then(|at| now.duration_since(at).ok()).unwrap_or_default()
    }

    /// Returns the later of the times of its last modification and of its last change; `None` before 1970.
    fn changed_at(&self) -> Option<SystemTime> {
        let (seconds, nanos) = (self.identity.mtime_s, self.identity.mtime_ns).max(self.changed);
        Some(UNIX_EPOCH + Duration::new(seconds.try_into().ok()?, nanos.try_into().ok()?))
    }
}

impl From<&Metadata> for FileState {
    fn from(meta: &Metadata) -> FileState {
        FileState { identity: FileIdentity::from(meta), changed: (meta.ctime(), meta.ctime_nsec()) }
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
    /// Creates the fingerprint of the file at `path` in this state.
    pub fn new(path: &Path, state: FileState, depth: Depth) -> FileFingerprint {
        let name = path.file_name().unwrap_or(path.as_os_str());
        FileFingerprint { state, name: xxh3_64(name.as_bytes()), depth }
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
        let FileState { identity: FileIdentity { mtime_s, mtime_ns, .. }, changed } = self.state;
        let modified = (mtime_s, mtime_ns);
        let whole_seconds = modified.1 == 0 && changed.1 == 0;
        let window = if whole_seconds { COARSE_WINDOW } else { FINE_WINDOW };
        let latest = self.state.changed_at();
        latest.and_then(|latest| now.duration_since(latest).ok()).is_some_and(|age| age > window)
    }

    /// Returns the key of this file's entry from the worker build `worker_id`.
    pub(super) fn key(&self, worker_id: i64) -> i64 {
        let mut bytes = [0; 33];
        let FileIdentity { device, inode, .. } = self.state.identity;
        let parts = [worker_id as u64, device, inode, self.name];
        for (to, part) in bytes.chunks_exact_mut(8).zip(parts) {
            to.copy_from_slice(&part.to_le_bytes());
        }
        bytes[32] = self.depth as u8;
        xxh3_64(&bytes) as i64
    }

    /// Returns all fields but the depth, for comparison with the entry stored under the key.
    pub(super) fn bytes(&self) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes[..56].copy_from_slice(&self.state.to_bytes());
        bytes[56..].copy_from_slice(&self.name.to_le_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fingerprint(modified: (i64, i64), changed: (i64, i64)) -> FileFingerprint {
        let (mtime_s, mtime_ns) = modified;
        let identity = FileIdentity { device: 1, inode: 2, size: 3, mtime_s, mtime_ns };
        FileFingerprint { state: FileState { identity, changed }, name: 4, depth: Depth::Probe }
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
    fn a_state_is_read_from_its_bytes() {
        let state = fingerprint((-1, 2), (3, 4)).state;
        assert_eq!(FileState::from_bytes(&state.to_bytes()), Some(state));
        assert_eq!(FileState::from_bytes(&[0; 55]), None);
    }

    #[test]
    fn every_field_changes_the_fingerprint() {
        let one = fingerprint((1, 2), (3, 4));
        let identity = one.state.identity;
        let of = |identity| FileFingerprint { state: FileState { identity, ..one.state }, ..one };
        let others = [
            of(FileIdentity { device: 9, ..identity }),
            of(FileIdentity { inode: 9, ..identity }),
            of(FileIdentity { size: 9, ..identity }),
            of(FileIdentity { mtime_ns: 9, ..identity }),
            of(FileIdentity { mtime_s: 9, ..identity }),
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
