//! Converts colour primaries to those of BT.709 in linear light, from their chromaticities.

use crate::model::{Primaries, Transfer};

type Matrix = [[f64; 3]; 3];

/// Chromaticities of red, green, blue and white.
type Chromaticities = [(f64, f64); 4];

const ILLUMINANT_C: (f64, f64) = (0.310, 0.316);
const D65: (f64, f64) = (0.3127, 0.3290);
const BT709: Chromaticities = [(0.64, 0.33), (0.30, 0.60), (0.15, 0.06), D65];

/// The cone responses of Bradford's chromatic adaptation.
const BRADFORD: Matrix = [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]];

/// Returns the chromaticities of primaries (ITU-T H.273, table 2); `None` for XYZ.
fn chromaticities(primaries: Primaries) -> Option<Chromaticities> {
    Some(match primaries {
        Primaries::Bt470M => [(0.67, 0.33), (0.21, 0.71), (0.14, 0.08), ILLUMINANT_C],
        Primaries::Bt470Bg => [(0.64, 0.33), (0.29, 0.60), (0.15, 0.06), D65],
        Primaries::Smpte170M | Primaries::Smpte240M => [(0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65],
        Primaries::GenericFilm => [(0.681, 0.319), (0.243, 0.692), (0.145, 0.049), ILLUMINANT_C],
        Primaries::Bt2020 => [(0.708, 0.292), (0.170, 0.797), (0.131, 0.046), D65],
        Primaries::DciP3 => [(0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)],
        Primaries::DisplayP3 => [(0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65],
        Primaries::Ebu3213 => [(0.630, 0.340), (0.295, 0.605), (0.155, 0.077), D65],
        Primaries::Xyz => return None,
    })
}

/// A conversion of RGB to primaries and transfer of BT.709 video.
pub(super) struct GamutConversion {
    matrix: [[f32; 3]; 3],
    from: Transfer,
}

impl GamutConversion {
    /// Creates the conversion from these primaries, those of BT.709 if `None`, with this transfer.
    pub(super) fn new(primaries: Option<Primaries>, from: Transfer) -> GamutConversion {
        let source = primaries.map_or(Some(BT709), chromaticities);
        let matrix = match source {
            Some(source) => {
                let adapted = multiply(adaptation(source[3], D65), to_xyz(source));
                multiply(inverse(to_xyz(BT709)), adapted)
            }
            None => inverse(to_xyz(BT709)),
        };
        GamutConversion { matrix: matrix.map(|row| row.map(|value| value as f32)), from }
    }

    pub(super) fn convert(&self, rgb: [f32; 3]) -> [f32; 3] {
        let light = rgb.map(|value| self.linear(value));
        self.matrix.map(|[r, g, b]| self.encoded(r * light[0] + g * light[1] + b * light[2]))
    }

    fn linear(&self, value: f32) -> f32 {
        let value = value.max(0.0);
        match self.from {
            Transfer::Cinema => value.powf(2.6) * 52.37 / 48.0,
            Transfer::Srgb if value <= 0.04045 => value / 12.92,
            Transfer::Srgb => ((value + 0.055) / 1.055).powf(2.4),
            Transfer::Linear => value,
            // Zero stands for all light up to a hundredth.
            Transfer::Log100 | Transfer::Log316 if value <= 0.0 => 0.0,
            Transfer::Log100 => 10.0_f32.powf(2.0 * (value - 1.0)),
            Transfer::Log316 => 10.0_f32.powf(2.5 * (value - 1.0)),
            // The display gamma of Recommendation ITU-R BT.1886.
            Transfer::Video | Transfer::Pq | Transfer::Hlg => value.powf(2.4),
        }
    }

    /// Returns the sample of the result; sRGB keeps its transfer, as greys keep their values.
    fn encoded(&self, light: f32) -> f32 {
        let light = light.max(0.0);
        match self.from {
            Transfer::Srgb if light <= 0.003_130_8 => light * 12.92,
            Transfer::Srgb => 1.055 * light.powf(1.0 / 2.4) - 0.055,
            _ => light.powf(1.0 / 2.4),
        }
    }
}

/// Returns the XYZ tristimulus of a chromaticity with luminance 1.
fn tristimulus((x, y): (f64, f64)) -> [f64; 3] {
    [x / y, 1.0, (1.0 - x - y) / y]
}

/// Returns the matrix from linear RGB to XYZ (SMPTE RP 177).
fn to_xyz([red, green, blue, white]: Chromaticities) -> Matrix {
    let [r, g, b] = [red, green, blue].map(tristimulus);
    let columns: Matrix = std::array::from_fn(|i| [r[i], g[i], b[i]]);
    let scale = apply(inverse(columns), tristimulus(white));
    columns.map(|row| std::array::from_fn(|i| row[i] * scale[i]))
}

fn adaptation(from: (f64, f64), to: (f64, f64)) -> Matrix {
    let (from, to) = (apply(BRADFORD, tristimulus(from)), apply(BRADFORD, tristimulus(to)));
    let gains: Matrix =
        std::array::from_fn(|i| std::array::from_fn(|j| if i == j { to[i] / from[i] } else { 0.0 }));
    multiply(inverse(BRADFORD), multiply(gains, BRADFORD))
}

fn apply(matrix: Matrix, vector: [f64; 3]) -> [f64; 3] {
    matrix.map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum())
}

fn multiply(one: Matrix, other: Matrix) -> Matrix {
    one.map(|row| std::array::from_fn(|j| (0..3).map(|k| row[k] * other[k][j]).sum()))
}

fn inverse(m: Matrix) -> Matrix {
    let cofactor = |i: usize, j: usize| {
        let ([a, b], [c, d]) = ([(i + 1) % 3, (i + 2) % 3], [(j + 1) % 3, (j + 2) % 3]);
        m[a][c] * m[b][d] - m[a][d] * m[b][c]
    };
    let determinant: f64 = (0..3).map(|j| m[0][j] * cofactor(0, j)).sum();
    std::array::from_fn(|i| std::array::from_fn(|j| cofactor(j, i) / determinant))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_of_bt2020_is_that_of_report_bt2407() {
        let conversion = GamutConversion::new(Some(Primaries::Bt2020), Transfer::Video);
        let expected = [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]];
        for (row, expected) in conversion.matrix.iter().zip(expected) {
            for (value, expected) in row.iter().zip(expected) {
                assert!((value - expected).abs() < 0.0002, "{:?}", conversion.matrix);
            }
        }
    }

    #[test]
    fn white_stays_white() {
        for primaries in [Primaries::Bt470M, Primaries::DciP3, Primaries::DisplayP3, Primaries::GenericFilm] {
            for transfer in [Transfer::Video, Transfer::Srgb] {
                let white = GamutConversion::new(Some(primaries), transfer).convert([0.7; 3]);
                assert!(white.iter().all(|value| (value - 0.7).abs() < 0.002), "{primaries:?} {white:?}");
            }
        }
    }

    #[test]
    fn red_of_display_p3_is_more_saturated_in_bt709() {
        let [r, g, b] = GamutConversion::new(Some(Primaries::DisplayP3), Transfer::Video)
            .convert([161.0, 40.0, 32.0].map(|v| v / 255.0));
        let bytes = [r, g, b].map(|value| (value * 255.0).round() as i32);
        assert!((bytes[0] - 174).abs() <= 2 && bytes[1] <= 4 && bytes[2] <= 16, "{bytes:?}");
    }
}
