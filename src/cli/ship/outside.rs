//! Refuses rows of a manifest whose files lie outside the manifest's folder.
//!
//! The author of a manifest chooses what is uploaded. One that came with a folder may name files of that folder,
//! not the private ones of the person who ships it.

use std::path::Path;

use crate::cli::error::CliError;
use crate::platform::Row;

/// Rows that a message names.
const NAMED_ROWS: usize = 5;

/// Fails if a video or a cover, followed through links, is not below the folder of the manifest.
///
/// # Errors
/// [`CliError::Usage`] with the first such rows.
pub fn refuse_outside(manifest: &Path, rows: &[Row]) -> Result<(), CliError> {
    let folder = manifest.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(folder) = folder.canonicalize() else { return Ok(()) };
    // A file that does not exist is told by the checks of the rows.
    let is_outside = |path: &Path| path.canonicalize().is_ok_and(|path| !path.starts_with(&folder));
    let files = |row: &Row| [Some(row.video.clone()), row.cover.clone()].into_iter().flatten();
    let outside: Vec<String> = rows
        .iter()
        .flat_map(|row| files(row).map(|path| (row.place(), path)))
        .filter(|(_, path)| is_outside(path))
        .map(|(row, path)| format!("{row}: {}", path.display()))
        .collect();
    if outside.is_empty() {
        return Ok(());
    }
    let more = match outside.len().saturating_sub(NAMED_ROWS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Err(CliError::Usage(format!(
        "{} names files outside its folder ({}{more}): move them into the folder, or allow it with \
         --allow-outside",
        manifest.display(),
        outside.into_iter().take(NAMED_ROWS).collect::<Vec<_>>().join("; ")
    )))
}
