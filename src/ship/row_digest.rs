//! The digest of what the publication of a row shows.

use super::cover_file::{CoverRead, read_cover};
use crate::platform::{Platform, Row};

/// Returns a digest of what the publication of a row shows; a cover counts by its bytes.
pub(super) fn digest(platform: &dyn Platform, row: &Row) -> String {
    let cover = row.cover.as_deref().zip(platform.cover());
    digest_with(platform, row, &cover.map(|(path, limits)| read_cover(path, limits.bytes)))
}

/// Returns a digest of what the publication of a row shows, with the cover that was read.
pub(super) fn digest_with(platform: &dyn Platform, row: &Row, cover: &CoverRead) -> String {
    match cover {
        None => platform.digest(row, ""),
        Some(Ok(image)) => platform.digest(row, &image.content().blake3),
        Some(Err(_)) => {
            let path = row.cover.as_deref().map(|path| path.to_string_lossy());
            platform.digest(row, &path.unwrap_or_default())
        }
    }
}
