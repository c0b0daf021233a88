//! The proof that an image may be uploaded as a cover.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use md5::{Digest, Md5};

use crate::model::ContentHash;

/// An image that was read into memory, with the hash of these bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct CoverImage {
    path: PathBuf,
    bytes: Arc<[u8]>,
    content: ContentHash,
}

impl CoverImage {
    /// Hashes the bytes that were read from `path`, which is only a name from here on.
    pub fn new(path: &Path, bytes: Vec<u8>) -> CoverImage {
        let content = ContentHash {
            blake3: blake3::hash(&bytes).to_hex().to_string(),
            md5: Md5::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect(),
            size_bytes: bytes.len() as u64,
        };
        CoverImage { path: path.to_owned(), bytes: bytes.into(), content }
    }

    /// Returns the path that the image was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the hash of the bytes.
    pub fn content(&self) -> &ContentHash {
        &self.content
    }
}

/// A cover whose bytes were assessed as suitable for a video.
///
/// Only an [`Assessment`](super::Assessment) can create one. It holds the bytes themselves, so what is sent is what was
/// assessed and hashed, whatever happens to the file meanwhile.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidatedCover(CoverImage);

impl ValidatedCover {
    pub(super) fn new(image: CoverImage) -> ValidatedCover {
        ValidatedCover(image)
    }

    /// Creates a proof for tests of later stages.
    #[cfg(test)]
    pub(crate) fn for_test(path: &Path, bytes: Vec<u8>) -> ValidatedCover {
        ValidatedCover(CoverImage::new(path, bytes))
    }

    /// Returns the image.
    pub fn image(&self) -> &CoverImage {
        &self.0
    }
}
