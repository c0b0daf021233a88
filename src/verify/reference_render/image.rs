//! Pictures as samples, before and after they are drawn.

/// One component of a picture.
#[derive(Clone, Debug)]
pub struct Plane {
    /// Samples in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Row after row.
    pub samples: Vec<u16>,
}

/// A decoded picture: red, green and blue, or luma and two colour differences; alpha maybe.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Three components.
    pub planes: [Plane; 3],
    /// How opaque it is.
    pub alpha: Option<Plane>,
    /// Bits of a sample.
    pub depth: u32,
    /// How to read the components.
    pub colors: Colors,
    /// Sample aspect ratio.
    pub sample_aspect_ratio: f64,
    /// The brightest it gets, in units of 100 candela per square metre, where it says so.
    pub peak: Option<f64>,
}

/// How components become red, green and blue.
#[derive(Clone, Debug)]
pub struct Colors {
    /// Whether they are that already.
    pub rgb: bool,
    /// Whether samples span the full range.
    pub full_range: bool,
    /// FFmpeg's name of the matrix.
    pub matrix: Option<String>,
    /// Whether the primaries are those of BT.2020.
    pub wide: bool,
    /// FFmpeg's name of the transfer.
    pub transfer: Option<String>,
}

/// Red, green and blue, eight bits each.
#[derive(Debug)]
pub struct Image {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Pixels, row after row.
    pub pixels: Vec<[u8; 3]>,
}

/// A part of a picture of the output.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Pixels left of it.
    pub left: usize,
    /// Pixels above it.
    pub top: usize,
    /// Its width in pixels.
    pub width: usize,
    /// Its height in pixels.
    pub height: usize,
}

impl Plane {
    /// The sample for a pixel of a whole that this plane may have fewer samples of.
    pub(super) fn nearest(&self, x: usize, y: usize, whole: &Plane) -> f32 {
        let (x, y) = (x * self.width / whole.width, y * self.height / whole.height);
        f32::from(self.samples[y * self.width + x])
    }

    /// The sample at a place, 0 to 1, between its four neighbours.
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

/// A place as a sample and the way to the next one.
fn split(at: f64, count: usize) -> (usize, f32) {
    let at = at.clamp(0.0, (count - 1) as f64);
    let whole = at as usize;
    (whole, (at - whole as f64) as f32)
}

impl Image {
    /// Leaves only how bright each pixel is (weights of Recommendation ITU-R BT.709).
    pub fn discolor(&mut self) {
        for pixel in &mut self.pixels {
            let [r, g, b] = pixel.map(f32::from);
            *pixel = [(0.2126 * r + 0.7152 * g + 0.0722 * b + 0.5) as u8; 3];
        }
    }
}
