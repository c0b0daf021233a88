//! Converts samples to RGB.

use super::gamut::GamutConversion;
use super::image::{Colors, PlanarFrame};
use crate::model::{HdrKind, Matrix, Transfer};

/// Converts samples to RGB from 0 to 1.
pub(super) struct ColorDecoder {
    matrix: Matrix,
    black: f32,
    luma_span: f32,
    chroma_middle: f32,
    chroma_span: f32,
    /// Weights of red and blue in luma.
    weights: (f32, f32),
    pub(super) max_value: f32,
    /// The conversion to BT.709 primaries in linear light.
    to_bt709: Option<GamutConversion>,
}

impl ColorDecoder {
    /// Creates the decoder of a frame.
    pub(super) fn new(frame: &PlanarFrame) -> ColorDecoder {
        ColorDecoder::of(&frame.colors, frame.depth)
    }

    /// Creates the decoder of samples of this depth in bits.
    pub(super) fn of(colors: &Colors, depth: u32) -> ColorDecoder {
        let unit = (1_u32 << (depth - 8)) as f32;
        let max_value = ((1_u32 << depth) - 1) as f32;
        let full = colors.full_range || colors.matrix == Matrix::Rgb;
        // Recommendations ITU-R BT.601, BT.709 and BT.2020, SMPTE 240M, FCC 73.682.
        let weights = match colors.matrix {
            // Neither is made of weights.
            Matrix::Rgb | Matrix::YCgCo => (0.0, 0.0),
            Matrix::Bt709 => (0.2126, 0.0722),
            Matrix::Bt2020 => (0.2627, 0.0593),
            Matrix::Smpte240M => (0.212, 0.087),
            Matrix::Fcc => (0.30, 0.11),
            Matrix::Bt601 => (0.299, 0.114),
        };
        let tone_mapped = matches!(colors.transfer, Transfer::Pq | Transfer::Hlg);
        let unlike = colors.primaries.is_some() || colors.transfer.unlike_video().is_some();
        ColorDecoder {
            matrix: colors.matrix,
            black: if full { 0.0 } else { 16.0 * unit },
            luma_span: if full { max_value } else { 219.0 * unit },
            chroma_middle: 128.0 * unit,
            chroma_span: if full { max_value } else { 224.0 * unit },
            weights,
            max_value,
            to_bt709: (unlike && !tone_mapped)
                .then(|| GamutConversion::new(colors.primaries, colors.transfer)),
        }
    }

    pub(super) fn rgb(&self, [first, second, third]: [f32; 3]) -> [f32; 3] {
        let rgb = self.unconverted_rgb([first, second, third]);
        self.to_bt709.as_ref().map_or(rgb, |gamut| gamut.convert(rgb))
    }

    /// Returns RGB of the frame's own primaries.
    fn unconverted_rgb(&self, [first, second, third]: [f32; 3]) -> [f32; 3] {
        if self.matrix == Matrix::Rgb {
            return [first / self.max_value, second / self.max_value, third / self.max_value];
        }
        let luma = (first - self.black) / self.luma_span;
        let blue = (second - self.chroma_middle) / self.chroma_span;
        let red = (third - self.chroma_middle) / self.chroma_span;
        if self.matrix == Matrix::YCgCo {
            // The second component is green minus magenta, the third orange minus blue (ITU-T H.273, equations 8.3).
            let (green, orange) = (blue, red);
            return [luma - green + orange, luma + green, luma - green - orange];
        }
        let (wr, wb) = self.weights;
        let (r, b) = (luma + 2.0 * (1.0 - wr) * red, luma + 2.0 * (1.0 - wb) * blue);
        [r, (luma - wr * r - wb * b) / (1.0 - wr - wb), b]
    }
}

/// The components of a row of pixels, each the mean of the samples of a pixel.
pub(super) type Row = [Vec<f32>; 3];

/// A linear conversion of samples to RGB bytes: the value of zero samples, and the factor of each component.
struct LinearTransform {
    zero: [f32; 3],
    unit: [[f32; 3]; 3],
}

impl LinearTransform {
    /// Derives the transform of a decoder without nonlinear steps.
    fn of(decoder: &ColorDecoder) -> LinearTransform {
        let zero = decoder.rgb([0.0; 3]);
        let unit = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(|one| {
            let with = decoder.rgb(one);
            std::array::from_fn(|i| (with[i] - zero[i]) * 255.0)
        });
        LinearTransform { zero: zero.map(|value| value * 255.0), unit }
    }
}

