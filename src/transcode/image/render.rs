//! Applies a plan to pixels: background, orientation, crop, scale and borders.

use image::imageops::{self, FilterType};
use image::{Rgba, RgbaImage};

use crate::job::JobError;
use crate::libav::error::failed;
use crate::model::{Flip, Rotation, Size};
use crate::plan::{Canvas, CropMargins, Fill, ImageEncode};

/// The blurred background is made at this part of its size: it has no detail.
const BLUR_PART: u32 = 8;

/// Returns the pixels that the plan asks for.
pub(super) fn render(mut pixels: RgbaImage, plan: &ImageEncode) -> Result<RgbaImage, JobError> {
    if let Some(background) = &plan.alpha_background {
        flatten(&mut pixels, color(background)?);
    }
    match plan.flip {
        Some(Flip::Horizontal) => imageops::flip_horizontal_in_place(&mut pixels),
        Some(Flip::Vertical) => imageops::flip_vertical_in_place(&mut pixels),
        None => {}
    }
    pixels = match plan.rotate {
        Rotation::None => pixels,
        Rotation::Quarter => imageops::rotate90(&pixels),
        Rotation::Half => imageops::rotate180(&pixels),
        Rotation::ThreeQuarters => imageops::rotate270(&pixels),
    };
    if let Some(margins) = &plan.crop {
        pixels = crop(&pixels, margins)?;
    }
    pixels = scale(pixels, plan.scale);
    match &plan.canvas {
        Some(canvas) => on_canvas(&pixels, canvas),
        None => Ok(pixels),
    }
}

fn crop(pixels: &RgbaImage, margins: &CropMargins) -> Result<RgbaImage, JobError> {
    let (width, height) = pixels.dimensions();
    let left = |side: u32, first: u32, last: u32| {
        side.checked_sub(first.saturating_add(last)).filter(|kept| *kept > 0)
    };
    let kept = left(width, margins.left, margins.right).zip(left(height, margins.top, margins.bottom));
    let (kept_width, kept_height) =
        kept.ok_or_else(|| failed(format!("nothing of the {width}x{height} image is left after the crop")))?;
    Ok(imageops::crop_imm(pixels, margins.left, margins.top, kept_width, kept_height).to_image())
}

/// Scales to exactly `size`. Colours are weighted by their opacity, so that what is transparent does not show at edges.
fn scale(mut pixels: RgbaImage, size: Size) -> RgbaImage {
    if pixels.dimensions() == (size.width, size.height) {
        return pixels;
    }
    let has_alpha = pixels.pixels().any(|pixel| pixel.0[3] != u8::MAX);
    if has_alpha {
        each_color(&mut pixels, |color, alpha| (color * alpha + 127) / 255);
    }
    let mut scaled = imageops::resize(&pixels, size.width, size.height, FilterType::Lanczos3);
    if has_alpha {
        each_color(&mut scaled, |color, alpha| ((color * 255 + alpha / 2) / alpha.max(1)).min(255));
    }
    scaled
}

/// Replaces each colour value by what `change` returns for it and the opacity of its pixel.
fn each_color(pixels: &mut RgbaImage, change: impl Fn(u32, u32) -> u32) {
    for Rgba([colors @ .., alpha]) in pixels.pixels_mut() {
        for color in colors {
            *color = change(u32::from(*color), u32::from(*alpha)) as u8;
        }
    }
}

/// Composes transparent pixels on a colour.
fn flatten(pixels: &mut RgbaImage, background: [u8; 3]) {
    for Rgba([r, g, b, alpha]) in pixels.pixels_mut() {
        let opacity = u32::from(*alpha);
        for (color, behind) in [r, g, b].into_iter().zip(background) {
            *color = ((u32::from(*color) * opacity + u32::from(behind) * (255 - opacity) + 127) / 255) as u8;
        }
        *alpha = u8::MAX;
    }
}

fn on_canvas(pixels: &RgbaImage, canvas: &Canvas) -> Result<RgbaImage, JobError> {
    let Size { width, height } = canvas.size;
    let mut framed = match &canvas.fill {
        Fill::Color(fill) => {
            let [r, g, b] = color(fill)?;
            RgbaImage::from_pixel(width, height, Rgba([r, g, b, u8::MAX]))
        }
        Fill::Blur => blurred(pixels, canvas.size),
    };
    let x = width.saturating_sub(pixels.width()) / 2;
    let y = height.saturating_sub(pixels.height()) / 2;
    imageops::overlay(&mut framed, pixels, x.into(), y.into());
    Ok(framed)
}

/// Returns the middle of the image, blurred and enlarged to cover a frame of this size.
fn blurred(pixels: &RgbaImage, frame: Size) -> RgbaImage {
    let (width, height) = (u64::from(pixels.width()), u64::from(pixels.height()));
    let (across, down) = (width * u64::from(frame.height), height * u64::from(frame.width));
    let (part_width, part_height) = if across > down {
        ((down / u64::from(frame.height)).max(1), height)
    } else {
        (width, (across / u64::from(frame.width)).max(1))
    };
    let (x, y) = ((width - part_width) / 2, (height - part_height) / 2);
    let part = imageops::crop_imm(pixels, x as u32, y as u32, part_width as u32, part_height as u32);
    let small = Size::new((frame.width / BLUR_PART).max(1), (frame.height / BLUR_PART).max(1));
    let small_image = imageops::resize(&part.to_image(), small.width, small.height, FilterType::Triangle);
    let sigma = (small.width.min(small.height) as f32 / 16.0).max(1.0);
    let blurred = imageops::blur(&small_image, sigma);
    imageops::resize(&blurred, frame.width, frame.height, FilterType::Triangle)
}

