//! Writes the outputs of a still image and verifies them.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::job::{FixReport, JobError, Progress, VerifyLevel, VerifyReport};
use crate::libav::error::failed;
use crate::model::ImageFormat;
use crate::plan::{OutputContainer, OutputSpec, VideoPlan};
use crate::transcode::image::{ImageSource, decode, decode_by_library, write};
use crate::verify::libav::compare_images;

/// Writes an output for each specification. Each succeeds or fails by itself.
///
/// # Errors
///
/// [`JobError::Failed`] when the numbers of outputs and specifications differ.
pub(super) fn fix_images(
    input: &File,
    name: &str,
    outputs: &[File],
    specs: &[OutputSpec],
    level: VerifyLevel,
    cancel: &Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<Result<FixReport, JobError>>, JobError> {
    if outputs.len() != specs.len() {
        return Err(failed(
            "internal error: the numbers of output files and of output specifications differ",
        ));
    }
    let made = outputs.iter().zip(specs).map(|(output, spec)| {
        let written = write(input, output, name, spec, cancel, progress)?;
        let mut verify = VerifyReport { level, ..VerifyReport::default() };
        if level == VerifyLevel::Full {
            let format = match spec.container {
                OutputContainer::Png => ImageFormat::Png,
                _ => ImageFormat::Jpeg,
            };
            let name = format!("output.{}", spec.container.extension());
            let source = ImageSource { file: output, name: &name, format: &format, size: None };
            // By another decoder than the one that read the source.
            let found = match &spec.video {
                Some(VideoPlan::Image(plan)) if plan.from == ImageFormat::Avif => decode(source, cancel)?,
                _ => decode_by_library(source, cancel)?,
            };
            let source = ImageSource { file: input, name: &name, ..source };
            let planned = match written {
                Some(planned) => planned,
                None => decode_by_library(source, cancel)?,
            };
            let exact = format == ImageFormat::Png || matches!(spec.video, Some(VideoPlan::Copy { .. }));
            compare_images(&planned, &found, exact, &mut verify)?;
        }
        Ok(FixReport { verify, ..FixReport::default() })
    });
    Ok(made.collect())
}
