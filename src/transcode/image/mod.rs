//! Processes still images and writes them to image files.
//!
//! The `image` crate decodes JPEG, PNG, GIF and WebP and encodes JPEG and PNG; the media library decodes AVIF. This
//! module opens no files.

mod colors;
mod decode;
mod encode;
mod metadata;
mod render;

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use image::RgbaImage;

use self::encode::encode;
use self::metadata::without_metadata;
use self::render::render;
use crate::job::{JobError, Progress};
use crate::libav::error::failed;
use crate::libav::file::{read_all, write_new};
use crate::plan::{OutputSpec, VideoPlan};

pub(crate) use self::decode::{ImageSource, decode, decode_by_library};

/// Writes the image that `spec` describes into the empty file `output`, and flushes it to the device. Returns the
/// pixels that the plan asks for; `None` for a copy of the coded image.
///
/// # Errors
///
/// [`JobError::Unreadable`] when the source cannot be decoded, [`JobError::Failed`] when the plan cannot be carried out
/// or the output exceeds the size limit, [`JobError::Io`], [`JobError::Cancelled`].
pub(crate) fn write(
    input: &File,
    output: &File,
    name: &str,
    spec: &OutputSpec,
    cancel: &Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Option<RgbaImage>, JobError> {
    let (planned, bytes) = match &spec.video {
        Some(VideoPlan::Image(plan)) => {
            let source = ImageSource { file: input, name, format: &plan.from, size: Some(plan.coded) };
            let decoded = decode(source, cancel)?;
            // Between the steps of a large image, so that the worker is not taken for hung.
            progress(Progress::default());
            let planned = render(decoded, plan)?;
            progress(Progress::default());
            let bytes = encode(&planned, spec.container, spec.max_size_bytes)?;
            (Some(planned), bytes)
        }
        Some(VideoPlan::Copy { .. }) => {
            let source = read_all(input)?;
            (None, without_metadata(&source, spec.container)?)
        }
        Some(VideoPlan::Encode(_)) | None => {
            return Err(failed("internal error: the plan is not for an image"));
        }
    };
    progress(Progress::default());
    write_new(output, &bytes)?;
    Ok(planned)
}
