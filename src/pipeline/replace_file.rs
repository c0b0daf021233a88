//! Gives a finished file a name that an earlier file has, without losing a file that must stay.
//!
//! Between a check of what has the name and a plain rename, another program can put a file there, which the rename
//! would delete. So the two files exchange their names, and what had the name is examined afterwards, when no other
//! file can take its place: if it must stay, the names are exchanged back.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The extension of a file that is being exchanged. Unlike staging files, a file with this name is never
/// removed as a leftover: after a kill it may be a file of the user.
pub const REPLACED: &str = "replaced";

/// How often a name that appears and disappears is tried.
const MAX_TRIES: u32 = 8;

/// What became of a finished file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// It has the name. What had the name before is deleted.
    Done,
    /// A file that must stay has the name, and the finished file still has its own.
    Kept,
    /// The names could not be exchanged back: the file that must stay now has this name.
    PutAside(PathBuf),
}

/// Gives the finished file `staged` the name `target` in the same folder. A file that has this name is deleted if
/// `may_replace` allows it, which gets the path and the metadata of that file, and stays otherwise.
///
/// On file systems that cannot exchange names, `may_replace` is asked just before the rename.
///
/// # Errors
/// Fails if a name cannot be changed; then both files keep their names.
pub fn replace(
    staged: &Path,
    target: &Path,
    may_replace: &dyn Fn(&Path, &Metadata) -> bool,
) -> io::Result<Replacement> {
    let made = identity(&std::fs::symlink_metadata(staged)?);
    for _ in 0..MAX_TRIES {
        match exchange(staged, target) {
            Ok(()) => return settle(staged, target, made, may_replace),
            Err(error) if is_unsupported(&error) => return rename_checked(staged, target, may_replace),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Err(_) => {}
        }
        // Where nothing has the name, nothing can be lost.
        match rename_with(staged, target, Flag::NoReplace) {
            Ok(()) => return Ok(Replacement::Done),
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Err(_) => {}
        }
    }
    Err(io::Error::other("another program creates and removes this file all the time"))
}

/// Examines the file that had the name before the exchange.
fn settle(
    staged: &Path,
    target: &Path,
    made: (u64, u64),
    may_replace: &dyn Fn(&Path, &Metadata) -> bool,
) -> io::Result<Replacement> {
    let before = std::fs::symlink_metadata(staged)?;
    if may_replace(staged, &before) {
        std::fs::remove_file(staged)?;
        return Ok(Replacement::Done);
    }
    let is_made = |path: &Path| std::fs::symlink_metadata(path).is_ok_and(|meta| identity(&meta) == made);
    if exchange(staged, target).is_ok() && is_made(staged) {
        return Ok(Replacement::Kept);
    }
    // A third file took the name meanwhile, or the finished file was removed.
    Ok(Replacement::PutAside(staged.to_owned()))
}

fn rename_checked(
    staged: &Path,
    target: &Path,
    may_replace: &dyn Fn(&Path, &Metadata) -> bool,
) -> io::Result<Replacement> {
    match std::fs::symlink_metadata(target) {
        Ok(meta) if !may_replace(target, &meta) => return Ok(Replacement::Kept),
        _ => {}
    }
    std::fs::rename(staged, target)?;
    Ok(Replacement::Done)
}

fn identity(meta: &Metadata) -> (u64, u64) {
    (meta.dev(), meta.ino())
}

/// Renames a file unless the new name exists.
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match rename_with(from, to, Flag::NoReplace) {
        Err(error) if is_unsupported(&error) => {
            // A second name fails where the name exists; then the first one is removed.
            std::fs::hard_link(from, to)?;
            std::fs::remove_file(from)
        }
        result => result,
    }
}

fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    rename_with(one, other, Flag::Exchange)
}

#[derive(Clone, Copy)]
enum Flag {
    NoReplace,
    Exchange,
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn rename_with(from: &Path, to: &Path, flag: Flag) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags};
    let flags = match flag {
        Flag::NoReplace => RenameFlags::NOREPLACE,
        Flag::Exchange => RenameFlags::EXCHANGE,
    };
    Ok(rustix::fs::renameat_with(CWD, from, CWD, to, flags)?)
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn rename_with(_from: &Path, _to: &Path, _flag: Flag) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Returns whether the file system or the kernel does not know the flag.
fn is_unsupported(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let unknown = [Errno::INVAL, Errno::NOSYS, Errno::NOTSUP, Errno::OPNOTSUPP].map(Errno::raw_os_error);
    error.kind() == io::ErrorKind::Unsupported
        || error.raw_os_error().is_some_and(|code| unknown.contains(&code))
}

