//! Compares a written image with the pixels of its plan.

use image::RgbaImage;
use image::imageops::{self, FilterType};

use super::reference_samples::{MIN_SIDE, score};
use crate::job::{JobError, Similarity, SimilarityMetric, VerifyReport};
use crate::verify::reference_render::Image;
use crate::verify::thresholds::{IMAGE_DIFFERENCE, IMAGE_SCORE};

/// Larger images are compared at this many pixels: a comparison takes many times the memory of an image.
const MAX_PIXELS: f64 = 4e6;

/// Compares the pixels that another decoder reads from an output with the planned ones, and adds to the report what it
/// finds. `exact` is whether the format keeps every pixel.
///
/// # Errors
///
/// [`JobError::Failed`] when the comparison is not possible.
pub(crate) fn compare_images(
    planned: &RgbaImage,
    found: &RgbaImage,
    exact: bool,
    report: &mut VerifyReport,
) -> Result<(), JobError> {
    let (wanted, actual) = (planned.dimensions(), found.dimensions());
    if wanted != actual {
        let ((w, h), (x, y)) = (wanted, actual);
        report.fail(format!("the output is {x}x{y}, planned {w}x{h}"));
        return Ok(());
    }
    if exact {
        let different = planned.pixels().zip(found.pixels()).filter(|(one, other)| one != other).count();
        if different > 0 {
            report.fail(format!("{different} pixels of the output are not those of the plan"));
        }
        return Ok(());
    }
    let mean = mean_difference(planned, found);
    if mean > IMAGE_DIFFERENCE {
        report.fail(format!(
            "the pixels of the output differ by {mean:.1} on average from those of the plan, expected at most \
             {IMAGE_DIFFERENCE}"
        ));
    }
    let (planned, found) = (small(planned), small(found));
    if planned.width.min(planned.height) < MIN_SIDE {
        return Ok(());
    }
    let score = score(&planned, &found)?;
    report.similarity =
        Some(Similarity { metric: SimilarityMetric::Ssimulacra2, mean: score, min: score, worst_at_s: None });
    if score < IMAGE_SCORE {
        report.fail(format!(
            "the output does not show the pixels of the plan: SSIMULACRA2 {score:.0}, expected at least {IMAGE_SCORE}"
        ));
    }
    Ok(())
}

/// Returns the mean difference of the colour values.
fn mean_difference(one: &RgbaImage, other: &RgbaImage) -> f64 {
    let sum: u64 =
        one.as_raw().iter().zip(other.as_raw()).map(|(one, other)| u64::from(one.abs_diff(*other))).sum();
    // The fourth value, the opacity, is the same in both.
    sum as f64 / (3.0 * f64::from(one.width()) * f64::from(one.height())).max(1.0)
}

fn small(image: &RgbaImage) -> Image {
    let (width, height) = image.dimensions();
    let scale = (MAX_PIXELS / (f64::from(width) * f64::from(height))).sqrt();
    let packed = |image: &RgbaImage| Image {
        width: image.width() as usize,
        height: image.height() as usize,
        pixels: image.pixels().map(|pixel| [pixel.0[0], pixel.0[1], pixel.0[2]]).collect(),
    };
    if scale >= 1.0 {
        return packed(image);
    }
    let side = |side: u32| ((f64::from(side) * scale) as u32).max(1);
    packed(&imageops::resize(image, side(width), side(height), FilterType::Triangle))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use image::Rgba;

    fn picture() -> RgbaImage {
        RgbaImage::from_fn(96, 64, |x, y| {
            let box_or_ground = if (20..50).contains(&x) && (10..30).contains(&y) { 220 } else { 40 };
            Rgba([box_or_ground, (x * 2) as u8, (y * 3) as u8, 255])
        })
    }

    fn failures(found: &RgbaImage, exact: bool) -> usize {
        let mut report = VerifyReport::default();
        compare_images(&picture(), found, exact, &mut report).unwrap();
        report.failures.len()
    }

    #[test]
    fn another_orientation_size_or_colour_is_found() {
        assert_eq!(failures(&picture(), false), 0);
        let mut near = picture();
        near.pixels_mut().for_each(|pixel| pixel.0[1] = pixel.0[1].saturating_add(1));
        assert_eq!(failures(&near, false), 0);
        let wrong = [
            imageops::rotate180(&picture()),
            imageops::flip_horizontal(&picture()),
            imageops::rotate90(&picture()),
            imageops::resize(
                &imageops::crop_imm(&picture(), 8, 8, 72, 48).to_image(),
                96,
                64,
                FilterType::Triangle,
            ),
        ];
        for image in wrong {
            assert!(failures(&image, false) > 0);
        }
        let mut colors = picture();
        colors.pixels_mut().for_each(|pixel| pixel.0.swap(0, 2));
        assert!(failures(&colors, false) > 0);
    }

    #[test]
    fn one_wrong_pixel_is_found_where_the_format_keeps_all() {
        let mut near = picture();
        near.put_pixel(7, 7, Rgba([0, 0, 0, 255]));
        assert_eq!((failures(&picture(), true), failures(&near, true)), (0, 1));
    }
}
