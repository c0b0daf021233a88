//! Opens the journal, and the folder of the project's state, only where no other user can have prepared them.

use std::path::{Path, PathBuf};

use super::error::CliError;
use super::sandbox::operation;
use super::settings::Settings;
use crate::ship::{Journal, JournalError, Wait};
use crate::state_folder::{
    StateError, create_folder, create_inner, prepare_file, verify_file, verify_folder, verify_inner,
};

/// Suffixes of the journal, which is the first, and of the files that lie beside it.
const FILES: [&str; 5] = ["", ".lock", "-wal", "-shm", "-journal"];

/// Opens the journal at `path`. One that was `typed` on the command line is trusted; another must be the user's,
/// in a folder that no other user can write to, and not a link.
///
/// # Errors
/// [`CliError::Operation`] if it is not trusted, in use or damaged.
pub fn open(settings: &Settings, path: &Path, typed: bool, wait: Wait) -> Result<Journal, CliError> {
    if typed {
        std::fs::create_dir_all(folder_of(path)).map_err(|source| cannot_open(path, source))?;
    } else {
        prepare(settings, path).map_err(|source| cannot_open(path, source))?;
    }
    Journal::open(path, wait).map_err(|source| unusable(path, source))
}

/// Reads the journal at `path` as of now, also while a run uses it, under the same conditions as [`open`]. Nothing is
/// created or changed. Returns `None` if there is no journal.
///
/// # Errors
/// [`CliError::Operation`] if it is not trusted or damaged.
pub fn snapshot(settings: &Settings, path: &Path, typed: bool) -> Result<Option<Journal>, CliError> {
    if !path.exists() {
        return Ok(None);
    }
    if !typed {
        verify(settings, path).map_err(|source| cannot_open(path, source))?;
    }
    Journal::snapshot(path).map(Some).map_err(|source| unusable(path, source))
}

/// Returns the error for a journal that cannot be used, which names its path once.
fn unusable(path: &Path, source: JournalError) -> CliError {
    match source {
        JournalError::Held { .. } | JournalError::Open { .. } | JournalError::TooNew { .. } => {
            operation("cannot open the journal", source)
        }
        _ => cannot_open(path, source),
    }
}

fn cannot_open(path: &Path, source: impl std::error::Error + Send + Sync + 'static) -> CliError {
    operation(&format!("cannot open the journal {}", path.display()), source)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn prepare(settings: &Settings, path: &Path) -> Result<(), StateError> {
    let (state, folder) = (settings.state_folder(), folder_of(path));
    if folder.starts_with(&state) {
        create_inside(&state, folder)?;
    } else {
        std::fs::create_dir_all(folder)
            .map_err(|source| StateError::Io { path: folder.to_owned(), source })?;
    }
    verify(settings, path)?;
    prepare_file(path)
}

/// Verifies the folders and files of a journal without creating any.
fn verify(settings: &Settings, path: &Path) -> Result<(), StateError> {
    let (state, folder) = (settings.state_folder(), folder_of(path));
    if folder.starts_with(&state) {
        folders_inside(&state, folder).try_for_each(|folder| verify_inner(&folder))?;
        verify_folder(&state)?;
    } else {
        verify_folder(folder)?;
    }
    FILES.iter().try_for_each(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        verify_file(&PathBuf::from(name))
    })
}

/// Creates `folder` inside the folder of state, and verifies every folder on the way.
///
/// # Errors
/// [`StateError`] for the first one that is not trusted.
pub fn create_inside(state: &Path, folder: &Path) -> Result<(), StateError> {
    create_folder(state)?;
    folders_inside(state, folder).try_for_each(|folder| create_inner(&folder))
}

/// Returns the folder of state and every folder on the way to `folder` inside it.
fn folders_inside(state: &Path, folder: &Path) -> impl Iterator<Item = PathBuf> {
    let parts = folder.strip_prefix(state).unwrap_or(Path::new("")).components();
    let inside = parts.scan(state.to_owned(), |at, part| {
        at.push(part);
        Some(at.clone())
    });
    std::iter::once(state.to_owned()).chain(inside.collect::<Vec<_>>())
}