/// Makes the names in a folder durable.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn files(dir: &Path) -> (PathBuf, PathBuf) {
        let (staged, target) = (dir.join("staged"), dir.join("target"));
        std::fs::write(&staged, b"made").unwrap();
        std::fs::write(&target, b"earlier").unwrap();
        (staged, target)
    }

    fn text(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn replaces_what_may_be_replaced_and_keeps_the_rest() {
        let dir = tempfile::tempdir().unwrap();
        let (staged, target) = files(dir.path());
        assert_eq!(replace(&staged, &target, &|_, _| false).unwrap(), Replacement::Kept);
        assert_eq!((text(&staged), text(&target)), ("made".into(), "earlier".into()));
        let is_earlier = |path: &Path, meta: &Metadata| text(path) == "earlier" && meta.len() == 7;
        assert_eq!(replace(&staged, &target, &is_earlier).unwrap(), Replacement::Done);
        assert_eq!(text(&target), "made");
        assert!(!staged.exists());
    }

    #[test]
    fn a_folder_or_a_link_that_appears_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (staged, target) = files(dir.path());
        let is_file = |_: &Path, meta: &Metadata| meta.is_file();
        std::fs::remove_file(&target).unwrap();
        std::fs::create_dir(&target).unwrap();
        std::fs::write(target.join("inside"), b"x").unwrap();
        assert_eq!(replace(&staged, &target, &is_file).unwrap(), Replacement::Kept);
        assert_eq!(text(&target.join("inside")), "x");
        std::fs::remove_dir_all(&target).unwrap();
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), &target).unwrap();
        assert_eq!(replace(&staged, &target, &is_file).unwrap(), Replacement::Kept);
        assert!(target.is_symlink());
        assert_eq!(text(&staged), "made");
    }

    #[test]
    fn a_third_file_that_takes_the_name_during_the_exchange_is_not_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let (staged, target) = files(dir.path());
        let third = dir.path().join("third");
        std::fs::write(&third, b"third").unwrap();
        let swap = |_: &Path, _: &Metadata| {
            std::fs::rename(&third, &target).unwrap();
            false
        };
        assert_eq!(replace(&staged, &target, &swap).unwrap(), Replacement::PutAside(staged.clone()));
        let mut left = [text(&staged), text(&target)];
        left.sort();
        assert_eq!(left, ["earlier", "third"]);
    }

    #[test]
    fn without_exchange_the_file_is_checked_before_the_rename() {
        let dir = tempfile::tempdir().unwrap();
        let (staged, target) = files(dir.path());
        assert_eq!(rename_checked(&staged, &target, &|_, _| false).unwrap(), Replacement::Kept);
        assert_eq!(text(&target), "earlier");
        assert_eq!(rename_checked(&staged, &target, &|_, _| true).unwrap(), Replacement::Done);
        assert_eq!(text(&target), "made");
    }

    #[test]
    fn a_file_that_another_program_puts_there_at_any_moment_is_not_lost() {
        for round in 0_u32..400 {
            let dir = tempfile::tempdir().unwrap();
            let (staged, target) = files(dir.path());
            let work = dir.path().join("work");
            std::fs::write(&work, b"work").unwrap();
            let start = std::sync::Barrier::new(2);
            let replacement = std::thread::scope(|scope| {
                scope.spawn(|| {
                    start.wait();
                    (0..round * 20).for_each(|_| std::hint::spin_loop());
                    std::fs::rename(&work, &target).unwrap();
                });
                start.wait();
                replace(&staged, &target, &|path, _| text(path) == "earlier").unwrap()
            });
            let left: Vec<String> =
                std::fs::read_dir(dir.path()).unwrap().map(|entry| text(&entry.unwrap().path())).collect();
            assert!(left.contains(&"work".to_owned()), "round {round}: {replacement:?}, {left:?}");
        }
    }
}
