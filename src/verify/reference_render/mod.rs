//! What an output should look like, drawn a second time without the library's filters.
//!
//! Every pixel of the output is traced back through the plan to the place of the source it shows. That
//! shares no code with the filter graph, so that a wrong turn, crop, matrix or tone map is seen, which a
//! comparison with the encoder's own input cannot see. Pure: samples in, red, green and blue out.

mod colors;
mod image;
mod pixel_mapper;

use crate::plan::VideoEncode;

use self::colors::{Decoding, Row, color, pixels};
pub use self::image::{Colors, Image, Part, Picture, Plane};
use self::pixel_mapper::PixelMapper;

/// The longer side at which pictures are compared: turns, cuts and colours show at any size, and fine
/// detail is what every frame is compared for anyway.
const LONGER_SIDE: f64 = 720.0;

/// The size at which a source and what the plan makes of it are best compared: that of the output, but
/// no larger than the source, since ways to enlarge a picture differ, and no larger than shows what is
/// looked for.
pub fn common_size(source: &Picture, plan: &VideoEncode) -> (usize, usize) {
    let (wide, high) = PixelMapper::new(source, plan, (1, 1)).kept_samples();
    let smaller = |planned: u32, kept: f64| (planned as usize).min(kept as usize).max(1);
    let (width, height) = (smaller(plan.scale.width, wide), smaller(plan.scale.height, high));
    comparison_size(width, height)
}

/// No larger than shows what is looked for, in the same shape.
pub fn comparison_size(width: usize, height: usize) -> (usize, usize) {
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
    let eye = PixelMapper::new(flat.as_ref().unwrap_or(source), plan, (width, height));
    let mut row = Row::default();
    let mut drawn = Vec::with_capacity(width * height);
    for y in 0..height {
        eye.row(y, &mut row);
        pixels(&row, &eye.decoding, eye.mapping.as_ref(), &mut drawn);
    }
    Image { width, height, pixels: drawn }
}

/// A part of a finished picture of the output, drawn at a size no larger than it is.
pub fn read(output: &Picture, part: Part, (width, height): (usize, usize)) -> Image {
    let decoding = Decoding::new(output);
    let whole = &output.planes[0];
    // The pixels that one drawn pixel stands for: at least one.
    let span = |at: usize, drawn: usize, count: usize| {
        let first = at * count / drawn;
        first..((at + 1) * count / drawn).max(first + 1)
    };
    let columns = output.planes.each_ref().map(|plane| {
        // Where a plane has fewer samples than the whole, they are counted by the pixels they cover.
        let of = |x: usize| ((part.left + x) * plane.width / whole.width).min(plane.width - 1);
        (0..part.width.max(width)).map(of).collect::<Vec<_>>()
    });
    let mut sums = vec![0_u32; part.width.max(width)];
    let mut row = Row::default();
    let mut drawn = Vec::with_capacity(width * height);
    for y in 0..height {
        let lines = span(y, height, part.height);
        for ((plane, columns), row) in output.planes.iter().zip(&columns).zip(&mut row) {
            sums.fill(0);
            for line in lines.clone() {
                let line = ((part.top + line) * plane.height / whole.height).min(plane.height - 1);
                let samples = &plane.samples[line * plane.width..][..plane.width];
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum += u32::from(samples[*column]);
                }
            }
            row.clear();
            row.extend((0..width).map(|x| {
                let across = span(x, width, part.width);
                let count = (across.len() * lines.len()) as f32;
                sums[across].iter().sum::<u32>() as f32 / count
            }));
        }
        pixels(&row, &decoding, None, &mut drawn);
    }
    Image { width, height, pixels: drawn }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::model::{Flip, HdrKind, Rotation};
    use crate::plan::{CropMargins, sample};

    fn plan(width: u32, height: u32) -> VideoEncode {
        sample::video_encode(width, height, 30)
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
            plan.crop = Some(CropMargins { left: 6, top: 2, right: 0, bottom: 10 });
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
        plan.crop = Some(CropMargins { left: 100, top: 0, right: 0, bottom: 0 });
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
