//! Shows by which reading of the source an output was made.
//!
//! Similarity alone does not detect a shift of hue or saturation. Each misreading moves the colours of a frame in a
//! direction of its own; along that direction, a correct output lies at the plan and a wrong one at the misreading.
//! Another range is not told this way: it changes the contrast, as scalers do in fine patterns; the similarity shows it.

use super::colors::{ColorDecoder, Row};
use super::image::{Image, PlanarFrame, Region};
use super::low_pass::{low_frequencies, reduction, spans};
use super::pixel_mapper::PixelMapper;
use crate::model::{Matrix, Transfer};
use crate::plan::VideoEncode;

/// A way to misread the samples of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misreading {
    /// Primaries or transfer are not converted.
    Gamut,
    /// Another matrix.
    Matrix,
}

impl Misreading {
    /// All of them.
    pub const ALL: [Misreading; 2] = [Misreading::Gamut, Misreading::Matrix];
}

/// Root mean square, in steps of 255, by which a misreading must move the colours to be told from rounding, chroma
/// subsampling and the losses of the encoder.
const VISIBLE_STEPS: f64 = 3.0;

/// How far frames of an output are from a misreading, in sums over pixels and components.
#[derive(Clone, Copy, Debug, Default)]
pub struct ColorEvidence {
    /// The squared distance from the misreading to the plan.
    distance: f64,
    /// The part of it that the output covers.
    covered: f64,
    count: f64,
}

impl ColorEvidence {
    /// Returns which share of the way from the misreading to the plan the output covers: 1 for a correct output.
    /// `None` if the two look the same.
    pub fn share(&self) -> Option<f64> {
        let visible = self.distance >= VISIBLE_STEPS * VISIBLE_STEPS * self.count && self.count > 0.0;
        visible.then(|| self.covered / self.distance)
    }

    /// Adds other frames.
    pub fn add(&mut self, other: ColorEvidence) {
        self.distance += other.distance;
        self.covered += other.covered;
        self.count += other.count;
    }

    fn of(planned: &Image, misread: &Image, actual: &Image) -> ColorEvidence {
        let mut sum = ColorEvidence::default();
        let components = [planned, misread, actual].map(|image| image.pixels.as_flattened());
        for ((planned, misread), actual) in components[0].iter().zip(components[1]).zip(components[2]) {
            let to_plan = f64::from(*planned) - f64::from(*misread);
            sum.distance += to_plan * to_plan;
            sum.covered += to_plan * (f64::from(*actual) - f64::from(*misread));
            sum.count += 1.0;
        }
        sum
    }
}

/// Compares the region of an output frame that shows the source with the planned colours and with each misreading;
/// empty for tone-mapped frames, whose curves differ between implementations.
pub fn color_evidence(
    source: &PlanarFrame,
    output: &PlanarFrame,
    plan: &VideoEncode,
    region: Region,
) -> Vec<(Misreading, ColorEvidence)> {
    if plan.tone_map.is_some() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let colors = source.colors;
    if colors.primaries.is_some() || colors.transfer.unlike_video().is_some() {
        let [planned, actual] = low_frequencies(source, output, plan, region);
        let mut unconverted = source.clone();
        (unconverted.colors.primaries, unconverted.colors.transfer) = (None, Transfer::Video);
        let [unconverted, _] = low_frequencies(&unconverted, output, plan, region);
        found.push((Misreading::Gamut, ColorEvidence::of(&planned, &unconverted, &actual)));
    }
    // Samples behind transparent pixels are not shown.
    if colors.matrix == Matrix::Rgb || plan.alpha_background.is_some() {
        return found;
    }
    let (native, size) = reduction(source, plan, region);
    let mapper = PixelMapper::new(source, plan, native);
    let samples = reduced_samples(native, size, |y, row| mapper.row(y, row));
    let shown =
        reduced_samples((region.width, region.height), size, |y, row| region_row(output, region, y, row));
    let image = |samples: &[[f32; 3]], decoder: &ColorDecoder| {
        let bytes = |rgb: [f32; 3]| rgb.map(|value| (value * 255.0 + 0.5).clamp(0.0, 255.0) as u8);
        let pixels = samples.iter().map(|components| bytes(decoder.rgb(*components))).collect();
        Image { width: size.0, height: size.1, pixels }
    };
    let actual = image(&shown, &ColorDecoder::new(output));
    let decoded = |colors| image(&samples, &ColorDecoder::of(&colors, source.depth));
    let planned = decoded(colors);
    let other = if colors.matrix == Matrix::Bt601 { Matrix::Bt709 } else { Matrix::Bt601 };
    let mut other_matrix = colors;
    other_matrix.matrix = other;
    found.push((Misreading::Matrix, ColorEvidence::of(&planned, &decoded(other_matrix), &actual)));
    found
}

