//! The filters that a graph can be written with, and why it cannot be written.

/// The optional filters that the library has.
#[derive(Clone, Copy, Debug)]
pub struct AvailableFilters {
    /// `zscale` (zimg).
    pub zscale: bool,
}

/// Why a graph cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// A colour is not six hexadecimal digits.
    #[error("`{0}` is not a colour of the form RRGGBB")]
    Color(String),
    /// The crop margins leave nothing of the frame.
    #[error("the crop margins of the plan leave nothing of the {0}x{1} frame")]
    Crop(u32, u32),
    /// The frames declare a matrix that greenlit does not convert.
    #[error(
        "the frames have a colour matrix that greenlit cannot convert; export the video with BT.709 colours"
    )]
    Matrix,
    /// The library lacks a filter.
    #[error("FFmpeg has no `{0}` filter; install an FFmpeg built with it")]
    Missing(&'static str),
}
