//! Makes small pictures of a video at evenly spaced times, and plots its bit rate and key frames.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;

use super::still_frame::{ImageRequest, frame_at, to_rgb};
use crate::job::{BitRatePlot, JobError, MediaPictures, Picture, PictureChoice, Progress};
use crate::libav::decoder::Decoder;
use crate::libav::error::failed;
use crate::libav::frame::Frame;
use crate::libav::input::Input;
use crate::libav::packet_index::packet_index;
use crate::libav::time::{NOPTS, seconds};
use crate::model::Size;

/// The qualities of the JPEG encoder, tried until a picture is small enough.
const QUALITIES: [u8; 4] = [75, 55, 35, 15];
/// Parts of the video for which the plot has a bit rate.
const PLOT_PARTS: usize = 80;
/// More key frames than this are not marked: they are not distinguishable.
const MAX_KEY_FRAMES: usize = 200;
/// The index must reach this share of the video: that of a fragmented file ends with the fragments that were read.
const LEAST_INDEXED: f64 = 0.9;

/// Makes the pictures. A frame that cannot be decoded has none.
///
/// # Errors
///
/// [`JobError::Unreadable`] when the file cannot be opened, [`JobError::Failed`], [`JobError::Io`],
/// [`JobError::Cancelled`].
pub fn pictures(
    input: File,
    name: &str,
    request: ImageRequest,
    choice: PictureChoice,
    cancel: Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
) -> Result<MediaPictures, JobError> {
    let mut input = Input::open(input, name, cancel)?;
    let total_s = input.duration_s();
    let mut made = plots(&mut input, request.stream, total_s)?;
    let mut decoder = Decoder::open(&mut input, request.stream, 1, false)?;
    let (start_s, count) = (input.start_s(), total_s.map_or(1, |_| choice.count));
    for number in 0..count {
        let at_s = total_s.unwrap_or(0.0) * (f64::from(number) + 0.5) / f64::from(count);
        progress(Progress { done_s: at_s, total_s, frames: u64::from(number) });
        if total_s.is_some() && input.seek(start_s + at_s).is_ok() {
            decoder.flush();
        }
        let mut next =
            |wanted_s: Option<f64>| match frame_at(&mut input, &mut decoder, request.stream, wanted_s) {
                Err(JobError::Cancelled) => Err(JobError::Cancelled),
                Ok(Some(frame)) => {
                    let shown_s = match frame.get().best_effort_timestamp {
                        NOPTS => at_s,
                        time => (seconds(time, decoder.base()) - start_s).max(0.0),
                    };
                    Ok(Some((frame, shown_s)))
                }
                _ => Ok(None),
            };
        let is_new =
            |(_, shown_s): &(Frame, f64)| made.pictures.last().is_none_or(|last| last.at_s < *shown_s);
        let mut found = next(choice.exact.then_some(start_s + at_s))?.filter(is_new);
        if found.is_none() && !choice.exact {
            // Few key frames: the seek led to the last one again.
            found = next(Some(start_s + at_s))?.filter(is_new);
        }
        let Some((frame, shown_s)) = found else { continue };
        let jpeg = jpeg(&to_rgb(frame, request)?, request.size, choice.max_bytes)?;
        made.pictures.extend(jpeg.map(|jpeg| Picture {
            at_s: shown_s,
            size: request.size,
            jpeg: BASE64.encode(jpeg),
        }));
    }
    Ok(made)
}

/// Returns a JPEG of at most `max_bytes`, if there is one.
fn jpeg(pixels: &[u8], size: Size, max_bytes: u32) -> Result<Option<Vec<u8>>, JobError> {
    for quality in QUALITIES {
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, quality)
            .encode(pixels, size.width, size.height, ExtendedColorType::Rgb8)
            .map_err(|error| failed(format!("cannot encode a picture as JPEG: {error}")))?;
        if jpeg.len() <= max_bytes as usize {
            return Ok(Some(jpeg));
        }
    }
    Ok(None)
}

/// Returns what the index of the packets tells, without pictures.
fn plots(input: &mut Input, stream: u32, total_s: Option<f64>) -> Result<MediaPictures, JobError> {
    let packets = packet_index(input, stream)?;
    let (Some(total_s), Some(last)) = (total_s, packets.last()) else { return Ok(MediaPictures::default()) };
    if packets.len() < PLOT_PARTS || last.at_s < total_s * LEAST_INDEXED {
        return Ok(MediaPictures::default());
    }
    let mut bits = vec![0; PLOT_PARTS];
    for packet in &packets {
        let part = (packet.at_s / total_s * PLOT_PARTS as f64) as usize;
        bits[part.min(PLOT_PARTS - 1)] += packet.bytes * 8;
    }
    let part_s = total_s / PLOT_PARTS as f64;
    let rates = bits.into_iter().map(|bits| (bits as f64 / part_s) as u64).collect();
    let key_frames: Vec<f64> =
        packets.iter().filter(|packet| packet.is_key).map(|packet| packet.at_s).collect();
    Ok(MediaPictures {
        bit_rate: Some(BitRatePlot { end_s: total_s, rates }),
        key_frames_s: if key_frames.len() <= MAX_KEY_FRAMES { key_frames } else { Vec::new() },
        ..MediaPictures::default()
    })
}
