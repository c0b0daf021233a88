//! What a runner is made of, so that what it found can be told from what another would find.
//!
//! The version of the media library would have to be asked of a worker, and starting one costs more
//! than looking up a thousand files. The files it consists of can be looked at from outside.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::MappedFile;

/// Decides which of several copies of a library is loaded.
const LOADER_CACHE: &str = "/etc/ld.so.cache";

impl MappedFile {
    /// The file at `path`, links followed, as it is now.
    ///
    /// # Errors
    ///
    /// Those of looking at it.
    pub fn of(path: &Path) -> io::Result<MappedFile> {
        let path = path.canonicalize()?;
        let meta = path.metadata()?;
        let (modified_s, modified_ns) = (meta.mtime(), meta.mtime_nsec());
        Ok(MappedFile { path, inode: meta.ino(), size: meta.size(), modified_s, modified_ns })
    }

    /// Whether the file is still the same.
    pub fn is_unchanged(&self) -> bool {
        MappedFile::of(&self.path).is_ok_and(|now| now == *self)
    }
}

/// The program of this process and the libraries it has loaded, with the table by which the loader
/// chose them. Empty where the system does not tell.
pub(super) fn of_this_process() -> Vec<MappedFile> {
    let Ok(maps) = std::fs::read("/proc/self/maps") else { return Vec::new() };
    let mut paths = mapped(&maps);
    paths.insert(PathBuf::from(LOADER_CACHE));
    paths.iter().filter_map(|path| MappedFile::of(path).ok()).collect()
}

/// The files that are mapped, each once. One that was replaced since is listed as `NAME (deleted)`,
/// is not found under that name, and so never matches.
fn mapped(maps: &[u8]) -> BTreeSet<PathBuf> {
    let lines = maps.split(|byte| *byte == b'\n');
    let names = lines.filter_map(|line| Some(&line[line.iter().position(|byte| *byte == b'/')?..]));
    names.map(|name| PathBuf::from(OsStr::from_bytes(name))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn this_process_is_made_of_its_program_and_more() {
        let parts = of_this_process();
        let program = std::env::current_exe().unwrap().canonicalize().unwrap();
        assert!(parts.iter().any(|part| part.path == program), "{parts:?}");
        assert!(parts.iter().any(|part| part.path.to_string_lossy().contains("libc")), "{parts:?}");
        assert!(parts.iter().all(MappedFile::is_unchanged));
    }

    #[test]
    fn a_replaced_file_is_another_part() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lib.so");
        std::fs::write(&path, "one").unwrap();
        let part = MappedFile::of(&path).unwrap();
        assert!(part.is_unchanged());
        std::fs::write(dir.path().join("new"), "two").unwrap();
        std::fs::rename(dir.path().join("new"), &path).unwrap();
        assert!(!part.is_unchanged());
        std::fs::remove_file(&path).unwrap();
        assert!(!part.is_unchanged());
    }

    #[test]
    fn names_with_spaces_are_read_whole() {
        let maps =
            b"55e0-55e1 r-xp 00000000 08:01 12   /opt/my videos/worker\n7ffd-7ffe rw-p 0 00:00 0 [stack]\n";
        assert_eq!(mapped(maps), BTreeSet::from([PathBuf::from("/opt/my videos/worker")]));
    }
}
