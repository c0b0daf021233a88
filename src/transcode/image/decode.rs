//! Decodes a still image to sRGB with straight transparency.

use std::fs::File;
use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ffmpeg_next::ffi;
use image::codecs::gif::GifDecoder;
use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ImageDecoder, Limits, RgbaImage};

use super::colors::to_srgb;
use crate::job::JobError;
use crate::libav::decoder::Decoder;
use crate::libav::file::{read_all, share};
use crate::libav::input::Input;
use crate::model::{Flip, ImageFormat, Rotation, Size};
use crate::probe::headers::item_profile;
use crate::transcode::libav::{ImageRequest, frame_at, to_rgba};

/// The most bytes that a decoder of the `image` crate allocates.
const MAX_ALLOCATION: u64 = 2 << 30;

/// An image file.
#[derive(Clone, Copy)]
pub(crate) struct ImageSource<'a> {
    /// The file.
    pub(crate) file: &'a File,
    /// Its name, of which only the extension is used.
    pub(crate) name: &'a str,
    /// Its format.
    pub(crate) format: &'a ImageFormat,
    /// The size that its header declared; another is an error. `None` if any is fine.
    pub(crate) size: Option<Size>,
}

/// Decodes an image, with the `image` crate where it knows the format.
///
/// # Errors
///
/// [`JobError::Unreadable`], [`JobError::Io`], [`JobError::Cancelled`].
pub(crate) fn decode(source: ImageSource<'_>, cancel: &Arc<AtomicBool>) -> Result<RgbaImage, JobError> {
    if *source.format == ImageFormat::Avif {
        let pixels = decode_by_library(source, cancel)?;
        // The library applies the colours that the file declares by numbers, and no profile.
        let bytes = read_all(source.file)?;
        return to_srgb(DynamicImage::ImageRgba8(pixels), item_profile(&bytes));
    }
    let bytes = Cursor::new(read_all(source.file)?);
    match source.format {
        ImageFormat::Jpeg => decoded(JpegDecoder::new(bytes), source.size),
        ImageFormat::Png => decoded(PngDecoder::with_limits(bytes, limits()), source.size),
        ImageFormat::Gif => decoded(GifDecoder::new(bytes), source.size),
        ImageFormat::Webp => decoded(WebPDecoder::new(bytes), source.size),
        other => Err(JobError::Unreadable(format!("{other} images cannot be decoded"))),
    }
}

/// Decodes an image with the media library.
///
/// # Errors
///
/// As [`decode`].
pub(crate) fn decode_by_library(
    source: ImageSource<'_>,
    cancel: &Arc<AtomicBool>,
) -> Result<RgbaImage, JobError> {
    let unreadable = || JobError::Unreadable("the image cannot be decoded".to_owned());
    let mut input = Input::open(share(source.file)?, source.name, Arc::clone(cancel))?;
    let stream = input.first(ffi::AVMediaType::AVMEDIA_TYPE_VIDEO).ok_or_else(unreadable)?;
    let mut decoder = Decoder::open(&mut input, stream, 1, false)?;
    let frame = frame_at(&mut input, &mut decoder, stream, None)?.ok_or_else(unreadable)?;
    let size = Size::new(frame.get().width.max(0) as u32, frame.get().height.max(0) as u32);
    check_size(size, source.size)?;
    let request = ImageRequest { stream, size, rotation: Rotation::None, flip: None::<Flip> };
    let pixels = to_rgba(frame, request)?;
    RgbaImage::from_raw(size.width, size.height, pixels).ok_or_else(unreadable)
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_ALLOCATION);
    limits
}

fn decoded<D: ImageDecoder>(
    decoder: image::ImageResult<D>,
    wanted: Option<Size>,
) -> Result<RgbaImage, JobError> {
    let unreadable = |error: image::ImageError| JobError::Unreadable(error.to_string());
    let mut decoder = decoder.map_err(unreadable)?;
    let (width, height) = decoder.dimensions();
    // Before anything is decoded: the plan allows the size that was probed.
    check_size(Size::new(width, height), wanted)?;
    decoder.set_limits(limits()).map_err(unreadable)?;
    let profile = decoder.icc_profile().map_err(unreadable)?;
    let image = DynamicImage::from_decoder(decoder).map_err(unreadable)?;
    to_srgb(image, profile.as_deref())
}

fn check_size(size: Size, wanted: Option<Size>) -> Result<(), JobError> {
    match wanted {
        Some(wanted) if wanted != size => {
            Err(JobError::Unreadable(format!("the image is {size}, but its header declared {wanted}")))
        }
        _ => Ok(()),
    }
}
