//! How a still image is written.

use serde::{Deserialize, Serialize};

use super::frame::{Canvas, CropMargins};
use crate::model::{Flip, ImageFormat, Rotation, Size};

/// How a still image is processed and written. The steps run in the order of the fields, after the conversion of its
/// colours to sRGB; the output has no metadata.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageEncode {
    /// The format of the source, which decides on its decoder.
    pub from: ImageFormat,
    /// The size of the source as it is coded.
    pub coded: Size,
    /// The colour behind transparent pixels, `RRGGBB`; `None` if the output keeps them or there are none.
    pub alpha_background: Option<String>,
    /// The flip to apply, so that viewers need not.
    pub flip: Option<Flip>,
    /// The clockwise rotation to apply, so that viewers need not.
    pub rotate: Rotation,
    /// The margins to cut off, after rotation.
    pub crop: Option<CropMargins>,
    /// Scale the image to this size.
    pub scale: Size,
    /// Centre the scaled image in a larger one.
    pub canvas: Option<Canvas>,
}

impl ImageEncode {
    /// Returns the size of the output.
    pub fn frame(&self) -> Size {
        self.canvas.as_ref().map_or(self.scale, |canvas| canvas.size)
    }
}
