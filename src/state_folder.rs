//! Opens folders and files of greenlit's own state so that no other user can have prepared them.
//!
//! A folder from elsewhere may contain a `.greenlit` whose links lead to private files. State is therefore opened
//! without following links, only where it belongs to the user, and is closed to other users.

use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// Permissions of a folder of state.
const FOLDER_MODE: u32 = 0o700;
/// Permissions of a file of state.
const FILE_MODE: u32 = 0o600;
const OPEN_TO_OTHERS: u32 = 0o077;
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Why a folder or file of state is not used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It is a link, which may lead anywhere.
    #[error("{path} is a link, and state is not kept behind links: remove it, then run again")]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// It is neither a folder nor a regular file, as it must be.
    #[error("{path} is not a {expected}: remove it, then run again")]
    Kind {
        /// The path.
        path: PathBuf,
        /// `folder` or `regular file`.
        expected: &'static str,
    },
    /// It belongs to somebody else.
    #[error(
        "{path} belongs to the user with id {owner}, not to you (id {user}): change its owner, or run where you may \
         keep state of your own"
    )]
    Owner {
        /// The path.
        path: PathBuf,
        /// Id of its owner.
        owner: u32,
        /// Id of the user of this process.
        user: u32,
    },
    /// Other users may change what is in it.
    #[error("other users may write to {path}: take that permission away (chmod go-w)")]
    Writable {
        /// The folder.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("{path}: {source}")]
    Io {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl From<StateError> for io::Error {
    fn from(error: StateError) -> io::Error {
        match error {
            StateError::Io { source, .. } => source,
            other => io::Error::new(io::ErrorKind::PermissionDenied, other),
        }
    }
}

/// Creates a folder that greenlit names itself, or verifies the one that is there and closes it to other users.
/// Folders above it are created with the usual permissions.
///
/// # Errors
/// [`StateError`] if it is a link, no folder, somebody else's, or cannot be created.
pub fn create_folder(path: &Path) -> Result<(), StateError> {
    create_inner(path)?;
    let failed = |source| StateError::Io { path: path.to_owned(), source };
    let folder = open_folder(path)?;
    if folder.metadata().map_err(failed)?.mode() & OPEN_TO_OTHERS != 0 {
        folder.set_permissions(Permissions::from_mode(FOLDER_MODE)).map_err(failed)?;
    }
    Ok(())
}

/// Like [`create_folder`] for a folder inside such a one, or one that the user named: it keeps its permissions.
///
/// # Errors
/// As [`create_folder`].
pub fn create_inner(path: &Path) -> Result<(), StateError> {
    let failed = |source| StateError::Io { path: path.to_owned(), source };
    if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
        std::fs::create_dir_all(above).map_err(failed)?;
    }
    match DirBuilder::new().mode(FOLDER_MODE).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(error)),
        _ => verify_inner(path),
    }
}

/// Verifies a folder that [`create_folder`] or [`create_inner`] created.
///
/// # Errors
/// [`StateError`] if it is a link, no folder or somebody else's.
pub fn verify_inner(path: &Path) -> Result<(), StateError> {
    let meta = open_folder(path)?.metadata();
    require_owner(path, &meta.map_err(|source| StateError::Io { path: path.to_owned(), source })?)
}

/// Verifies that everything in a folder is a regular file, so that its paths lead nowhere else.
///
/// # Errors
/// [`StateError`] for the first entry that is not.
pub fn verify_only_files(path: &Path) -> Result<(), StateError> {
    let failed = |source| StateError::Io { path: path.to_owned(), source };
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_symlink() {
            return Err(StateError::Link { path: entry.path() });
        }
        if !kind.is_file() {
            return Err(StateError::Kind { path: entry.path(), expected: "regular file" });
        }
    }
    Ok(())
}

/// Verifies a folder that a configuration names for state: the user's, and writable by no other user.
///
/// # Errors
/// [`StateError`] if it is somebody else's or others may write to it.
pub fn verify_folder(path: &Path) -> Result<(), StateError> {
    let failed = |source| StateError::Io { path: path.to_owned(), source };
    let meta = path.metadata().map_err(failed)?;
    require_owner(path, &meta)?;
    match meta.mode() & WRITABLE_BY_OTHERS {
        0 => Ok(()),
        _ => Err(StateError::Writable { path: path.to_owned() }),
    }
}

fn open_folder(path: &Path) -> Result<File, StateError> {
    let flags = (OFlags::DIRECTORY | OFlags::NOFOLLOW).bits();
    OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path).map_err(|source| {
        let path = path.to_owned();
        match path.symlink_metadata() {
            Ok(meta) if meta.is_symlink() => StateError::Link { path },
            Ok(meta) if !meta.is_dir() => StateError::Kind { path, expected: "folder" },
            _ => StateError::Io { path, source },
        }
    })
}

