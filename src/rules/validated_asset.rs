//! The proof that a file may be uploaded.

use std::path::{Path, PathBuf};

use crate::model::{ContentHash, Size};

/// A file whose bytes were assessed as compliant with a profile.
///
/// Only an [`Assessment`](super::Assessment) can create one, so a function that takes a
/// `ValidatedAsset` never gets an unchecked file. The hash binds it to the bytes: the uploader hashes
/// what it sends and stops if the hash differs.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidatedAsset {
    path: PathBuf,
    content: ContentHash,
    profile_id: String,
    profile_hash: String,
    display_size: Option<Size>,
    duration_s: Option<f64>,
}

impl ValidatedAsset {
    pub(super) fn new(
        path: PathBuf,
        content: ContentHash,
        profile_id: String,
        profile_hash: String,
        display_size: Option<Size>,
        duration_s: Option<f64>,
    ) -> ValidatedAsset {
        ValidatedAsset { path, content, profile_id, profile_hash, display_size, duration_s }
    }

    /// Creates a proof for tests of later stages.
    #[cfg(test)]
    pub(crate) fn for_test(path: PathBuf, content: ContentHash, size: Size) -> ValidatedAsset {
        ValidatedAsset::new(path, content, "test".into(), "test".into(), Some(size), Some(1.0))
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the hash of the assessed bytes.
    pub fn content(&self) -> &ContentHash {
        &self.content
    }

    /// Returns the id of the profile that the file complies with.
    pub fn profile_id(&self) -> &str {
        &self.profile_id
    }

    /// Returns the hash of that profile's limits, which detects a changed profile.
    pub fn profile_hash(&self) -> &str {
        &self.profile_hash
    }

    /// Returns the display size; a cover must have the same aspect ratio.
    pub fn display_size(&self) -> Option<Size> {
        self.display_size
    }

    /// Returns the duration in seconds.
    pub fn duration_s(&self) -> Option<f64> {
        self.duration_s
    }
}
