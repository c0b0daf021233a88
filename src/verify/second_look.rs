//! What an output should look like, drawn a second time without the library's filters.
//!
//! Every pixel of the output is traced back through the plan to the place of the source it shows. That
//! shares no code with the filter graph, so that a wrong turn, crop, matrix or tone map is seen, which a
//! comparison with the encoder's own input cannot see. Pure: samples in, red, green and blue out.

use crate::model::{Flip, HdrKind, Rotation};
use crate::plan::VideoEncode;

/// The longer side at which pictures are compared: turns, cuts and colours show at any size, and fine
/// detail is what every frame is compared for anyway.
const LONGER_SIDE: f64 = 720.0;

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

/// The size at which a source and what the plan makes of it are best compared: that of the output, but
/// no larger than the source, since ways to enlarge a picture differ, and no larger than shows what is
/// looked for.
pub fn common_size(source: &Picture, plan: &VideoEncode) -> (usize, usize) {
    let (wide, high) = Eye::new(source, plan, (1, 1)).kept_samples();
    let smaller = |planned: u32, kept: f64| (planned as usize).min(kept as usize).max(1);
    let (width, height) = (smaller(plan.scale.width, wide), smaller(plan.scale.height, high));
    telling_size(width, height)
}

/// No larger than shows what is looked for, in the same shape.
pub fn telling_size(width: usize, height: usize) -> (usize, usize) {
    let shrink = (width.max(height) as f64 / LONGER_SIDE).max(1.0);
    let shrunk = |side: usize| ((side as f64 / shrink).round() as usize).max(1);
    (shrunk(width), shrunk(height))
}

/// The picture that the plan makes of this one, without the canvas around it, drawn at a size.
pub fn draw(source: &Picture, plan: &VideoEncode, (width, height): (usize, usize)) -> Image {
    // Before anything is scaled: what shines through at an edge must not be what nobody sees.
    let flat = match (&source.alpha, plan.alpha_background.as_deref()) {
        (Some(alpha), Some(background)) => Some(flattened(source, alpha, color(background))),
        _ => None,
    };
    let eye = Eye::new(flat.as_ref().unwrap_or(source), plan, (width, height));
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| eye.pixel(x, y));
    Image { width, height, pixels: pixels.collect() }
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

/// A part of a finished picture of the output, drawn at a size no larger than it is.
pub fn read(output: &Picture, part: Part, (width, height): (usize, usize)) -> Image {
    let colors = Decoding::new(output);
    // The pixels that one drawn pixel stands for: at least one.
    let span = |at: usize, drawn: usize, from: usize, count: usize| {
        let first = from + at * count / drawn;
        (first, (from + (at + 1) * count / drawn).max(first + 1))
    };
    let whole = &output.planes[0];
    let mean = |x: usize, y: usize| {
        let (left, right) = span(x, width, part.left, part.width);
        let (top, bottom) = span(y, height, part.top, part.height);
        let components = output.planes.each_ref().map(|plane| {
            // Where a plane has fewer samples than the whole, they are counted by the pixels they cover.
            let rows = (top..bottom).map(|y| y * plane.height / whole.height * plane.width);
            let sum: u32 = rows
                .flat_map(|row| (left..right).map(move |x| row + x * plane.width / whole.width))
                .map(|at| u32::from(plane.samples[at]))
                .sum();
            sum as f32 / ((right - left) * (bottom - top)) as f32
        });
        bytes(colors.rgb(components))
    };
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    Image { width, height, pixels: places.map(|(x, y)| mean(x, y)).collect() }
}

