//! The port that prepares files for shipping.

use std::path::Path;

use super::PrepareError;
use crate::plan::EncodeMode;
use crate::rules::{CoverImage, ValidatedAsset, ValidatedCover};

/// Prepares files for shipping. The methods block; they are called from a blocking thread.
pub trait AssetPreparer: Send + Sync {
    /// Returns a validated file in an encode mode: as planned first, the others after failed processing.
    fn prepare(&self, source: &Path, encode_mode: EncodeMode) -> Result<ValidatedAsset, PrepareError>;
    /// Makes a cover image with the aspect ratio of the video, and checks it.
    fn cover(&self, asset: &ValidatedAsset) -> Result<ValidatedCover, PrepareError>;
    /// Checks whether an image can be the cover of `asset`.
    fn check_cover(&self, image: CoverImage, asset: &ValidatedAsset) -> Result<ValidatedCover, PrepareError>;
}
