//! What is cut off and what is added around a frame.

use serde::{Deserialize, Serialize};

use crate::model::Size;

/// Columns and rows to cut off, after rotation and with square pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CropMargins {
    /// Columns cut at the left.
    pub left: u32,
    /// Rows cut at the top.
    pub top: u32,
    /// Columns cut at the right.
    pub right: u32,
    /// Rows cut at the bottom.
    pub bottom: u32,
}

/// The frame around the scaled video.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canvas {
    /// Size of the output frame.
    pub size: Size,
    /// Content of the borders.
    pub fill: Fill,
}

/// The content of borders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fill {
    /// One colour, `RRGGBB`.
    Color(String),
    /// The video itself, enlarged to cover the frame and blurred.
    Blur,
}