/// The picture over a background.
fn flattened(source: &Picture, alpha: &Plane, background: [f32; 3]) -> Picture {
    let decoding = Decoding::new(source);
    let (width, height) = (alpha.width, alpha.height);
    let mut planes = [(); 3].map(|()| Plane { width, height, samples: Vec::with_capacity(width * height) });
    for (at, opaque) in alpha.samples.iter().enumerate() {
        let rgb =
            decoding.rgb(source.planes.each_ref().map(|plane| plane.nearest(at % width, at / width, alpha)));
        let share = f32::from(*opaque) / decoding.most;
        for ((plane, value), behind) in planes.iter_mut().zip(rgb).zip(background) {
            let value = value.clamp(0.0, 1.0) * share + behind * (1.0 - share);
            plane.samples.push((value * 255.0 + 0.5) as u16);
        }
    }
    let colors = Colors { rgb: true, full_range: true, matrix: None, wide: false, transfer: None };
    Picture { planes, alpha: None, depth: 8, colors, ..*source }
}

/// Where the places of an output lie in a plane, where several of them make a pixel: the nearest samples
/// then do, and their mean lies between them.
struct Table<'a> {
    samples: &'a [u16],
    columns: Vec<usize>,
    /// Beginnings of rows.
    rows: Vec<usize>,
}

/// Traces pixels of the output back.
struct Eye<'a> {
    source: &'a Picture,
    plan: &'a VideoEncode,
    decoding: Decoding,
    mapping: Option<ToneMapping>,
    /// Size of the output.
    size: (f64, f64),
    /// The part of the upright source that is kept: left, top, width, height, each in 0 to 1.
    kept: (f64, f64, f64, f64),
    /// Samples of the upright source, across and down.
    upright: (f64, f64),
    /// Whether a row of the output is a column of the source.
    swapped: bool,
    tables: Option<[Table<'a>; 3]>,
    /// Places looked at in each direction for one pixel.
    taps: (usize, usize),
}

