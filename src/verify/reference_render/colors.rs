//! From samples to red, green and blue.

use super::image::Picture;
use crate::model::HdrKind;

/// From samples to red, green and blue, 0 to 1.
pub(super) struct Decoding {
    rgb: bool,
    black: f32,
    luma_span: f32,
    chroma_middle: f32,
    chroma_span: f32,
    /// Weights of red and blue in luma.
    weights: (f32, f32),
    pub(super) most: f32,
    /// To BT.709 primaries, by way of linear light.
    narrow: bool,
}

impl Decoding {
    pub(super) fn new(picture: &Picture) -> Decoding {
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

    pub(super) fn rgb(&self, [first, second, third]: [f32; 3]) -> [f32; 3] {
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

/// Components of a row of pixels, each the mean of the samples a pixel stands for.
pub(super) type Row = [Vec<f32>; 3];

/// Colours that are plain sums of components: what they are of nothing, and of one of each.
struct Sums {
    none: [f32; 3],
    each: [[f32; 3]; 3],
}

impl Sums {
    /// Samples to bytes, where nothing between them bends.
    fn of(decoding: &Decoding) -> Sums {
        let none = decoding.rgb([0.0; 3]);
        let each = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(|one| {
            let with = decoding.rgb(one);
            std::array::from_fn(|i| (with[i] - none[i]) * 255.0)
        });
        Sums { none: none.map(|value| value * 255.0), each }
    }
}

/// Appends the pixels of a row.
pub(super) fn pixels(row: &Row, decoding: &Decoding, mapping: Option<&ToneMapping>, into: &mut Vec<[u8; 3]>) {
    let [first, second, third] = row;
    let places = first.iter().zip(second).zip(third).map(|((a, b), c)| [*a, *b, *c]);
    if mapping.is_some() || decoding.narrow {
        into.extend(places.map(|components| {
            let rgb = decoding.rgb(components);
            bytes(mapping.map_or(rgb, |mapping| mapping.map(rgb)))
        }));
        return;
    }
    let Sums { none, each: [a, b, c] } = Sums::of(decoding);
    into.extend(places.map(|[x, y, z]| {
        std::array::from_fn(|i| (none[i] + a[i] * x + b[i] * y + c[i] * z + 0.5).clamp(0.0, 255.0) as u8)
    }));
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
pub(super) struct ToneMapping {
    hlg: bool,
    peak: f32,
}

impl ToneMapping {
    pub(super) fn new(source: &Picture, from: HdrKind) -> ToneMapping {
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
pub(super) fn color(text: &str) -> [f32; 3] {
    std::array::from_fn(|i| {
        let digits = text.get(i * 2..i * 2 + 2).unwrap_or("0");
        f32::from(u8::from_str_radix(digits, 16).unwrap_or(0)) / 255.0
    })
}
