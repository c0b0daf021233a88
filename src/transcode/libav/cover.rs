//! Extracts one good frame of a video as a cover image.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::job::{CoverReport, JobError, Progress};
use crate::libav::decoder::Decoder;
use crate::libav::error::failed;
use crate::libav::file::io_error;
use crate::libav::filter::{Graph, Pulled, SWS_FLAGS, has_filter};
use crate::libav::frame::Frame;
use crate::libav::frame_format::frame_format;
use crate::libav::input::Input;
use crate::libav::packet::Packet;
use crate::libav::time::{NOPTS, seconds};
use crate::model::{Flip, HdrKind, Matrix, Rotation, Size, Transfer, UndeclaredColors};
use crate::transcode::available_filters::AvailableFilters;
use crate::transcode::filter_graph::color_filters;

/// Number of frames sampled.
const SAMPLES: u32 = 12;
/// Maximum packets read after a seek before a sample is skipped.
const MAX_PACKETS: u32 = 400;

/// The cover image to make.
#[derive(Clone, Copy, Debug)]
pub struct CoverRequest {
    /// Index of the video stream.
    pub stream: u32,
    /// Size of the image.
    pub size: Size,
    /// The clockwise rotation that a player applies.
    pub rotation: Rotation,
    /// The reflection that a player applies before the rotation.
    pub flip: Option<Flip>,
}

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
    request: CoverRequest,
    cancel: Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
) -> Result<CoverReport, JobError> {
    let CoverRequest { stream, size, .. } = request;
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
        let Some(frame) = next_frame(&mut input, &mut decoder, stream)? else { continue };
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
    output.write_all_at(&png, 0).map_err(io_error)?;
    output.set_len(png.len() as u64).map_err(io_error)?;
    output.sync_all().map_err(io_error)?;
    Ok(CoverReport { at_s })
}

/// Returns the next frame that can be decoded.
fn next_frame(input: &mut Input, decoder: &mut Decoder, stream: u32) -> Result<Option<Frame>, JobError> {
    let mut packet = Packet::new()?;
    let mut found = None;
    let mut keep = |frame: Frame| {
        found.get_or_insert(frame);
        Ok(())
    };
    for _ in 0..MAX_PACKETS {
        if !input.read(&mut packet)? {
            decoder.feed(None, &mut keep)?;
            decoder.flush();
            break;
        }
        if packet.get().stream_index == stream as i32 {
            decoder.feed(Some(&packet), &mut keep)?;
            if decoder.frames > 0 {
                decoder.frames = 0;
                break;
            }
        }
    }
    Ok(found)
}

/// Converts the frame to upright packed RGB of exactly the requested size.
fn to_rgb(mut frame: Frame, request: CoverRequest) -> Result<Vec<u8>, JobError> {
    let CoverRequest { size, rotation, flip, .. } = request;
    let raw = frame.get();
    let size_of_frame = Size::new(raw.width.max(0) as u32, raw.height.max(0) as u32);
    let undeclared = UndeclaredColors { matrix: Matrix::of_size(size_of_frame), ..UndeclaredColors::BT709 };
    let mut source = frame_format(&frame, raw.sample_aspect_ratio, &undeclared);
    let (width, height) = source.size;
    let (sx, sy) = source.sample_aspect_ratio;
    let flip = match flip {
        Some(Flip::Horizontal) => "hflip,",
        Some(Flip::Vertical) => "vflip,",
        None => "",
    };
    let turn = match rotation {
        Rotation::None => "",
        Rotation::Quarter => "transpose=dir=clock,",
        Rotation::Half => "hflip,vflip,",
        Rotation::ThreeQuarters => "transpose=dir=cclock,",
    };
    let (w, h) = (size.width, size.height);
    let square = (f64::from(width) * f64::from(sx.max(1)) / f64::from(sy.max(1))).round().max(1.0);
    let hdr = match source.transfer {
        Transfer::Hlg => Some(HdrKind::Hlg),
        Transfer::Pq => Some(HdrKind::Pq),
        _ => None,
    };
    let pixel_format = source.pixel_format;
    let available = AvailableFilters { zscale: has_filter(c"zscale") };
    let colors = color_filters(&mut source, hdr, available).map_err(|e| failed(e.to_string()))?;
    let colors: String = colors.into_iter().map(|filter| filter + ",").collect();
    let input = source.swscale_input();
    let graph = format!(
        "buffer=video_size={width}x{height}:pix_fmt={pixel_format}:time_base=1/1000:pixel_aspect=1/1,\
         {colors}scale={square}:{height}:flags={SWS_FLAGS}{input}:out_range=pc,format=rgb24,{flip}{turn}\
         scale={w}:{h}:force_original_aspect_ratio=increase:flags=lanczos,crop={w}:{h},format=rgb24,buffersink"
    );
    let mut graph = Graph::new(&graph)?;
    frame.get_mut().pts = 0;
    graph.push(0, Some(&mut frame))?;
    graph.push(0, None)?;
    let Pulled::Frame(filtered) = graph.pull(0)? else {
        return Err(failed("the filter graph of the cover image returned no frame"));
    };
    let mut pixels = Vec::with_capacity(size.pixels() as usize * 3);
    for y in 0..h as usize {
        pixels.extend_from_slice(filtered.row(0, y, w as usize * 3));
    }
    Ok(pixels)
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
