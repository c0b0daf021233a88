//! Compares without fine detail.
//!
//! Scalers place one-pixel patterns at different phases, so that correct renders of a checkerboard can be each
//! other's negatives. Weighting both sides with a triangle of twice the distance between pixels, at the same
//! positions, removes such patterns and keeps what shows a wrong rotation, crop, matrix, range or tone map.

use super::image::{Image, PlanarFrame, Region};
use super::pixel_mapper::PixelMapper;
use super::render::{render, render_region};
use crate::plan::VideoEncode;

/// Shorter side in pixels of the images without fine detail.
const SHORTER_SIDE: usize = 96;
/// Pixels of the smaller rendering that one pixel without fine detail covers at least.
const MIN_REDUCTION: usize = 3;

/// Renders the planned output of a source frame, and the region of the output frame that shows it, both at full
/// detail, and reduces them to the same small size.
pub fn low_frequencies(
    source: &PlanarFrame,
    output: &PlanarFrame,
    plan: &VideoEncode,
    region: Region,
) -> [Image; 2] {
    let (native, size) = reduction(source, plan, region);
    let planned = render(source, plan, native);
    let actual = render_region(output, region, (region.width, region.height));
    [reduced(&planned, size), reduced(&actual, size)]
}

/// Returns the size of the planned output at one pixel per sample of the source, and the small size.
pub(super) fn reduction(
    source: &PlanarFrame,
    plan: &VideoEncode,
    region: Region,
) -> ((usize, usize), (usize, usize)) {
    let (kept_w, kept_h) = PixelMapper::new(source, plan, (1, 1)).kept_samples();
    // Every sample of the source counts once; interpolating between them would be a filter of its own.
    let native = ((kept_w.round() as usize).max(1), (kept_h.round() as usize).max(1));
    let shorter = native.0.min(native.1).min(region.width).min(region.height);
    let side = SHORTER_SIDE.min(shorter / MIN_REDUCTION).max(1);
    let least = region.width.min(region.height);
    let size = ((region.width * side).div_ceil(least), (region.height * side).div_ceil(least));
    (native, size)
}

/// The source pixels of one reduced pixel along an axis: the first, and the weights from it on.
pub(super) type Span = (usize, Vec<f32>);

/// Returns the weights of the triangle around each reduced pixel.
pub(super) fn spans(from: usize, to: usize) -> Vec<Span> {
    let step = from as f64 / to as f64;
    (0..to)
        .map(|at| {
            let centre = (at as f64 + 0.5) * step;
            let first = (centre - step).floor().max(0.0) as usize;
            let last = ((centre + step).ceil() as usize).min(from);
            let weights = (first..last).map(|x| (1.0 - (x as f64 + 0.5 - centre).abs() / step).max(0.0));
            let weights: Vec<f64> = weights.collect();
            let sum: f64 = weights.iter().sum();
            (first, weights.iter().map(|weight| (weight / sum) as f32).collect())
        })
        .collect()
}

fn reduced(image: &Image, (width, height): (usize, usize)) -> Image {
    let (columns, rows) = (spans(image.width, width), spans(image.height, height));
    let mut lines: Vec<[f32; 3]> = Vec::with_capacity(width * image.height);
    for line in image.pixels.chunks(image.width) {
        lines.extend(columns.iter().map(|(first, weights)| {
            let pixels = line[*first..].iter().zip(weights);
            pixels.fold([0.0; 3], |sum, (pixel, weight)| add(sum, pixel.map(f32::from), *weight))
        }));
    }
    let mut pixels = Vec::with_capacity(width * height);
    for (first, weights) in &rows {
        pixels.extend((0..width).map(|x| {
            let column = weights.iter().enumerate();
            let sum =
                column.fold([0.0; 3], |sum, (y, weight)| add(sum, lines[(first + y) * width + x], *weight));
            sum.map(|value: f32| (value + 0.5).clamp(0.0, 255.0) as u8)
        }));
    }
    Image { width, height, pixels }
}

fn add(sum: [f32; 3], value: [f32; 3], weight: f32) -> [f32; 3] {
    std::array::from_fn(|i| sum[i] + value[i] * weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(width: usize, height: usize, of: impl Fn(usize, usize) -> u8) -> Image {
        let positions = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        Image { width, height, pixels: positions.map(|(x, y)| [of(x, y); 3]).collect() }
    }

    fn spread(image: &Image) -> u8 {
        let values = image.pixels.iter().map(|pixel| pixel[0]);
        values.clone().max().unwrap_or(0) - values.min().unwrap_or(0)
    }

    #[test]
    fn one_pixel_patterns_disappear_whatever_their_phase() {
        // At the edges the triangle is cut off, which leaves a little of them.
        for phase in 0..2 {
            let checks = image(360, 640, |x, y| if (x + y + phase) % 2 == 0 { 255 } else { 0 });
            let stripes = image(361, 633, |x, _| if (x + phase) % 2 == 0 { 255 } else { 0 });
            for (pattern, size) in [(checks, (96, 171)), (stripes, (96, 169))] {
                assert!(spread(&reduced(&pattern, size)) <= 16, "{}", spread(&reduced(&pattern, size)));
            }
        }
    }

    #[test]
    fn shapes_and_their_positions_remain() {
        let halves = image(360, 640, |x, _| if x < 180 { 0 } else { 255 });
        let small = reduced(&halves, (96, 171));
        assert_eq!((small.pixels[10][0], small.pixels[85][0]), (0, 255));
    }
}
