//! Renders frames at the size at which they are compared.

use super::colors::{ColorDecoder, Row, color, push_pixels};
use super::image::{Colors, Image, PlanarFrame, Plane, Region};
use super::pixel_mapper::PixelMapper;
use crate::plan::VideoEncode;

/// Maximum longer side in pixels for the comparison: it suffices for rotation, crop and colours, and fine
/// detail is compared for every frame anyway.
const LONGER_SIDE: f64 = 720.0;

/// Returns the size for comparing a source with its output: that of the output, but no larger than the
/// source, because scalers differ in enlarging, and at most [`comparison_size`].
pub fn common_size(source: &PlanarFrame, plan: &VideoEncode) -> (usize, usize) {
    let (kept_width, kept_height) = PixelMapper::new(source, plan, (1, 1)).kept_samples();
    let smaller = |planned: u32, kept: f64| (planned as usize).min(kept as usize).max(1);
    let (width, height) = (smaller(plan.scale.width, kept_width), smaller(plan.scale.height, kept_height));
    comparison_size(width, height)
}

/// Downscales to at most [`LONGER_SIDE`], keeping the aspect ratio.
pub fn comparison_size(width: usize, height: usize) -> (usize, usize) {
    let shrink = (width.max(height) as f64 / LONGER_SIDE).max(1.0);
    let shrunk = |side: usize| ((side as f64 / shrink).round() as usize).max(1);
    (shrunk(width), shrunk(height))
}

/// Renders the planned output of a source frame at a size, without the canvas around it.
pub fn render(source: &PlanarFrame, plan: &VideoEncode, (width, height): (usize, usize)) -> Image {
    // Blended before scaling, so that the colours of transparent pixels do not bleed into edges.
    let flat = match (&source.alpha, plan.alpha_background.as_deref()) {
        (Some(alpha), Some(background)) => Some(flattened(source, alpha, color(background))),
        _ => None,
    };
    let mapper = PixelMapper::new(flat.as_ref().unwrap_or(source), plan, (width, height));
    let mut row = Row::default();
    let mut pixels = Vec::with_capacity(width * height);
    for y in 0..height {
        mapper.row(y, &mut row);
        push_pixels(&row, &mapper.decoder, mapper.mapping.as_ref(), &mut pixels);
    }
    Image { width, height, pixels }
}

/// Renders a region of an output frame at a size no larger than the region.
pub fn render_region(output: &PlanarFrame, region: Region, (width, height): (usize, usize)) -> Image {
    let decoder = ColorDecoder::new(output);
    let luma = &output.planes[0];
    // The range of source pixels of one rendered pixel, at least one.
    let span = |at: usize, rendered: usize, count: usize| {
        let first = at * count / rendered;
        first..((at + 1) * count / rendered).max(first + 1)
    };
    let columns = output.planes.each_ref().map(|plane| {
        // Subsampled planes have fewer samples than pixels.
        let of = |x: usize| ((region.left + x) * plane.width / luma.width).min(plane.width - 1);
        (0..region.width.max(width)).map(of).collect::<Vec<_>>()
    });
    let mut sums = vec![0_u32; region.width.max(width)];
    let mut row = Row::default();
    let mut pixels = Vec::with_capacity(width * height);
    for y in 0..height {
        let lines = span(y, height, region.height);
        for ((plane, columns), row) in output.planes.iter().zip(&columns).zip(&mut row) {
            sums.fill(0);
            for line in lines.clone() {
                let line = ((region.top + line) * plane.height / luma.height).min(plane.height - 1);
                let samples = &plane.samples[line * plane.width..][..plane.width];
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum += u32::from(samples[*column]);
                }
            }
            row.clear();
            row.extend((0..width).map(|x| {
                let across = span(x, width, region.width);
                let count = (across.len() * lines.len()) as f32;
                sums[across].iter().sum::<u32>() as f32 / count
            }));
        }
        push_pixels(&row, &decoder, None, &mut pixels);
    }
    Image { width, height, pixels }
}

