//! The proof that a file may be sent.

use std::path::{Path, PathBuf};

use crate::model::{ContentHash, Size};

/// A file whose bytes were assessed as compliant with a profile.
///
/// Only an assessment can make one, so whoever takes a `ValidatedAsset` cannot be handed an
/// unchecked file. It is bound to the bytes by their hash: the uploader hashes what it sends and
/// refuses when the hash differs.
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
    pub(in crate::rules) fn new(
        path: PathBuf,
        content: ContentHash,
        profile_id: String,
        profile_hash: String,
        display_size: Option<Size>,
        duration_s: Option<f64>,
    ) -> ValidatedAsset {
        ValidatedAsset { path, content, profile_id, profile_hash, display_size, duration_s }
    }

    /// A token for tests of what happens after validation.
    #[cfg(test)]
    pub(crate) fn for_test(path: PathBuf, content: ContentHash, size: Size) -> ValidatedAsset {
        ValidatedAsset::new(path, content, "test".into(), "test".into(), Some(size), Some(1.0))
    }

    /// Where the bytes lie.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The identity of the bytes that were assessed.
    pub fn content(&self) -> &ContentHash {
        &self.content
    }

    /// The profile the file complies with.
    pub fn profile_id(&self) -> &str {
        &self.profile_id
    }

    /// The hash of that profile's limits, so that a changed profile is noticed.
    pub fn profile_hash(&self) -> &str {
        &self.profile_hash
    }

    /// The size of the picture as shown: a cover must have the same ratio.
    pub fn display_size(&self) -> Option<Size> {
        self.display_size
    }

    /// The duration in seconds.
    pub fn duration_s(&self) -> Option<f64> {
        self.duration_s
    }
}
