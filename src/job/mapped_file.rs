//! Identifies a worker by its files, so that the cache can tell its results from those of another worker.
//!
//! Only a running worker knows the version of its media library, and starting one costs more than
//! looking up a thousand files in the cache. Its files can be examined without starting it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::MappedFile;

/// The loader's table, which decides which of several copies of a library is loaded.
const LOADER_CACHE: &str = "/etc/ld.so.cache";

impl MappedFile {
    /// Describes the file at `path` as it is now, following links.
    ///
    /// # Errors
    ///
    /// Fails when the path cannot be resolved or the metadata cannot be read.
    pub fn of(path: &Path) -> io::Result<MappedFile> {
        let path = path.canonicalize()?;
        let meta = path.metadata()?;
        let (modified_s, modified_ns) = (meta.mtime(), meta.mtime_nsec());
        Ok(MappedFile { path, inode: meta.ino(), size: meta.size(), modified_s, modified_ns })
    }

    /// Whether the file is a program or a library, not the loader's table of them.
    pub fn is_code(&self) -> bool {
        self.path != Path::new(LOADER_CACHE)
    }

    /// Whether the file is unchanged.
    pub fn is_unchanged(&self) -> bool {
        MappedFile::of(&self.path).is_ok_and(|now| now == *self)
    }
}

/// Returns the program of this process, the libraries it has loaded, and the loader's table. Empty where
/// the system has no `/proc/self/maps`.
pub(crate) fn of_this_process() -> Vec<MappedFile> {
    let Ok(maps) = std::fs::read("/proc/self/maps") else { return Vec::new() };
    let mut paths = mapped_paths(&maps);
    paths.insert(PathBuf::from(LOADER_CACHE));
    paths.iter().filter_map(|path| MappedFile::of(path).ok()).collect()
}

/// Returns the mapped files, each once. A file replaced since is listed as `NAME (deleted)`, does not
/// exist under that name, and so never matches.
fn mapped_paths(maps: &[u8]) -> BTreeSet<PathBuf> {
    let lines = maps.split(|byte| *byte == b'\n');
    let names = lines.filter_map(|line| Some(&line[line.iter().position(|byte| *byte == b'/')?..]));
    names.map(|name| PathBuf::from(OsStr::from_bytes(name))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lists_the_program_and_its_libraries() {
        let files = of_this_process();
        let program = std::env::current_exe().unwrap().canonicalize().unwrap();
        assert!(files.iter().any(|file| file.path == program), "{files:?}");
        assert!(files.iter().any(|file| file.path.to_string_lossy().contains("libc")), "{files:?}");
        assert!(files.iter().all(MappedFile::is_unchanged));
    }

    #[test]
    fn a_replaced_or_removed_file_is_changed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lib.so");
        std::fs::write(&path, "one").unwrap();
        let file = MappedFile::of(&path).unwrap();
        assert!(file.is_unchanged());
        std::fs::write(dir.path().join("new"), "two").unwrap();
        std::fs::rename(dir.path().join("new"), &path).unwrap();
        assert!(!file.is_unchanged());
        std::fs::remove_file(&path).unwrap();
        assert!(!file.is_unchanged());
    }

    #[test]
    fn reads_paths_with_spaces() {
        let maps =
            b"55e0-55e1 r-xp 00000000 08:01 12   /opt/my videos/worker\n7ffd-7ffe rw-p 0 00:00 0 [stack]\n";
        assert_eq!(mapped_paths(maps), BTreeSet::from([PathBuf::from("/opt/my videos/worker")]));
    }
}
