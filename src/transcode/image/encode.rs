//! Writes pixels to JPEG and PNG files.

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, RgbaImage};

use crate::job::JobError;
use crate::libav::error::failed;
use crate::plan::OutputContainer;

/// The qualities of the JPEG encoder, the highest first: the first that keeps the size limit is used.
const QUALITIES: [u8; 8] = [95, 92, 88, 84, 80, 75, 70, 60];

/// Returns the bytes of a file with these pixels.
///
/// # Errors
///
/// [`JobError::Failed`] when the pixels cannot be encoded in at most `max_bytes`.
pub(super) fn encode(
    pixels: &RgbaImage,
    container: OutputContainer,
    max_bytes: Option<u64>,
) -> Result<Vec<u8>, JobError> {
    let fits = |bytes: &Vec<u8>| max_bytes.is_none_or(|max| bytes.len() as u64 <= max);
    if container == OutputContainer::Png {
        return Some(png(pixels)?).filter(fits).ok_or_else(|| too_large(max_bytes));
    }
    let rgb = opaque(pixels);
    for quality in QUALITIES {
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, quality)
            .encode(&rgb, pixels.width(), pixels.height(), ExtendedColorType::Rgb8)
            .map_err(|error| failed(format!("cannot encode the image as JPEG: {error}")))?;
        if fits(&bytes) {
            return Ok(bytes);
        }
    }
    Err(too_large(max_bytes))
}

fn png(pixels: &RgbaImage) -> Result<Vec<u8>, JobError> {
    let mut bytes = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive);
    let (width, height) = pixels.dimensions();
    let written = if pixels.pixels().all(|pixel| pixel.0[3] == u8::MAX) {
        encoder.write_image(&opaque(pixels), width, height, ExtendedColorType::Rgb8)
    } else {
        encoder.write_image(pixels.as_raw(), width, height, ExtendedColorType::Rgba8)
    };
    written.map_err(|error| failed(format!("cannot encode the image as PNG: {error}")))?;
    Ok(bytes)
}

/// Returns the pixels without their transparency.
fn opaque(pixels: &RgbaImage) -> Vec<u8> {
    pixels.pixels().flat_map(|pixel| [pixel.0[0], pixel.0[1], pixel.0[2]]).collect()
}

fn too_large(max_bytes: Option<u64>) -> JobError {
    failed(format!(
        "the image does not fit into {} bytes at an acceptable quality",
        max_bytes.unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use image::Rgba;

    /// Returns pixels that compress badly.
    fn noise() -> RgbaImage {
        let mut state = 1_u32;
        RgbaImage::from_fn(64, 64, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [r, g, b, _] = state.to_be_bytes();
            Rgba([r, g, b, 255])
        })
    }

    #[test]
    fn the_quality_falls_only_as_far_as_the_limit_needs() {
        let best = encode(&noise(), OutputContainer::Jpeg, None).unwrap();
        let same = encode(&noise(), OutputContainer::Jpeg, Some(best.len() as u64)).unwrap();
        assert_eq!(best, same);
        let limit = best.len() as u64 - 1;
        let lower = encode(&noise(), OutputContainer::Jpeg, Some(limit)).unwrap();
        assert!(lower.len() as u64 <= limit && lower.len() > best.len() / 2);
        encode(&noise(), OutputContainer::Jpeg, Some(100)).unwrap_err();
    }

    #[test]
    fn a_png_has_an_alpha_channel_only_where_pixels_are_transparent() {
        let color = |pixels: &RgbaImage| {
            let bytes = encode(pixels, OutputContainer::Png, None).unwrap();
            image::load_from_memory(&bytes).unwrap().color()
        };
        let mut pixels = noise();
        assert_eq!(color(&pixels), image::ColorType::Rgb8);
        pixels.put_pixel(3, 3, Rgba([1, 2, 3, 4]));
        assert_eq!(color(&pixels), image::ColorType::Rgba8);
    }
}