/// Returns the values of a colour `RRGGBB`.
fn color(text: &str) -> Result<[u8; 3], JobError> {
    let value = u32::from_str_radix(text, 16).ok().filter(|_| text.len() == 6);
    let [_, r, g, b] = value
        .ok_or_else(|| failed(format!("`{text}` is not a colour of six hexadecimal digits")))?
        .to_be_bytes();
    Ok([r, g, b])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::ImageFormat;

    const RED: Rgba<u8> = Rgba([255, 0, 0, 255]);
    const BLUE: Rgba<u8> = Rgba([0, 0, 255, 255]);

    /// Returns a blue image with a red pixel at the top left.
    fn marked(width: u32, height: u32) -> RgbaImage {
        let mut pixels = RgbaImage::from_pixel(width, height, BLUE);
        pixels.put_pixel(0, 0, RED);
        pixels
    }

    fn plan(width: u32, height: u32) -> ImageEncode {
        ImageEncode {
            from: ImageFormat::Png,
            coded: Size::new(width, height),
            alpha_background: None,
            flip: None,
            rotate: Rotation::None,
            crop: None,
            scale: Size::new(width, height),
            canvas: None,
        }
    }

    /// Returns where the red pixel of an image of 3x2 pixels is after these changes.
    fn moved(flip: Option<Flip>, rotate: Rotation) -> (u32, u32) {
        let size = if rotate.swaps_sides() { Size::new(2, 3) } else { Size::new(3, 2) };
        let plan = ImageEncode { flip, rotate, scale: size, ..plan(3, 2) };
        let rendered = render(marked(3, 2), &plan).unwrap();
        assert_eq!(rendered.dimensions(), (size.width, size.height));
        let red: Vec<_> = rendered.enumerate_pixels().filter(|(.., pixel)| **pixel == RED).collect();
        (red[0].0, red[0].1)
    }

    #[test]
    fn orientation_moves_the_first_pixel_to_its_place() {
        let flip = Some(Flip::Horizontal);
        // The places of the first stored pixel for the orientations 1 to 8 of EXIF.
        assert_eq!(moved(None, Rotation::None), (0, 0));
        assert_eq!(moved(flip, Rotation::None), (2, 0));
        assert_eq!(moved(None, Rotation::Half), (2, 1));
        assert_eq!(moved(Some(Flip::Vertical), Rotation::None), (0, 1));
        assert_eq!(moved(flip, Rotation::ThreeQuarters), (0, 0));
        assert_eq!(moved(None, Rotation::Quarter), (1, 0));
        assert_eq!(moved(flip, Rotation::Quarter), (1, 2));
        assert_eq!(moved(None, Rotation::ThreeQuarters), (0, 2));
    }

    #[test]
    fn transparent_pixels_show_the_background_and_never_their_hidden_colour() {
        let mut pixels = RgbaImage::from_pixel(4, 4, Rgba([0, 200, 0, 255]));
        pixels.pixels_mut().take(8).for_each(|pixel| *pixel = Rgba([255, 0, 0, 0]));
        let flat = ImageEncode { alpha_background: Some("0000ff".to_owned()), ..plan(4, 4) };
        let rendered = render(pixels.clone(), &flat).unwrap();
        assert_eq!((rendered[(0, 0)], rendered[(0, 3)]), (BLUE, Rgba([0, 200, 0, 255])));
        let scaled = render(pixels, &ImageEncode { scale: Size::new(3, 3), ..plan(4, 4) }).unwrap();
        let visible = scaled.pixels().filter(|pixel| pixel.0[3] > 8);
        assert!(visible.clone().count() > 0 && visible.clone().all(|pixel| pixel.0[0] < 20), "{scaled:?}");
    }

    #[test]
    fn borders_surround_the_image_and_crops_keep_its_middle() {
        let canvas = |fill| Some(Canvas { size: Size::new(4, 8), fill });
        let padded = ImageEncode { canvas: canvas(Fill::Color("00ff00".to_owned())), ..plan(4, 4) };
        let rendered = render(marked(4, 4), &padded).unwrap();
        let green = Rgba([0, 255, 0, 255]);
        assert_eq!(
            (rendered[(0, 1)], rendered[(0, 2)], rendered[(3, 5)], rendered[(0, 6)]),
            (green, RED, BLUE, green)
        );
        let blurred =
            render(marked(4, 4), &ImageEncode { canvas: canvas(Fill::Blur), ..plan(4, 4) }).unwrap();
        assert!(blurred[(2, 0)].0[2] > 150 && blurred[(0, 2)] == RED, "{blurred:?}");
        let margins = CropMargins { left: 1, top: 0, right: 1, bottom: 0 };
        let cropped = ImageEncode { crop: Some(margins), scale: Size::new(2, 4), ..plan(4, 4) };
        assert!(render(marked(4, 4), &cropped).unwrap().pixels().all(|pixel| *pixel == BLUE));
        let margins = CropMargins { left: 4, ..margins };
        render(marked(4, 4), &ImageEncode { crop: Some(margins), ..plan(4, 4) }).unwrap_err();
    }
}
