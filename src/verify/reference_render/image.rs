//! Frames as samples and as RGB images.

use crate::model::{Matrix, Primaries, Transfer};

/// One component of a frame.
#[derive(Clone, Debug)]
pub struct Plane {
    /// Samples per row.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
    /// The samples, row by row.
    pub samples: Vec<u16>,
}

/// A decoded frame: RGB, or luma and two chroma components, with optional alpha.
#[derive(Clone, Debug)]
pub struct PlanarFrame {
    /// The three components.
    pub planes: [Plane; 3],
    /// The alpha component.
    pub alpha: Option<Plane>,
    /// Bits per sample.
    pub depth: u32,
    /// How to read the components.
    pub colors: Colors,
    /// Sample aspect ratio.
    pub sample_aspect_ratio: f64,
    /// The declared peak luminance, in units of 100 candela per square metre.
    pub peak: Option<f64>,
}

/// How components convert to RGB.
#[derive(Clone, Copy, Debug)]
pub struct Colors {
    /// Whether samples span the full range.
    pub full_range: bool,
    /// The matrix.
    pub matrix: Matrix,
    /// The primaries, unless they are those of BT.709.
    pub primaries: Option<Primaries>,
    /// The transfer.
    pub transfer: Transfer,
}

impl Colors {
    /// Red, green and blue of BT.709 video.
    pub const RGB: Colors =
        Colors { full_range: true, matrix: Matrix::Rgb, primaries: None, transfer: Transfer::Video };
}

/// An RGB image with eight bits per component.
#[derive(Debug)]
pub struct Image {
    /// Pixels per row.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
    /// The pixels, row by row.
    pub pixels: Vec<[u8; 3]>,
}

/// A rectangular region of an output frame.
#[derive(Clone, Copy, Debug)]
pub struct Region {
    /// Left edge in pixels.
    pub left: usize,
    /// Top edge in pixels.
    pub top: usize,
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
}

impl Plane {
    /// Returns the nearest sample for a pixel of `reference`, a plane that may have more samples.
    pub(super) fn nearest(&self, x: usize, y: usize, reference: &Plane) -> f32 {
        let (x, y) = (x * self.width / reference.width, y * self.height / reference.height);
        f32::from(self.samples[y * self.width + x])
    }

    /// Returns the bilinearly interpolated sample at a position from 0 to 1.
    pub(super) fn at(&self, p: f64, q: f64) -> f32 {
        let (x, fx) = split(p * self.width as f64 - 0.5, self.width);
        let (y, fy) = split(q * self.height as f64 - 0.5, self.height);
        let (right, below) = ((x + 1).min(self.width - 1), (y + 1).min(self.height - 1));
        let get = |x: usize, y: usize| f32::from(self.samples[y * self.width + x]);
        let upper = get(x, y) * (1.0 - fx) + get(right, y) * fx;
        let lower = get(x, below) * (1.0 - fx) + get(right, below) * fx;
        upper * (1.0 - fy) + lower * fy
    }
}

/// Splits a position into the index of a sample and the fraction to the next one.
fn split(at: f64, count: usize) -> (usize, f32) {
    let at = at.clamp(0.0, (count - 1) as f64);
    let index = at as usize;
    (index, (at - index as f64) as f32)
}

impl Image {
    /// Converts the image to grey (weights of Recommendation ITU-R BT.709).
    pub fn to_grey(&mut self) {
        for pixel in &mut self.pixels {
            let [r, g, b] = pixel.map(f32::from);
            *pixel = [(0.2126 * r + 0.7152 * g + 0.0722 * b + 0.5) as u8; 3];
        }
    }
}
