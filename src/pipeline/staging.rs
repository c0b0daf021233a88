//! Writes outputs to temporary files beside their targets and renames them after verification.
//!
//! A staging file is in the target's folder, so that the rename is atomic, and is locked while it is written. The
//! kernel releases the lock when the process ends, so the next run can distinguish a leftover from a file that
//! another run is writing.

use std::fs::{File, Metadata, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use tempfile::NamedTempFile;

use super::replace_file::{REPLACED, Replacement, rename_new, replace, sync_folder};

const PREFIX: &str = ".greenlit-";
const SUFFIX: &str = ".part";

/// An output without its final name. Deleted on drop.
#[derive(Debug)]
pub struct Staging {
    file: NamedTempFile,
    target: PathBuf,
}

impl Staging {
    /// Creates an empty staging file for `target`, and the folder if it does not exist.
    pub fn new(target: &Path) -> io::Result<Staging> {
        let folder = folder_of(target);
        std::fs::create_dir_all(folder)?;
        // The mask of the process decides who may read an output, as for every new file.
        let file = tempfile::Builder::new()
            .prefix(PREFIX)
            .suffix(SUFFIX)
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)?;
        file.as_file().lock()?;
        Ok(Staging { file, target: target.to_owned() })
    }

    /// Returns a second descriptor of the open file for the writer.
    pub fn descriptor(&self) -> io::Result<File> {
        self.file.as_file().try_clone()
    }

    /// Opens the file for reading only, for those who must not change it.
    ///
    /// # Errors
    ///
    /// Fails also when another file has its name.
    pub fn reader(&self) -> io::Result<File> {
        let reader = File::open(self.file.path())?;
        let (opened, own) = (reader.metadata()?, self.file.as_file().metadata()?);
        if (opened.dev(), opened.ino()) != (own.dev(), own.ino()) {
            return Err(io::Error::other("the staging file was replaced"));
        }
        Ok(reader)
    }

    /// Returns the path that the output will have.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Returns the path of the staging file.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Gives the file its final name and deletes an earlier file of this name, if `may_replace` allows it. Syncs the
    /// content before the rename and the folder after it. Otherwise the file that has the name stays, and the
    /// staging file is deleted.
    pub fn publish_over(self, may_replace: &dyn Fn(&Path, &Metadata) -> bool) -> io::Result<Replacement> {
        self.complete()?;
        let Staging { file, target } = self;
        // Under its present name, a file that comes out of the exchange would be removed as a leftover after a kill.
        let (locked, staged) = file.keep().map_err(|error| error.error)?;
        let mut exchanged = staged.clone();
        exchanged.set_extension(REPLACED);
        let renamed = rename_new(&staged, &exchanged);
        let replaced = match renamed {
            Ok(()) => replace(&exchanged, &target, may_replace),
            Err(error) => {
                let _ = std::fs::remove_file(&staged);
                return Err(error);
            }
        };
        match &replaced {
            Ok(Replacement::Done) => sync_folder(folder_of(&target))?,
            Ok(Replacement::PutAside(_)) => {}
            // Both names are as before.
            Ok(Replacement::Kept) | Err(_) => drop(std::fs::remove_file(&exchanged)),
        }
        drop(locked);
        replaced
    }

    /// Gives the file its final name, but never replaces a file: with the error `AlreadyExists` the staging file is
    /// deleted.
    pub fn publish_new(self) -> io::Result<()> {
        self.complete()?;
        self.file.persist_noclobber(&self.target).map_err(|error| error.error)?;
        sync_folder(folder_of(&self.target))
    }

    fn complete(&self) -> io::Result<()> {
        self.file.as_file().sync_all()
    }
}

fn folder_of(target: &Path) -> &Path {
    match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Removes staging files that killed runs left below `folder`, and returns their number. Files that another run is
/// writing are kept.
pub fn remove_stale(folder: &Path) -> usize {
    let walker = ignore::WalkBuilder::new(folder).standard_filters(false).follow_links(false).build();
    let leftovers = walker.flatten().filter(|entry| {
        let name = entry.file_name().to_string_lossy();
        entry.file_type().is_some_and(|kind| kind.is_file())
            && name.starts_with(PREFIX)
            && name.ends_with(SUFFIX)
    });
    leftovers.filter(|entry| remove_if_abandoned(entry.path())).count()
}

fn remove_if_abandoned(path: &Path) -> bool {
    let options = File::options().write(true).custom_flags(OFlags::NOFOLLOW.bits().cast_signed()).to_owned();
    let Ok(file) = options.open(path) else { return false };
    let user = rustix::process::geteuid().as_raw();
    if !file.metadata().is_ok_and(|meta| meta.is_file() && meta.uid() == user) {
        return false;
    }
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
    fn the_final_name_does_not_exist_before_publishing() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("sub/out.mp4");
        let staging = Staging::new(&target).unwrap();
        staging.descriptor().unwrap().write_all(b"video").unwrap();
        assert!(!target.exists());
        staging.publish_new().unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"video");
        assert_eq!(std::fs::read_dir(dir.path().join("sub")).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_must_stay_keeps_its_name_and_the_staging_file_is_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out.mp4");
        std::fs::write(&target, b"earlier").unwrap();
        for (allowed, expected, content) in
            [(false, Replacement::Kept, "earlier"), (true, Replacement::Done, "video")]
        {
            let staging = Staging::new(&target).unwrap();
            staging.descriptor().unwrap().write_all(b"video").unwrap();
            assert_eq!(staging.publish_over(&|_, _| allowed).unwrap(), expected);
            assert_eq!(std::fs::read_to_string(&target).unwrap(), content);
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_dropped_staging_file_is_deleted() {
        let dir = tempfile::tempdir().unwrap();
        drop(Staging::new(&dir.path().join("out.mp4")).unwrap());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn removes_only_abandoned_staging_files() {
        let dir = tempfile::tempdir().unwrap();
        let busy = Staging::new(&dir.path().join("busy.mp4")).unwrap();
        let leftover = dir.path().join(".greenlit-abc.part");
        let unrelated = dir.path().join("greenlit.part");
        std::fs::write(&leftover, b"half").unwrap();
        std::fs::write(&unrelated, b"whole").unwrap();
        assert_eq!(remove_stale(dir.path()), 1);
        assert!(!leftover.exists());
        assert!(busy.path().exists());
        assert!(unrelated.exists());
    }
}
