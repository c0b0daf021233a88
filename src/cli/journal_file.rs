//! Opens the journal, and the folder of the project's state, only where no other user can have prepared them.

use std::path::{Path, PathBuf};

use super::error::CliError;
use super::sandbox::operation;
use super::settings::Settings;
use crate::ship::{Journal, Wait};
use crate::state_folder::{
    StateError, create_folder, create_inner, prepare_file, verify_file, verify_folder,
};

/// Suffixes of the files that lie beside the journal.
const BESIDE: [&str; 4] = [".lock", "-wal", "-shm", "-journal"];

/// Opens the journal at `path`. One that was `typed` on the command line is trusted; another must be the user's,
/// in a folder that no other user can write to, and not a link.
///
/// # Errors
/// [`CliError::Operation`] if it is not trusted, in use or damaged.
pub fn open(settings: &Settings, path: &Path, typed: bool, wait: Wait) -> Result<Journal, CliError> {
    let cannot_open = || format!("cannot open the journal {}", path.display());
    if typed {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|source| operation(&cannot_open(), source))?;
    } else {
        prepare(settings, path).map_err(|source| operation(&cannot_open(), source))?;
    }
    Journal::open(path, wait).map_err(|source| operation(&cannot_open(), source))
}

fn prepare(settings: &Settings, path: &Path) -> Result<(), StateError> {
    let state = settings.state_folder();
    let folder = path.parent().unwrap_or(Path::new("."));
    if folder.starts_with(&state) {
        create_inside(&state, folder)?;
    } else {
        std::fs::create_dir_all(folder)
            .map_err(|source| StateError::Io { path: folder.to_owned(), source })?;
        verify_folder(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?;
    }
    for suffix in BESIDE {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        verify_file(&PathBuf::from(name))?;
    }
    prepare_file(path)
}

/// Creates `folder` inside the folder of state, and verifies every folder on the way.
///
/// # Errors
/// [`StateError`] for the first one that is not trusted.
pub fn create_inside(state: &Path, folder: &Path) -> Result<(), StateError> {
    create_folder(state)?;
    let mut at = state.to_owned();
    for part in folder.strip_prefix(state).unwrap_or(Path::new("")) {
        at.push(part);
        create_inner(&at)?;
    }
    Ok(())
}