impl<'a> Eye<'a> {
    fn new(source: &'a Picture, plan: &'a VideoEncode, (width, height): (usize, usize)) -> Eye<'a> {
        let (coded_w, coded_h) = (source.planes[0].width as f64, source.planes[0].height as f64);
        let square = (coded_w * source.sample_aspect_ratio, coded_h);
        let swapped = plan.rotate.swaps_sides();
        let upright = if swapped { (square.1, square.0) } else { square };
        let kept = plan.crop.map_or((0.0, 0.0, 1.0, 1.0), |cut| {
            let (left, top) = (f64::from(cut.left) / upright.0, f64::from(cut.top) / upright.1);
            let (right, bottom) = (f64::from(cut.right) / upright.0, f64::from(cut.bottom) / upright.1);
            (left, top, 1.0 - left - right, 1.0 - top - bottom)
        });
        let upright = if swapped { (coded_h, coded_w) } else { (coded_w, coded_h) };
        let taps = |kept: f64, drawn: usize| (kept / drawn as f64).ceil().clamp(1.0, 8.0) as usize;
        let mut eye = Eye {
            source,
            plan,
            decoding: Decoding::new(source),
            mapping: plan.tone_map.map(|map| ToneMapping::new(source, map.from)),
            size: (width as f64, height as f64),
            kept,
            upright,
            taps: (taps(kept.2 * upright.0, width), taps(kept.3 * upright.1, height)),
            swapped,
            tables: None,
        };
        // Fields need their neighbours, and a single place lies between its own.
        if !plan.deinterlace && eye.taps != (1, 1) {
            eye.tables = Some(source.planes.each_ref().map(|plane| eye.table(plane)));
        }
        eye
    }

    /// Samples of the part that is kept, across and down.
    fn kept_samples(&self) -> (f64, f64) {
        (self.kept.2 * self.upright.0, self.kept.3 * self.upright.1)
    }

    fn pixel(&self, x: usize, y: usize) -> [u8; 3] {
        // Samples are averaged as they are: what follows is linear but for the last.
        if let Some(tables) = &self.tables {
            let rgb = self.decoding.rgb(tables.each_ref().map(|table| self.mean(table, x, y)));
            return bytes(self.mapping.as_ref().map_or(rgb, |mapping| mapping.map(rgb)));
        }
        let mut sum = [0.0_f32; 3];
        for dy in 0..self.taps.1 {
            for dx in 0..self.taps.0 {
                let part = |at: usize, d: usize, taps: usize| at as f64 + (d as f64 + 0.5) / taps as f64;
                let (p, q) = self.place(part(x, dx, self.taps.0), part(y, dy, self.taps.1));
                for (sum, plane) in sum.iter_mut().zip(&self.source.planes) {
                    *sum += self.sample(plane, p, q);
                }
            }
        }
        let count = (self.taps.0 * self.taps.1) as f32;
        let rgb = self.decoding.rgb(sum.map(|sum| sum / count));
        bytes(self.mapping.as_ref().map_or(rgb, |mapping| mapping.map(rgb)))
    }

    fn mean(&self, table: &Table<'_>, x: usize, y: usize) -> f32 {
        let (across, down) = self.taps;
        let (columns, rows) = (&table.columns, &table.rows);
        let mut sum = 0;
        for at_y in y * down..(y + 1) * down {
            for at_x in x * across..(x + 1) * across {
                let (column, row) = if self.swapped { (at_y, at_x) } else { (at_x, at_y) };
                sum += u32::from(table.samples[rows[row] + columns[column]]);
            }
        }
        sum as f32 / (across * down) as f32
    }

    /// Where each place looked at lies in a plane: columns and rows hang together only by what is turned.
    fn table(&self, plane: &'a Plane) -> Table<'a> {
        let (width, height) = (self.size.0 as usize * self.taps.0, self.size.1 as usize * self.taps.1);
        let part = |at: usize, taps: usize| (at as f64 + 0.5) / taps as f64;
        let across = (0..width).map(|at| self.place(part(at, self.taps.0), 0.0));
        let down = (0..height).map(|at| self.place(0.0, part(at, self.taps.1)));
        let column = |p: f64| ((p * plane.width as f64).max(0.0) as usize).min(plane.width - 1);
        let row = |q: f64| ((q * plane.height as f64).max(0.0) as usize).min(plane.height - 1) * plane.width;
        let (columns, rows) = match self.swapped {
            false => (across.map(|(p, _)| column(p)).collect(), down.map(|(_, q)| row(q)).collect()),
            true => (down.map(|(p, _)| column(p)).collect(), across.map(|(_, q)| row(q)).collect()),
        };
        Table { samples: &plane.samples, columns, rows }
    }

    fn sample(&self, plane: &Plane, p: f64, q: f64) -> f32 {
        if self.plan.deinterlace {
            // Both fields at once: a line and its neighbours.
            let line = 1.0 / plane.height as f64;
            return (plane.at(p, q - line) + 2.0 * plane.at(p, q) + plane.at(p, q + line)) / 4.0;
        }
        plane.at(p, q)
    }

    /// The place of the source, 0 to 1, that a place of the output shows.
    fn place(&self, x: f64, y: f64) -> (f64, f64) {
        let (p, q) =
            (self.kept.0 + x / self.size.0 * self.kept.2, self.kept.1 + y / self.size.1 * self.kept.3);
        let (p, q) = match self.plan.rotate {
            Rotation::None => (p, q),
            Rotation::Quarter => (q, 1.0 - p),
            Rotation::Half => (1.0 - p, 1.0 - q),
            Rotation::ThreeQuarters => (1.0 - q, p),
        };
        match self.plan.flip {
            Some(Flip::Horizontal) => (1.0 - p, q),
            Some(Flip::Vertical) => (p, 1.0 - q),
            None => (p, q),
        }
    }
}

impl Plane {
    /// The sample for a pixel of a whole that this plane may have fewer samples of.
    fn nearest(&self, x: usize, y: usize, whole: &Plane) -> f32 {
        let (x, y) = (x * self.width / whole.width, y * self.height / whole.height);
        f32::from(self.samples[y * self.width + x])
    }

