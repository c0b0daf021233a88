//! By what a file is recognised as the one that was looked at.

use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use xxhash_rust::xxh3::xxh3_64;

/// Ten times the coarsest tick by which a kernel that stores fractions of a second stamps files.
const FINE_WINDOW: Duration = Duration::from_millis(100);
/// The coarsest stamp there is: two seconds on FAT.
const COARSE_WINDOW: Duration = Duration::from_secs(2);

/// How far a file was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Probed.
    Probe,
    /// Decoded from end to end.
    Deep,
}

/// What the file system says of a file, under one name and for one depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFingerprint {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    /// Cannot be set back by a program, as the time of modification can.
    changed: (i64, i64),
    /// The name decides what counts as media, and how it is opened.
    name: u64,
    depth: Depth,
}

impl FileFingerprint {
    /// The stamp of the file at `path`, which `meta` describes.
    pub fn new(path: &Path, meta: &Metadata, depth: Depth) -> FileFingerprint {
        let name = path.file_name().unwrap_or(path.as_os_str());
        FileFingerprint {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
            name: xxh3_64(name.as_bytes()),
            depth,
        }
    }

    /// How far the file was looked at.
    pub fn depth(&self) -> Depth {
        self.depth
    }

    /// Whether every later change of the file would give it another stamp.
    ///
    /// Stamps move in ticks. Who looks at a file within the tick of its last change, and remembers
    /// what he saw, would not notice a second change in the same tick; git calls such files racily
    /// clean. So an answer is only kept when the stamp was older than a tick at the time it was
    /// read: a tenth of a second where the stamp has fractions of a second, two seconds where it
    /// has none. A stamp from the future is of no use either.
    pub fn is_settled(&self, now: SystemTime) -> bool {
        let whole = self.modified.1 == 0 && self.changed.1 == 0;
        let window = if whole { COARSE_WINDOW } else { FINE_WINDOW };
        let (seconds, nanos) = self.modified.max(self.changed);
        let (Ok(seconds), Ok(nanos)) = (u64::try_from(seconds), u32::try_from(nanos)) else { return false };
        let latest = UNIX_EPOCH + Duration::new(seconds, nanos);
        now.duration_since(latest).is_ok_and(|age| age > window)
    }

    /// The place in the store for this file as `maker` saw it.
    pub(super) fn key(&self, maker: i64) -> i64 {
        let mut bytes = [0; 33];
        let parts = [maker as u64, self.device, self.inode, self.name];
        for (to, part) in bytes.chunks_exact_mut(8).zip(parts) {
            to.copy_from_slice(&part.to_le_bytes());
        }
        bytes[32] = self.depth as u8;
        xxh3_64(&bytes) as i64
    }

    /// Everything but the depth, to be compared with what is stored under the key.
    pub(super) fn bytes(&self) -> [u8; 64] {
        let FileFingerprint { device, inode, size, modified, changed, name, depth: _ } = *self;
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

    fn stamp(modified: (i64, i64), changed: (i64, i64)) -> FileFingerprint {
        FileFingerprint { device: 1, inode: 2, size: 3, modified, changed, name: 4, depth: Depth::Probe }
    }

    fn at(seconds: u64, millis: u32) -> SystemTime {
        UNIX_EPOCH + Duration::new(seconds, millis * 1_000_000)
    }

    #[test]
    fn a_file_that_has_only_just_changed_is_not_settled() {
        let fine = stamp((100, 5_000_000), (100, 5_000_000));
        assert!(!fine.is_settled(at(100, 50)));
        assert!(fine.is_settled(at(100, 200)));
        let coarse = stamp((100, 0), (100, 0));
        assert!(!coarse.is_settled(at(101, 900)));
        assert!(coarse.is_settled(at(102, 100)));
        let set_back = stamp((5, 0), (100, 5_000_000));
        assert!(!set_back.is_settled(at(100, 50)), "the later of the two times counts");
        assert!(!fine.is_settled(at(99, 0)), "from the future");
    }

    #[test]
    fn every_part_of_a_stamp_counts() {
        let one = stamp((1, 2), (3, 4));
        let others = [
            FileFingerprint { device: 9, ..one },
            FileFingerprint { inode: 9, ..one },
            FileFingerprint { size: 9, ..one },
            FileFingerprint { modified: (1, 9), ..one },
            FileFingerprint { modified: (9, 2), ..one },
            FileFingerprint { changed: (3, 9), ..one },
            FileFingerprint { changed: (9, 4), ..one },
            FileFingerprint { name: 9, ..one },
            FileFingerprint { depth: Depth::Deep, ..one },
        ];
        for other in others {
            assert_ne!((one.key(7), one.bytes()), (other.key(7), other.bytes()), "{other:?}");
        }
        assert_ne!(one.key(7), one.key(8), "another maker");
    }
}
