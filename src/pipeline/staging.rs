//! Write beside the target, prove, then rename.
//!
//! A staging file lies in the target's own folder, so that the rename is atomic, and is locked for
//! as long as it is being written. The kernel frees the lock when the process dies, however it
//! dies, so the next run can tell a leftover from a file that another run is writing.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

const PREFIX: &str = ".greenlit-";
const SUFFIX: &str = ".part";

/// An output that does not have its name yet. Dropped, it is gone.
#[derive(Debug)]
pub struct Staging {
    file: NamedTempFile,
    target: PathBuf,
}

impl Staging {
    /// An empty staging file for `target`, whose folder is made when it is not there.
    pub fn new(target: &Path) -> io::Result<Staging> {
        let folder = folder_of(target);
        std::fs::create_dir_all(folder)?;
        let file = tempfile::Builder::new().prefix(PREFIX).suffix(SUFFIX).tempfile_in(folder)?;
        file.as_file().lock()?;
        Ok(Staging { file, target: target.to_owned() })
    }

    /// A second descriptor of the same open file, for the one who writes it.
    pub fn descriptor(&self) -> io::Result<File> {
        self.file.as_file().try_clone()
    }

    /// Reads what was written.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Puts the file under its final name: contents on disk first, then the name, then the folder.
    pub fn publish(self) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        // Temporary files are private; an output is as readable as any new file.
        self.file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
        self.file.as_file().sync_all()?;
        self.file.persist(&self.target).map_err(|error| error.error)?;
        File::open(folder_of(&self.target))?.sync_all()
    }
}

fn folder_of(target: &Path) -> &Path {
    match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Removes what a killed run left below `folder`. Files that another run is writing stay.
pub fn remove_stale(folder: &Path) -> usize {
    let walker = ignore::WalkBuilder::new(folder).standard_filters(false).follow_links(false).build();
    let ours = walker.flatten().filter(|entry| {
        let name = entry.file_name().to_string_lossy();
        entry.file_type().is_some_and(|kind| kind.is_file())
            && name.starts_with(PREFIX)
            && name.ends_with(SUFFIX)
    });
    ours.filter(|entry| remove_if_abandoned(entry.path())).count()
}

fn remove_if_abandoned(path: &Path) -> bool {
    let Ok(file) = File::options().write(true).open(path) else { return false };
    match file.try_lock() {
        Ok(()) => std::fs::remove_file(path).is_ok(),
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Write;

    #[test]
    fn nothing_stands_under_the_final_name_before_publishing() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("sub/out.mp4");
        let staging = Staging::new(&target).unwrap();
        staging.descriptor().unwrap().write_all(b"video").unwrap();
        assert!(!target.exists());
        staging.publish().unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"video");
        assert_eq!(std::fs::read_dir(dir.path().join("sub")).unwrap().count(), 1);
    }

    #[test]
    fn a_dropped_staging_file_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        drop(Staging::new(&dir.path().join("out.mp4")).unwrap());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn only_abandoned_leftovers_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let busy = Staging::new(&dir.path().join("busy.mp4")).unwrap();
        let leftover = dir.path().join(".greenlit-abc.part");
        let mine = dir.path().join("greenlit.part");
        std::fs::write(&leftover, b"half").unwrap();
        std::fs::write(&mine, b"whole").unwrap();
        assert_eq!(remove_stale(dir.path()), 1);
        assert!(!leftover.exists());
        assert!(busy.path().exists());
        assert!(mine.exists());
    }
}