/// Blends a frame with alpha over a background.
fn flattened(source: &PlanarFrame, alpha: &Plane, background: [f32; 3]) -> PlanarFrame {
    let decoder = ColorDecoder::new(source);
    let (width, height) = (alpha.width, alpha.height);
    let mut planes = [(); 3].map(|()| Plane { width, height, samples: Vec::with_capacity(width * height) });
    for (at, opacity) in alpha.samples.iter().enumerate() {
        let rgb =
            decoder.rgb(source.planes.each_ref().map(|plane| plane.nearest(at % width, at / width, alpha)));
        let alpha_share = f32::from(*opacity) / decoder.max_value;
        for ((plane, value), background) in planes.iter_mut().zip(rgb).zip(background) {
            let value = value.clamp(0.0, 1.0) * alpha_share + background * (1.0 - alpha_share);
            plane.samples.push((value * 255.0 + 0.5) as u16);
        }
    }
    PlanarFrame { planes, alpha: None, depth: 8, colors: Colors::RGB, ..*source }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::model::{Flip, HdrKind, Matrix, Rotation};
    use crate::plan::{CropMargins, example};

    fn plan(width: u32, height: u32) -> VideoEncode {
        example::video_encode(width, height, 30)
    }

    fn plane(width: usize, height: usize, of: impl Fn(usize, usize) -> u16) -> Plane {
        let positions = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        Plane { width, height, samples: positions.map(|(x, y)| of(x, y)).collect() }
    }

    /// Returns a frame whose red increases to the right and green downwards.
    fn frame(width: usize, height: usize) -> PlanarFrame {
        let ramp = |at: usize, count: usize| (at * 255 / (count - 1)) as u16;
        PlanarFrame {
            planes: [
                plane(width, height, |x, _| ramp(x, width)),
                plane(width, height, |_, y| ramp(y, height)),
                plane(width, height, |_, _| 0),
            ],
            alpha: None,
            depth: 8,
            colors: Colors::RGB,
            sample_aspect_ratio: 1.0,
            peak: None,
        }
    }

    /// Returns whether red and green are high in each corner: top left, top right, bottom left, bottom right.
    fn corners(image: &Image) -> [(bool, bool); 4] {
        let (right, below) = (image.width - 1, (image.height - 1) * image.width);
        [0, right, below, below + right].map(|at| (image.pixels[at][0] > 127, image.pixels[at][1] > 127))
    }

    #[test]
    fn rotations_and_flips_move_the_corners() {
        let (nw, ne, sw, se) = ((false, false), (true, false), (false, true), (true, true));
        let rendered = |rotate, flip| {
            let mut plan = plan(40, 40);
            (plan.rotate, plan.flip) = (rotate, flip);
            corners(&render(&frame(60, 40), &plan, (40, 40)))
        };
        assert_eq!(rendered(Rotation::None, None), [nw, ne, sw, se]);
        assert_eq!(rendered(Rotation::Quarter, None), [sw, nw, se, ne]);
        assert_eq!(rendered(Rotation::Half, None), [se, sw, ne, nw]);
        assert_eq!(rendered(Rotation::ThreeQuarters, None), [ne, se, nw, sw]);
        assert_eq!(rendered(Rotation::None, Some(Flip::Horizontal)), [ne, nw, se, sw]);
        assert_eq!(rendered(Rotation::None, Some(Flip::Vertical)), [sw, se, nw, ne]);
    }

    #[test]
    fn a_smaller_render_shows_the_same_image() {
        for rotate in [Rotation::None, Rotation::Quarter, Rotation::Half, Rotation::ThreeQuarters] {
            let mut plan = plan(60, 60);
            (plan.rotate, plan.flip) = (rotate, Some(Flip::Vertical));
            plan.crop = Some(CropMargins { left: 6, top: 2, right: 0, bottom: 10 });
            let source = frame(120, 120);
            let (full, small) = (render(&source, &plan, (120, 120)), render(&source, &plan, (40, 40)));
            for (x, y) in [(0, 0), (39, 0), (7, 31), (39, 39)] {
                let (one, other) = (full.pixels[(y * 3 + 1) * 120 + x * 3 + 1], small.pixels[y * 40 + x]);
                let apart = one.iter().zip(other).map(|(a, b)| a.abs_diff(b)).max().unwrap();
                assert!(apart <= 4, "{rotate:?} {x} {y}: {one:?} {other:?}");
            }
        }
    }

    #[test]
    fn crop_margins_are_in_square_pixels_of_the_upright_frame() {
        let mut anamorphic = frame(100, 100);
        anamorphic.sample_aspect_ratio = 2.0;
        let mut plan = plan(50, 50);
        plan.crop = Some(CropMargins { left: 100, top: 0, right: 0, bottom: 0 });
        let image = render(&anamorphic, &plan, (50, 50));
        assert!((126..=132).contains(&image.pixels[0][0]), "{:?}", image.pixels[0]);
    }

    #[test]
    fn an_enlarged_frame_is_compared_at_its_original_size() {
        let mut plan = plan(400, 40);
        plan.rotate = Rotation::Quarter;
        assert_eq!(common_size(&frame(60, 80), &plan), (80, 40));
        let region = Region { left: 30, top: 10, width: 30, height: 20 };
        let image = render_region(&frame(60, 40), region, (3, 2));
        assert_eq!(corners(&image).map(|(red, _)| red), [true; 4]);
        assert_eq!(image.pixels.len(), 6);
    }

    #[test]
    fn colours_follow_matrix_range_and_background() {
        // Red by BT.601 in limited range (Recommendation ITU-R BT.601, table 3).
        let mut red = frame(2, 2);
        red.planes = [81, 90, 240].map(|value| plane(2, 2, |_, _| value));
        red.colors = Colors { full_range: false, matrix: Matrix::Bt601, ..Colors::RGB };
        let pixel = render(&red, &plan(2, 2), (2, 2)).pixels[0];
        assert!(pixel[0] > 250 && pixel[1] < 4 && pixel[2] < 4, "{pixel:?}");
        red.colors.matrix = Matrix::Bt709;
        let wrong_matrix = render(&red, &plan(2, 2), (2, 2)).pixels[0];
        assert!(wrong_matrix[1] > 20 || wrong_matrix[0] < 240, "{wrong_matrix:?}");
        let mut clear = frame(2, 2);
        clear.alpha = Some(plane(2, 2, |_, _| 0));
        let mut plan = plan(2, 2);
        plan.alpha_background = Some("0a141e".into());
        assert_eq!(render(&clear, &plan, (2, 2)).pixels[3], [10, 20, 30]);
    }

    #[test]
    fn tone_mapping_is_monotonic() {
        for from in [HdrKind::Pq, HdrKind::Hlg] {
            let mut grey = frame(256, 2);
            let ramp = plane(256, 2, |x, _| x as u16);
            grey.planes = [ramp.clone(), ramp.clone(), ramp];
            let mut plan = plan(256, 2);
            plan.tone_map = Some(crate::plan::ToneMap { from });
            let image = render(&grey, &plan, (256, 2));
            let row: Vec<u8> = image.pixels[..256].iter().map(|pixel| pixel[1]).collect();
            assert!(row.is_sorted() && row[0] < 4 && row[255] > 200, "{row:?}");
            let spread = |[r, g, b]: [u8; 3]| r.abs_diff(g).max(g.abs_diff(b));
            assert!(image.pixels.iter().all(|pixel| spread(*pixel) < 3), "grey stays grey");
        }
    }
}
