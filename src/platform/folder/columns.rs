//! The columns of a manifest for a folder.

use crate::platform::Row;

/// The column with the name of the entry; the name of the video by default.
pub(super) const ENTRY: &str = "entry";
/// The column with a remark for the recipient.
pub(super) const NOTE: &str = "note";

/// Returns the name of the entry that a row asks for.
pub(super) fn entry_name(row: &Row) -> String {
    match row.text(ENTRY) {
        "" => row.video.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        name => name.to_owned(),
    }
}
