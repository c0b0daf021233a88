//! Extracts one good frame of a video as a cover image.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::still_frame::{ImageRequest, frame_at, to_rgb};
use crate::job::{CoverReport, JobError, Progress};
use crate::libav::decoder::Decoder;
use crate::libav::error::failed;
use crate::libav::file::write_new;
use crate::libav::input::Input;
use crate::libav::time::{NOPTS, seconds};
use crate::model::Size;

/// Number of frames sampled.
const SAMPLES: u32 = 12;

/// Chooses the sharpest well-lit frame of [`SAMPLES`] and writes it as a PNG of exactly the requested size: upright,
/// with square pixels, cropped to the center where the aspect ratios differ.
///
/// # Errors
///
/// [`JobError::Unreadable`] when there is no video frame, [`JobError::Failed`], [`JobError::Io`],
/// [`JobError::Cancelled`].
pub fn cover(
    input: File,
    output: File,
    name: &str,
    request: ImageRequest,
    cancel: Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
) -> Result<CoverReport, JobError> {
    let ImageRequest { stream, size, .. } = request;
    let mut input = Input::open(input, name, cancel)?;
    let mut decoder = Decoder::open(&mut input, stream, 1, false)?;
    let total_s = input.duration_s();
    let mut best: Option<(f64, f64, Vec<u8>)> = None;
    for i in 0..SAMPLES {
        let at_s = total_s.unwrap_or(0.0) * (f64::from(i) + 0.5) / f64::from(SAMPLES);
        progress(Progress { done_s: at_s, total_s, frames: u64::from(i) });
        let seeked = total_s.is_some() && input.seek(at_s).is_ok();
        if seeked {
            decoder.flush();
        }
        let Some(frame) = frame_at(&mut input, &mut decoder, stream, None)? else { continue };
        let frame_s = match frame.get().best_effort_timestamp {
            NOPTS => at_s,
            time => seconds(time, decoder.base()).max(0.0),
        };
        let pixels = to_rgb(frame, request)?;
        let score = score(&pixels, size);
        if best.as_ref().is_none_or(|(top, ..)| score > *top) {
            best = Some((score, frame_s, pixels));
        }
    }
    let (_, at_s, pixels) =
        best.ok_or_else(|| JobError::Unreadable("no video frame could be decoded".to_owned()))?;
    let mut png = std::io::Cursor::new(Vec::new());
    image::write_buffer_with_format(
        &mut png,
        &pixels,
        size.width,
        size.height,
        image::ExtendedColorType::Rgb8,
        image::ImageFormat::Png,
    )
    .map_err(|e| failed(format!("cannot encode the cover image as PNG: {e}")))?;
    let png = png.into_inner();
    write_new(&output, &png)?;
    Ok(CoverReport { at_s })
}

/// Scores sharpness (variance of the Laplacian), reduced where the frame is too dark or too bright.
fn score(pixels: &[u8], size: Size) -> f64 {
    let (width, height) = (size.width as usize, size.height as usize);
    let luma: Vec<f64> = pixels
        .chunks_exact(3)
        .map(|p| 0.2126 * f64::from(p[0]) + 0.7152 * f64::from(p[1]) + 0.0722 * f64::from(p[2]))
        .collect();
    let mean = luma.iter().sum::<f64>() / luma.len().max(1) as f64;
    let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0);
    for y in 1..height.saturating_sub(1) {
        for x in 1..width.saturating_sub(1) {
            let i = y * width + x;
            let edge = 4.0 * luma[i] - luma[i - 1] - luma[i + 1] - luma[i - width] - luma[i + width];
            sum += edge;
            squares += edge * edge;
            count += 1.0;
        }
    }
    let average = sum / f64::max(count, 1.0);
    let sharpness = squares / f64::max(count, 1.0) - average * average;
    // 1 from a quarter to three quarters of the range, 0 at its ends.
    let light = (mean.min(255.0 - mean) / 64.0).clamp(0.0, 1.0);
    (sharpness + 1.0) * light * light
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sharp_frame_scores_higher_than_a_flat_or_black_one() {
        let size = Size::new(16, 16);
        let checkerboard: Vec<u8> =
            (0..16 * 16).flat_map(|i| [if (i / 16 + i % 16) % 2 == 0 { 60 } else { 200 }; 3]).collect();
        let dark: Vec<u8> = checkerboard.iter().map(|v| v / 40).collect();
        let flat = vec![128; 16 * 16 * 3];
        assert!(score(&checkerboard, size) > score(&flat, size));
        assert!(score(&flat, size) > score(&dark, size));
        assert!(score(&dark, size) > 0.0, "a dark frame still scores above zero");
    }
}
