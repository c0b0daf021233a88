//! Converts colours to sRGB.

use image::{DynamicImage, RgbaImage};
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

use crate::job::JobError;

/// Converts an image with an embedded profile to sRGB, as 8-bit pixels.
pub(super) fn to_srgb(image: DynamicImage, profile: Option<&[u8]>) -> Result<RgbaImage, JobError> {
    let pixels = image.into_rgba8();
    let Some(profile) = profile else { return Ok(pixels) };
    let cannot = |error: moxcms::CmsError| {
        JobError::Unreadable(format!("the colour profile of the image cannot be converted to sRGB: {error}"))
    };
    let own = ColorProfile::new_from_slice(profile).map_err(cannot)?;
    let srgb = ColorProfile::new_srgb();
    let (width, height) = pixels.dimensions();
    let mut converted = RgbaImage::new(width, height);
    let options = TransformOptions::default();
    match own.color_space {
        DataColorSpace::Rgb => {
            let transform =
                own.create_transform_8bit(Layout::Rgba, &srgb, Layout::Rgba, options).map_err(cannot)?;
            transform.transform(pixels.as_raw(), &mut converted).map_err(cannot)?;
        }
        DataColorSpace::Gray => {
            let transform =
                own.create_transform_8bit(Layout::Gray, &srgb, Layout::Rgb, options).map_err(cannot)?;
            let grey: Vec<u8> = pixels.pixels().map(|pixel| pixel.0[0]).collect();
            let mut colors = vec![0; grey.len() * 3];
            transform.transform(&grey, &mut colors).map_err(cannot)?;
            for ((to, color), from) in converted.pixels_mut().zip(colors.chunks_exact(3)).zip(pixels.pixels())
            {
                to.0 = [color[0], color[1], color[2], from.0[3]];
            }
        }
        _ => {
            let reason = "the colour profile of the image is for neither RGB nor grey colours";
            return Err(JobError::Unreadable(reason.to_owned()));
        }
    }
    Ok(converted)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use image::Rgba;

    #[test]
    fn display_p3_is_converted_and_srgb_stays() {
        let color = Rgba([200, 60, 40, 128]);
        let image = || DynamicImage::ImageRgba8(RgbaImage::from_pixel(2, 2, color));
        let converted = |profile: ColorProfile| {
            *to_srgb(image(), Some(&profile.encode().unwrap())).unwrap().get_pixel(1, 1)
        };
        let near = |found: Rgba<u8>, wanted: [u8; 4]| {
            found.0.iter().zip(wanted).all(|(found, wanted)| found.abs_diff(wanted) <= 2)
        };
        let same = converted(ColorProfile::new_srgb());
        assert!(near(same, color.0), "{same:?}");
        // By the matrices of both spaces (CSS Color 4, section 10.8).
        let wide = converted(ColorProfile::new_display_p3());
        assert!(near(wide, [217, 42, 23, 128]), "{wide:?}");
        assert_eq!(*to_srgb(image(), None).unwrap().get_pixel(0, 0), color);
    }

    #[test]
    fn a_broken_profile_is_an_error() {
        let image = DynamicImage::ImageRgba8(RgbaImage::new(1, 1));
        to_srgb(image, Some(b"not a profile")).unwrap_err();
    }
}
