//! The format of decoded frames, and how the two scalers read it.

use crate::model::{Matrix, Primaries, Transfer};

/// The format of the frames that enter the graph. Any change requires a new graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameFormat {
    /// Size of the frame.
    pub size: (u32, u32),
    /// FFmpeg's pixel format number.
    pub pixel_format: i32,
    /// Sample aspect ratio, 1:1 where unknown.
    pub sample_aspect_ratio: (u32, u32),
    /// Whether the pixel format is planar YUV that zimg accepts.
    pub zimg: bool,
    /// Whether samples span the full range.
    pub full_range: bool,
    /// The matrix, declared or assumed; RGB for formats of red, green and blue, also with a palette. `None` if the
    /// frame declares one that greenlit does not convert.
    pub matrix: Option<Matrix>,
    /// The primaries, declared or assumed; `None` for those of BT.709.
    pub primaries: Option<Primaries>,
    /// The transfer.
    pub transfer: Transfer,
}

impl FrameFormat {
    /// Returns whether the samples are red, green and blue.
    pub(super) fn is_rgb(&self) -> bool {
        self.matrix == Some(Matrix::Rgb)
    }

    /// Returns whether both sides are even, as zimg requires for subsampled chroma.
    pub(super) fn has_even_sides(&self) -> bool {
        self.size.0.is_multiple_of(2) && self.size.1.is_multiple_of(2)
    }

    /// Returns FFmpeg's name of the range.
    pub(super) fn range(&self) -> &'static str {
        if self.full_range { "pc" } else { "tv" }
    }

    /// Returns the name of the matrix for the filter `zscale`, if that can read the frames.
    pub(super) fn zimg_matrix(&self) -> Option<&'static str> {
        if !self.zimg || !self.has_even_sides() {
            return None;
        }
        match self.matrix? {
            Matrix::Bt709 => Some("bt709"),
            Matrix::Bt601 => Some("smpte170m"),
            Matrix::Bt2020 => Some("bt2020nc"),
            // YCgCo has a conversion of its own, see `gamut_filters`.
            Matrix::Rgb | Matrix::Fcc | Matrix::Smpte240M | Matrix::YCgCo => None,
        }
    }

    /// Returns the options by which swscale reads the samples; none for RGB. swscale does not know
    /// YCgCo.
    pub(crate) fn swscale_input(&self) -> String {
        let matrix = match self.matrix {
            Some(Matrix::Rgb) => return String::new(),
            Some(Matrix::Bt709) => "bt709",
            Some(Matrix::Smpte240M) => "smpte240m",
            Some(Matrix::Fcc) => "fcc",
            Some(Matrix::Bt2020) => "bt2020",
            Some(Matrix::Bt601 | Matrix::YCgCo) | None => "bt601",
        };
        format!(":in_color_matrix={matrix}:in_range={}", self.range())
    }
}