    /// The sample at a place, 0 to 1, between its four neighbours.
    fn at(&self, p: f64, q: f64) -> f32 {
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

/// From samples to red, green and blue, 0 to 1.
struct Decoding {
    rgb: bool,
    black: f32,
    luma_span: f32,
    chroma_middle: f32,
    chroma_span: f32,
    /// Weights of red and blue in luma.
    weights: (f32, f32),
    most: f32,
    /// To BT.709 primaries, by way of linear light.
    narrow: bool,
}

impl Decoding {
    fn new(picture: &Picture) -> Decoding {
        let colors = &picture.colors;
        let unit = (1_u32 << (picture.depth - 8)) as f32;
        let most = ((1_u32 << picture.depth) - 1) as f32;
        let full = colors.full_range || colors.rgb;
        let short = picture.planes[0].width.min(picture.planes[0].height);
        // Recommendations ITU-R BT.601, BT.709 and BT.2020, SMPTE 240M, FCC 73.682.
        let weights = match colors.matrix.as_deref() {
            Some("bt709") => (0.2126, 0.0722),
            Some("bt2020nc" | "bt2020c") => (0.2627, 0.0593),
            Some("smpte240m") => (0.212, 0.087),
            Some("fcc") => (0.30, 0.11),
            Some(_) => (0.299, 0.114),
            None if short <= 576 => (0.299, 0.114),
            None => (0.2126, 0.0722),
        };
        let tone_mapped = matches!(colors.transfer.as_deref(), Some("smpte2084" | "arib-std-b67"));
        Decoding {
            rgb: colors.rgb,
            black: if full { 0.0 } else { 16.0 * unit },
            luma_span: if full { most } else { 219.0 * unit },
            chroma_middle: 128.0 * unit,
            chroma_span: if full { most } else { 224.0 * unit },
            weights,
            most,
            narrow: colors.wide && !colors.rgb && !tone_mapped,
        }
    }

    fn rgb(&self, [first, second, third]: [f32; 3]) -> [f32; 3] {
        if self.rgb {
            return [first / self.most, second / self.most, third / self.most];
        }
        let luma = (first - self.black) / self.luma_span;
        let blue = (second - self.chroma_middle) / self.chroma_span;
        let red = (third - self.chroma_middle) / self.chroma_span;
        let (wr, wb) = self.weights;
        let (r, b) = (luma + 2.0 * (1.0 - wr) * red, luma + 2.0 * (1.0 - wb) * blue);
        let rgb = [r, (luma - wr * r - wb * b) / (1.0 - wr - wb), b];
        if !self.narrow {
            return rgb;
        }
        narrowed(rgb.map(|value| value.max(0.0).powf(DISPLAY_GAMMA))).map(displayed)
    }
}

/// Recommendation ITU-R BT.1886.
const DISPLAY_GAMMA: f32 = 2.4;

fn displayed(light: f32) -> f32 {
    light.max(0.0).powf(1.0 / DISPLAY_GAMMA)
}

/// Linear light of BT.2020 primaries in those of BT.709 (Report ITU-R BT.2407, 2).
fn narrowed([r, g, b]: [f32; 3]) -> [f32; 3] {
    [
        1.6605 * r - 0.5876 * g - 0.0728 * b,
        -0.1246 * r + 1.1329 * g - 0.0083 * b,
        -0.0182 * r - 0.1006 * g + 1.1187 * b,
    ]
}

/// From high dynamic range to standard.
struct ToneMapping {
    hlg: bool,
    peak: f32,
}

impl ToneMapping {
    fn new(source: &Picture, from: HdrKind) -> ToneMapping {
        let hlg = match from {
            HdrKind::Hlg => true,
            HdrKind::DolbyVision => source.colors.transfer.as_deref() == Some("arib-std-b67"),
            HdrKind::Pq | HdrKind::Hdr10 => false,
        };
        // What names no peak is taken for a master of 1,000 candela per square metre.
        ToneMapping { hlg, peak: source.peak.unwrap_or(10.0) as f32 }
    }

    /// Hable's curve over the brightest component, in units of 100 candela per square metre.
    fn map(&self, rgb: [f32; 3]) -> [f32; 3] {
        let light = narrowed(rgb.map(|value| if self.hlg { hlg_light(value) } else { pq_light(value) }));
        let signal = light.iter().copied().fold(1e-6, f32::max);
        let factor = hable(signal) / hable(self.peak) / signal;
        light.map(|value| displayed(value * factor))
    }
}

/// Recommendation ITU-R BT.2100, table 4.
fn pq_light(value: f32) -> f32 {
    let (m1, m2) = (2610.0 / 16384.0, 2523.0 / 32.0);
    let (c1, c2, c3) = (3424.0 / 4096.0, 2413.0 / 128.0, 2392.0 / 128.0);
    let power = value.clamp(0.0, 1.0).powf(1.0 / m2);
    ((power - c1).max(0.0) / (c2 - c3 * power)).powf(1.0 / m1) * 100.0
}

/// Recommendation ITU-R BT.2100, table 5, on a display of 1,000 candela per square metre.
fn hlg_light(value: f32) -> f32 {
    let (a, b, c) = (0.178_832_77, 0.284_668_92, 0.559_910_7);
    let value = value.clamp(0.0, 1.0);
    let scene = if value <= 0.5 { value * value / 3.0 } else { (((value - c) / a).exp() + b) / 12.0 };
    scene.powf(1.2) * 10.0
}

fn hable(x: f32) -> f32 {
    (x * (0.15 * x + 0.05) + 0.004) / (x * (0.15 * x + 0.5) + 0.06) - 1.0 / 15.0
}

fn bytes(rgb: [f32; 3]) -> [u8; 3] {
    rgb.map(|value| (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8)
}

/// `RRGGBB` as a colour; black where it is none.
fn color(text: &str) -> [f32; 3] {
    std::array::from_fn(|i| {
        let digits = text.get(i * 2..i * 2 + 2).unwrap_or("0");
        f32::from(u8::from_str_radix(digits, 16).unwrap_or(0)) / 255.0
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::plan::{Subtraction, sample};

    fn plan(width: u32, height: u32) -> VideoEncode {
        sample::picture(width, height, 30)
    }

    fn plane(width: usize, height: usize, of: impl Fn(usize, usize) -> u16) -> Plane {
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        Plane { width, height, samples: places.map(|(x, y)| of(x, y)).collect() }
    }

    /// Red grows to the right, green downwards.
    fn picture(width: usize, height: usize) -> Picture {
        let ramp = |at: usize, count: usize| (at * 255 / (count - 1)) as u16;
        Picture {
            planes: [
                plane(width, height, |x, _| ramp(x, width)),
                plane(width, height, |_, y| ramp(y, height)),
                plane(width, height, |_, _| 0),
            ],
            alpha: None,
            depth: 8,
            colors: Colors { rgb: true, full_range: true, matrix: None, wide: false, transfer: None },
            sample_aspect_ratio: 1.0,
            peak: None,
        }
    }

    /// Red and green, as high or low, in the corners: top left, top right, bottom left, bottom right.
    fn corners(image: &Image) -> [(bool, bool); 4] {
        let (right, below) = (image.width - 1, (image.height - 1) * image.width);
        [0, right, below, below + right].map(|at| (image.pixels[at][0] > 127, image.pixels[at][1] > 127))
    }

    #[test]
    fn turns_and_mirrors_put_every_corner_where_it_belongs() {
        let (nw, ne, sw, se) = ((false, false), (true, false), (false, true), (true, true));
        let drawn = |rotate, flip| {
            let mut plan = plan(40, 40);
            (plan.rotate, plan.flip) = (rotate, flip);
            corners(&draw(&picture(60, 40), &plan, (40, 40)))
        };
        assert_eq!(drawn(Rotation::None, None), [nw, ne, sw, se]);
        assert_eq!(drawn(Rotation::Quarter, None), [sw, nw, se, ne]);
        assert_eq!(drawn(Rotation::Half, None), [se, sw, ne, nw]);
        assert_eq!(drawn(Rotation::ThreeQuarters, None), [ne, se, nw, sw]);
        assert_eq!(drawn(Rotation::None, Some(Flip::Horizontal)), [ne, nw, se, sw]);
        assert_eq!(drawn(Rotation::None, Some(Flip::Vertical)), [sw, se, nw, ne]);
    }

    #[test]
    fn a_smaller_drawing_is_the_same_picture() {
        for rotate in [Rotation::None, Rotation::Quarter, Rotation::Half, Rotation::ThreeQuarters] {
            let mut plan = plan(60, 60);
            (plan.rotate, plan.flip) = (rotate, Some(Flip::Vertical));
            plan.crop = Some(Subtraction { left: 6, top: 2, right: 0, bottom: 10 });
            let source = picture(120, 120);
            let (whole, part) = (draw(&source, &plan, (120, 120)), draw(&source, &plan, (40, 40)));
            for (x, y) in [(0, 0), (39, 0), (7, 31), (39, 39)] {
                let (one, other) = (whole.pixels[(y * 3 + 1) * 120 + x * 3 + 1], part.pixels[y * 40 + x]);
                let apart = one.iter().zip(other).map(|(a, b)| a.abs_diff(b)).max().unwrap();
                assert!(apart <= 4, "{rotate:?} {x} {y}: {one:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_cut_is_counted_in_square_pixels_of_the_upright_picture() {
        let mut wide = picture(100, 100);
        wide.sample_aspect_ratio = 2.0;
        let mut plan = plan(50, 50);
        plan.crop = Some(Subtraction { left: 100, top: 0, right: 0, bottom: 0 });
        let image = draw(&wide, &plan, (50, 50));
        assert!((126..=132).contains(&image.pixels[0][0]), "{:?}", image.pixels[0]);
    }

    #[test]
    fn an_enlarged_picture_is_compared_at_the_size_it_had() {
        let mut plan = plan(400, 40);
        plan.rotate = Rotation::Quarter;
        assert_eq!(common_size(&picture(60, 80), &plan), (80, 40));
        let part = Part { left: 30, top: 10, width: 30, height: 20 };
        let image = read(&picture(60, 40), part, (3, 2));
        assert_eq!(corners(&image).map(|(red, _)| red), [true; 4]);
        assert_eq!(image.pixels.len(), 6);
    }

    #[test]
    fn colours_follow_the_matrix_the_range_and_the_background() {
        // Red by BT.601 in limited range (Recommendation ITU-R BT.601, table 3).
        let mut red = picture(2, 2);
        red.planes = [81, 90, 240].map(|value| plane(2, 2, |_, _| value));
        red.colors = Colors {
            rgb: false,
            full_range: false,
            matrix: Some("smpte170m".into()),
            wide: false,
            transfer: None,
        };
        let seen = draw(&red, &plan(2, 2), (2, 2)).pixels[0];
        assert!(seen[0] > 250 && seen[1] < 4 && seen[2] < 4, "{seen:?}");
        red.colors.matrix = Some("bt709".into());
        let taken_for_another = draw(&red, &plan(2, 2), (2, 2)).pixels[0];
        assert!(taken_for_another[1] > 20 || taken_for_another[0] < 240, "{taken_for_another:?}");
        let mut clear = picture(2, 2);
        clear.alpha = Some(plane(2, 2, |_, _| 0));
        let mut plan = plan(2, 2);
        plan.alpha_background = Some("0a141e".into());
        assert_eq!(draw(&clear, &plan, (2, 2)).pixels[3], [10, 20, 30]);
    }

    #[test]
    fn brighter_stays_brighter_in_standard_range() {
        for from in [HdrKind::Pq, HdrKind::Hlg] {
            let mut grey = picture(256, 2);
            let ramp = plane(256, 2, |x, _| x as u16);
            grey.planes = [ramp.clone(), ramp.clone(), ramp];
            let mut plan = plan(256, 2);
            plan.tone_map = Some(crate::plan::ToneMap { from });
            let image = draw(&grey, &plan, (256, 2));
            let row: Vec<u8> = image.pixels[..256].iter().map(|pixel| pixel[1]).collect();
            assert!(row.is_sorted() && row[0] < 4 && row[255] > 200, "{row:?}");
            let spread = |[r, g, b]: [u8; 3]| r.abs_diff(g).max(g.abs_diff(b));
            assert!(image.pixels.iter().all(|pixel| spread(*pixel) < 3), "grey stays grey");
        }
    }
}