/// Returns the mean components around each pixel of a small image. Averaging before the conversion is exact for the
/// matrix, which is linear; after it, values beyond black and white would be cut off in fine patterns.
fn reduced_samples(
    native: (usize, usize),
    (width, height): (usize, usize),
    mut fill: impl FnMut(usize, &mut Row),
) -> Vec<[f32; 3]> {
    let (columns, rows) = (spans(native.0, width), spans(native.1, height));
    let mut row = Row::default();
    let mut lines: Vec<[f32; 3]> = Vec::with_capacity(width * native.1);
    for y in 0..native.1 {
        fill(y, &mut row);
        lines.extend(columns.iter().map(|(first, weights)| {
            row.each_ref().map(|samples| {
                let weighted = samples[*first..].iter().zip(weights);
                weighted.map(|(sample, weight)| sample * weight).sum::<f32>()
            })
        }));
    }
    let mut reduced = Vec::with_capacity(width * height);
    for (first, weights) in &rows {
        reduced.extend((0..width).map(|x| {
            weights.iter().enumerate().fold([0.0; 3], |sum: [f32; 3], (y, weight)| {
                let line = lines[(first + y) * width + x];
                std::array::from_fn(|i| sum[i] + line[i] * weight)
            })
        }));
    }
    reduced
}

/// Reads the components of a row of a region.
fn region_row(output: &PlanarFrame, region: Region, y: usize, row: &mut Row) {
    let luma = &output.planes[0];
    for (plane, row) in output.planes.iter().zip(row) {
        // Subsampled planes have fewer samples than pixels.
        let line = ((region.top + y) * plane.height / luma.height).min(plane.height - 1);
        let column = |x: usize| ((region.left + x) * plane.width / luma.width).min(plane.width - 1);
        row.clear();
        row.extend((0..region.width).map(|x| f32::from(plane.samples[line * plane.width + column(x)])));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Primaries;
    use crate::plan::example;
    use crate::verify::reference_render::{Colors, Plane, render};

    const SIDE: usize = 120;

    fn frame(planes: [Plane; 3], colors: Colors) -> PlanarFrame {
        PlanarFrame { planes, alpha: None, depth: 8, colors, sample_aspect_ratio: 1.0, peak: None }
    }

    /// Returns a frame of two halves.
    fn halves(left: [u16; 3], right: [u16; 3], colors: Colors) -> PlanarFrame {
        let plane = |i: usize| Plane {
            width: SIDE,
            height: SIDE,
            samples: (0..SIDE * SIDE)
                .map(|at| if at % SIDE < SIDE / 2 { left[i] } else { right[i] })
                .collect(),
        };
        frame([plane(0), plane(1), plane(2)], colors)
    }

    /// Returns the frame that shows what `source` shows.
    fn output_of(source: &PlanarFrame) -> PlanarFrame {
        let image = render(source, &example::video_encode(SIDE as u32, SIDE as u32, 30), (SIDE, SIDE));
        let plane = |i: usize| Plane {
            width: SIDE,
            height: SIDE,
            samples: image.pixels.iter().map(|pixel| u16::from(pixel[i])).collect(),
        };
        frame([plane(0), plane(1), plane(2)], Colors::RGB)
    }

    fn share(source: &PlanarFrame, output: &PlanarFrame, of: Misreading) -> Option<f64> {
        let plan = example::video_encode(SIDE as u32, SIDE as u32, 30);
        let region = Region { left: 0, top: 0, width: SIDE, height: SIDE };
        let evidence = color_evidence(source, output, &plan, region);
        evidence.into_iter().find(|(kind, _)| *kind == of).and_then(|(_, evidence)| evidence.share())
    }

    /// Asserts that the share is 1 for a correct output and 0 for that of the misreading.
    fn assert_told_apart(source: &PlanarFrame, misread: Colors, kind: Misreading) {
        let wrong = PlanarFrame { colors: misread, ..source.clone() };
        let near =
            |found: Option<f64>, expected: f64| found.is_some_and(|share| (share - expected).abs() < 0.1);
        let (right, wrong) =
            (share(source, &output_of(source), kind), share(source, &output_of(&wrong), kind));
        assert!(near(right, 1.0) && near(wrong, 0.0), "{kind:?} {right:?} {wrong:?}");
    }

    #[test]
    fn a_missing_gamut_conversion_is_told_from_the_plan_even_for_similar_primaries() {
        for primaries in [Primaries::DisplayP3, Primaries::Smpte170M, Primaries::Bt2020] {
            let colors = Colors { primaries: Some(primaries), ..Colors::RGB };
            assert_told_apart(&halves([161, 40, 32], [60, 150, 70], colors), Colors::RGB, Misreading::Gamut);
        }
        let linear = Colors { transfer: Transfer::Linear, ..Colors::RGB };
        assert_told_apart(&halves([61, 40, 32], [60, 20, 70], linear), Colors::RGB, Misreading::Gamut);
    }

    #[test]
    fn another_matrix_is_told_from_the_plan() {
        for matrix in [Matrix::Bt709, Matrix::Bt601, Matrix::Bt2020, Matrix::YCgCo] {
            let colors = Colors { full_range: false, matrix, ..Colors::RGB };
            let source = halves([110, 80, 200], [130, 170, 90], colors);
            let other = if matrix == Matrix::Bt601 { Matrix::Bt709 } else { Matrix::Bt601 };
            assert_told_apart(&source, Colors { matrix: other, ..colors }, Misreading::Matrix);
        }
    }

    #[test]
    fn greys_show_no_matrix_and_rgb_has_none() {
        let colors = Colors { full_range: false, matrix: Matrix::Bt709, ..Colors::RGB };
        let grey = halves([60, 128, 128], [180, 128, 128], colors);
        assert_eq!(share(&grey, &output_of(&grey), Misreading::Matrix), None);
        let rgb = halves([60, 10, 128], [180, 128, 20], Colors::RGB);
        assert_eq!(share(&rgb, &output_of(&rgb), Misreading::Matrix), None);
    }
}