/// Converts a row of samples and appends its pixels.
pub(super) fn push_pixels(
    row: &Row,
    decoder: &ColorDecoder,
    mapping: Option<&ToneMapping>,
    into: &mut Vec<[u8; 3]>,
) {
    let [first, second, third] = row;
    let components_of_pixels = first.iter().zip(second).zip(third).map(|((a, b), c)| [*a, *b, *c]);
    if mapping.is_some() || decoder.to_bt709.is_some() {
        into.extend(components_of_pixels.map(|components| {
            let rgb = decoder.rgb(components);
            to_bytes(mapping.map_or(rgb, |mapping| mapping.map(rgb)))
        }));
        return;
    }
    let LinearTransform { zero, unit: [a, b, c] } = LinearTransform::of(decoder);
    into.extend(components_of_pixels.map(|[x, y, z]| {
        std::array::from_fn(|i| (zero[i] + a[i] * x + b[i] * y + c[i] * z + 0.5).clamp(0.0, 255.0) as u8)
    }));
}

/// The display gamma of Recommendation ITU-R BT.1886.
const DISPLAY_GAMMA: f32 = 2.4;

fn display_encoded(light: f32) -> f32 {
    light.max(0.0).powf(1.0 / DISPLAY_GAMMA)
}

/// Converts linear light from BT.2020 to BT.709 primaries (Report ITU-R BT.2407, 2).
fn bt2020_to_bt709([r, g, b]: [f32; 3]) -> [f32; 3] {
    [
        1.6605 * r - 0.5876 * g - 0.0728 * b,
        -0.1246 * r + 1.1329 * g - 0.0083 * b,
        -0.0182 * r - 0.1006 * g + 1.1187 * b,
    ]
}

/// Maps HDR to SDR.
pub(super) struct ToneMapping {
    hlg: bool,
    peak: f32,
}

impl ToneMapping {
    pub(super) fn new(source: &PlanarFrame, from: HdrKind) -> ToneMapping {
        let hlg = match from {
            HdrKind::Hlg => true,
            HdrKind::DolbyVision => source.colors.transfer == Transfer::Hlg,
            HdrKind::Pq | HdrKind::Hdr10 => false,
        };
        // Without a declared peak, a master of 1,000 candela per square metre is assumed.
        ToneMapping { hlg, peak: source.peak.unwrap_or(10.0) as f32 }
    }

    /// Applies Hable's curve to the brightest component, in units of 100 candela per square metre.
    fn map(&self, rgb: [f32; 3]) -> [f32; 3] {
        let light =
            bt2020_to_bt709(rgb.map(|value| if self.hlg { hlg_light(value) } else { pq_light(value) }));
        let signal = light.iter().copied().fold(1e-6, f32::max);
        let factor = hable(signal) / hable(self.peak) / signal;
        light.map(|value| display_encoded(value * factor))
    }
}

/// The PQ transfer function of Recommendation ITU-R BT.2100, table 4.
fn pq_light(value: f32) -> f32 {
    let (m1, m2) = (2610.0 / 16384.0, 2523.0 / 32.0);
    let (c1, c2, c3) = (3424.0 / 4096.0, 2413.0 / 128.0, 2392.0 / 128.0);
    let power = value.clamp(0.0, 1.0).powf(1.0 / m2);
    ((power - c1).max(0.0) / (c2 - c3 * power)).powf(1.0 / m1) * 100.0
}

/// The HLG transfer function of Recommendation ITU-R BT.2100, table 5, for a display of 1,000 candela per
/// square metre.
fn hlg_light(value: f32) -> f32 {
    let (a, b, c) = (0.178_832_77, 0.284_668_92, 0.559_910_7);
    let value = value.clamp(0.0, 1.0);
    let scene = if value <= 0.5 { value * value / 3.0 } else { (((value - c) / a).exp() + b) / 12.0 };
    scene.powf(1.2) * 10.0
}

fn hable(x: f32) -> f32 {
    (x * (0.15 * x + 0.05) + 0.004) / (x * (0.15 * x + 0.5) + 0.06) - 1.0 / 15.0
}

fn to_bytes(rgb: [f32; 3]) -> [u8; 3] {
    rgb.map(|value| (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8)
}

/// Parses `RRGGBB`; invalid digits count as 0.
pub(super) fn color(text: &str) -> [f32; 3] {
    std::array::from_fn(|i| {
        let digits = text.get(i * 2..i * 2 + 2).unwrap_or("0");
        f32::from(u8::from_str_radix(digits, 16).unwrap_or(0)) / 255.0
    })
}
