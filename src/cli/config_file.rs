//! Finds the configuration, and opens only one that the user can trust.
//!
//! A configuration decides which file holds the token and where outputs go. One that somebody else left in a
//! shared folder is refused by its owner instead of being obeyed or skipped.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::config_error::ConfigError;

/// File name of the configuration, searched in the working directory and its parents.
pub const FILE_NAME: &str = "greenlit.toml";

const ROOT: u32 = 0;
const WRITABLE_BY_OTHERS: u32 = 0o002;

/// Returns the nearest configuration in `start` and its parents, up to the root of the repository or the home
/// folder where `start` is below one of them.
pub fn find(start: &Path, home: Option<&Path>) -> Option<PathBuf> {
    for folder in start.ancestors() {
        let candidate = folder.join(FILE_NAME);
        if candidate.is_file() {
            return Some(candidate);
        }
        if folder.join(".git").exists() || is_same_folder(folder, home) {
            return None;
        }
    }
    None
}

fn is_same_folder(folder: &Path, home: Option<&Path>) -> bool {
    let canonical = |path: &Path| path.canonicalize().ok();
    home.is_some_and(|home| {
        folder == home || canonical(folder).is_some_and(|one| canonical(home) == Some(one))
    })
}

/// Reads a configuration that was found, not named.
///
/// # Errors
/// [`ConfigError::Owner`] for a file of another user, [`ConfigError::Writable`] for one that everybody may change.
pub fn read_found(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |source: io::Error| ConfigError::Read { path: path.to_owned(), source };
    let user = rustix::process::geteuid().as_raw();
    let link = path.symlink_metadata().map_err(unreadable)?;
    let mut file = File::open(path).map_err(unreadable)?;
    let target = file.metadata().map_err(unreadable)?;
    judge(path, &link, user)?;
    judge(path, &target, user)?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

fn judge(path: &Path, meta: &Metadata, user: u32) -> Result<(), ConfigError> {
    if meta.uid() != user && meta.uid() != ROOT {
        return Err(ConfigError::Owner { path: path.to_owned(), owner: meta.uid(), user });
    }
    // The permissions of a link itself mean nothing.
    if meta.is_file() && meta.mode() & WRITABLE_BY_OTHERS != 0 {
        return Err(ConfigError::Writable { path: path.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_search_ends_at_the_repository_and_at_the_home_folder() {
        let top = tempfile::tempdir().unwrap();
        let inner = top.path().join("project/clips");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::write(top.path().join(FILE_NAME), "").unwrap();
        assert_eq!(find(&inner, None), Some(top.path().join(FILE_NAME)));
        assert_eq!(find(&inner, Some(&top.path().join("project"))), None);
        std::fs::create_dir(top.path().join("project/.git")).unwrap();
        assert_eq!(find(&inner, None), None);
        std::fs::write(top.path().join("project").join(FILE_NAME), "").unwrap();
        assert_eq!(
            find(&inner, None),
            Some(top.path().join("project").join(FILE_NAME)),
            "the root itself counts"
        );
    }

    #[test]
    fn a_file_that_everybody_may_change_is_refused() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join(FILE_NAME);
        std::fs::write(&path, "[check]\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o664)).unwrap();
        assert_eq!(read_found(&path).unwrap(), "[check]\n");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert!(matches!(read_found(&path), Err(ConfigError::Writable { .. })));
    }

    #[test]
    fn a_file_or_a_link_of_another_user_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let meta = file.as_file().metadata().unwrap();
        let me = rustix::process::geteuid().as_raw();
        assert!(judge(file.path(), &meta, me).is_ok());
        if me == ROOT {
            std::os::unix::fs::chown(file.path(), Some(65_533), None).unwrap();
        }
        let meta = file.as_file().metadata().unwrap();
        let other = me.wrapping_add(1).max(1);
        assert!(matches!(judge(file.path(), &meta, other), Err(ConfigError::Owner { .. })));
    }
}