/// Opens a file of state with `options`, not through a link. A new file can be read only by the user.
///
/// # Errors
/// [`StateError`] if it is a link, no regular file or somebody else's, or cannot be opened.
pub fn open_file(path: &Path, options: &OpenOptions) -> Result<File, StateError> {
    // A FIFO would block until somebody else opens it, too.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let options = options.clone().mode(FILE_MODE).custom_flags(flags.cast_signed()).to_owned();
    let file = options.open(path).map_err(|source| {
        let path = path.to_owned();
        match path.symlink_metadata() {
            Ok(meta) if meta.is_symlink() => StateError::Link { path },
            Ok(meta) if !meta.is_file() => StateError::Kind { path, expected: "regular file" },
            _ => StateError::Io { path, source },
        }
    })?;
    let meta = file.metadata().map_err(|source| StateError::Io { path: path.to_owned(), source })?;
    if !meta.is_file() {
        return Err(StateError::Kind { path: path.to_owned(), expected: "regular file" });
    }
    require_owner(path, &meta)?;
    Ok(file)
}

/// Creates a file of state that a library opens by its path, or verifies the one that is there, and closes it to
/// other users.
///
/// # Errors
/// As [`open_file`].
pub fn prepare_file(path: &Path) -> Result<(), StateError> {
    let file = open_file(path, OpenOptions::new().create(true).truncate(false).write(true).read(true))?;
    let failed = |source| StateError::Io { path: path.to_owned(), source };
    if file.metadata().map_err(failed)?.mode() & OPEN_TO_OTHERS != 0 {
        file.set_permissions(Permissions::from_mode(FILE_MODE)).map_err(failed)?;
    }
    Ok(())
}

/// Verifies a file of state if there is one.
///
/// # Errors
/// As [`open_file`].
pub fn verify_file(path: &Path) -> Result<(), StateError> {
    match open_file(path, OpenOptions::new().read(true)) {
        Err(StateError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(()),
        opened => opened.map(drop),
    }
}

fn require_owner(path: &Path, meta: &Metadata) -> Result<(), StateError> {
    let user = rustix::process::geteuid().as_raw();
    if meta.uid() == user {
        return Ok(());
    }
    Err(StateError::Owner { path: path.to_owned(), owner: meta.uid(), user })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::{chown, symlink};

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().mode() & 0o777
    }

    fn append() -> OpenOptions {
        File::options().append(true).create(true).to_owned()
    }

    #[test]
    fn folders_and_files_are_closed_to_others() {
        let top = tempfile::tempdir().unwrap();
        let folder = top.path().join("a/.greenlit");
        create_folder(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700);
        std::fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        create_folder(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700);
        drop(open_file(&folder.join("one"), &append()).unwrap());
        std::fs::write(folder.join("two"), "kept").unwrap();
        std::fs::set_permissions(folder.join("two"), Permissions::from_mode(0o644)).unwrap();
        prepare_file(&folder.join("two")).unwrap();
        assert_eq!((mode(&folder.join("one")), mode(&folder.join("two"))), (0o600, 0o600));
        assert_eq!(std::fs::read_to_string(folder.join("two")).unwrap(), "kept");
    }

    #[test]
    fn links_are_refused_and_their_targets_stay() {
        let top = tempfile::tempdir().unwrap();
        let private = top.path().join("private");
        std::fs::create_dir(&private).unwrap();
        std::fs::write(private.join("thesis"), "text").unwrap();
        symlink(&private, top.path().join(".greenlit")).unwrap();
        assert!(matches!(create_folder(&top.path().join(".greenlit")), Err(StateError::Link { .. })));
        symlink(private.join("thesis"), top.path().join("fix.jsonl")).unwrap();
        for opened in [
            open_file(&top.path().join("fix.jsonl"), &append()).map(drop),
            prepare_file(&top.path().join("fix.jsonl")),
            verify_file(&top.path().join("fix.jsonl")),
        ] {
            assert!(matches!(opened, Err(StateError::Link { .. })), "{opened:?}");
        }
        symlink(top.path().join("nothing"), top.path().join("dangling")).unwrap();
        assert!(open_file(&top.path().join("dangling"), &append()).is_err());
        assert!(!top.path().join("nothing").exists());
        assert_eq!(std::fs::read_to_string(private.join("thesis")).unwrap(), "text");
    }

    #[test]
    fn what_is_no_folder_and_no_file_is_refused() {
        let top = tempfile::tempdir().unwrap();
        std::fs::write(top.path().join("file"), "").unwrap();
        assert!(matches!(create_folder(&top.path().join("file")), Err(StateError::Kind { .. })));
        rustix::fs::mknodat(
            rustix::fs::CWD,
            top.path().join("fifo"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        assert!(matches!(verify_file(&top.path().join("fifo")), Err(StateError::Kind { .. })));
        assert!(matches!(prepare_file(&top.path().join("fifo")), Err(StateError::Kind { .. })));
        assert!(verify_file(&top.path().join("missing")).is_ok());
    }

    #[test]
    fn a_folder_or_file_of_another_user_is_refused() {
        let top = tempfile::tempdir().unwrap();
        let folder = top.path().join("theirs");
        create_folder(&folder).unwrap();
        std::fs::set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(verify_folder(&folder), Err(StateError::Writable { .. })));
        // Only root can give a file away.
        if chown(&folder, Some(65_533), None).is_ok() {
            assert!(matches!(create_folder(&folder), Err(StateError::Owner { owner: 65_533, .. })));
            assert!(matches!(verify_folder(&folder), Err(StateError::Owner { .. })));
            std::fs::write(top.path().join("file"), "").unwrap();
            chown(top.path().join("file"), Some(65_533), None).unwrap();
            assert!(matches!(open_file(&top.path().join("file"), &append()), Err(StateError::Owner { .. })));
        }
    }
}
