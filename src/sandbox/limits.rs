//! The sandbox's own limits for ad videos, independent of greenlit's profiles.
//!
//! Sources: help centre page "auction in-feed ads" (June 2026) for containers, ratios, smallest sizes,
//! duration, size and bit rate; codecs and pixel formats are not documented for ads, the values are those that
//! the platform's players are known to accept.

use serde::{Deserialize, Serialize};

/// The facts of an uploaded file. An unknown fact is `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UploadFacts {
    /// `mp4`, `mov`, `3gp`, `mpeg`, `avi`, or any other short name.
    pub container: String,
    /// The video codec as FFmpeg names it, such as `h264`.
    pub codec: Option<String>,
    /// Displayed width in pixels, rotation and pixel aspect applied.
    pub width: Option<u32>,
    /// Displayed height in pixels.
    pub height: Option<u32>,
    /// The duration in seconds.
    pub duration: Option<f64>,
    /// Frames per second.
    pub fps: Option<f64>,
    /// The pixel format as FFmpeg names it, such as `yuv420p`.
    pub pixel_format: Option<String>,
    /// Bits per second of the whole file.
    pub bit_rate: Option<u64>,
    /// The first audio track's codec; `None` when there is no audio.
    pub audio_codec: Option<String>,
}

/// Probes uploaded files. Called from a thread that may block.
pub trait UploadProber: Send + Sync {
    /// Returns the facts of a file, or `None` if it is not media. `name` is the uploaded name, used only for its
    /// extension and for messages.
    fn probe(&self, file: std::fs::File, name: &str) -> Option<UploadFacts>;
}

/// 500 MB, in decimal megabytes.
pub(super) const MAX_VIDEO_BYTES: u64 = 500_000_000;
/// 50 MB.
pub(super) const MAX_IMAGE_BYTES: u64 = 50_000_000;
/// 100 MB, for temporary uploads.
pub(super) const MAX_TEMPORARY_BYTES: u64 = 100_000_000;
/// The maximum width times height of an image.
pub(super) const MAX_IMAGE_PIXELS: u64 = 3_686_400;
const MAX_SECONDS: f64 = 600.0;
const MIN_BIT_RATE: u64 = 516_000;
/// The relative tolerance of an aspect ratio; the platform states none.
const RATIO_TOLERANCE: f64 = 0.01;
/// Aspect ratios (width, height), each with the minimum width and height.
const ASPECT_RATIOS: [(u32, u32, u32, u32); 3] = [(9, 16, 540, 960), (16, 9, 960, 540), (1, 1, 640, 640)];

/// Returns the reasons why the sandbox would reject this video; empty if it would accept it.
pub fn rejection_reasons(facts: &UploadFacts) -> Vec<String> {
    let UploadFacts {
        container,
        codec,
        width,
        height,
        duration,
        // No official page for ads limits the frame rate or the audio.
        fps: _,
        pixel_format,
        bit_rate,
        audio_codec: _,
    } = facts;
    let mut reasons = Vec::new();
    if !["mp4", "mov", "mpeg", "3gp", "avi"].contains(&container.as_str()) {
        reasons.push(format!("container {container} is not supported"));
    }
    match codec.as_deref() {
        Some("h264" | "hevc") => {}
        other => reasons.push(format!("video codec {} is not supported", other.unwrap_or("unknown"))),
    }
    match pixel_format.as_deref() {
        Some("yuv420p" | "yuvj420p" | "nv12") => {}
        other => reasons.push(format!("pixel format {} is not supported", other.unwrap_or("unknown"))),
    }
    match duration {
        Some(seconds) if *seconds > 0.0 && *seconds <= MAX_SECONDS => {}
        Some(seconds) => reasons.push(format!("duration {seconds:.2} s is outside 0 to {MAX_SECONDS} s")),
        None => reasons.push("the duration is unknown".to_owned()),
    }
    if let Some(rate) = bit_rate.filter(|rate| *rate < MIN_BIT_RATE) {
        reasons.push(format!("bit rate {rate} is below {MIN_BIT_RATE}"));
    }
    reasons.extend(flaws(*width, *height).iter().map(|flaw| (*flaw).to_owned()));
    reasons
}

/// Returns the flaw types of Smart Fix that this frame size has.
pub(super) fn flaws(width: Option<u32>, height: Option<u32>) -> Vec<&'static str> {
    let (Some(width), Some(height)) = (width, height) else { return vec!["ILLEGAL_VIDEO_SIZE"] };
    let ratio =
        ASPECT_RATIOS.iter().find(|(w, h, ..)| ratio_close((width, height), (*w, *h), RATIO_TOLERANCE));
    match ratio {
        None => vec!["ILLEGAL_VIDEO_SIZE"],
        Some((_, _, least_w, least_h)) if width < *least_w || height < *least_h => vec!["LOW_RESOLUTION"],
        Some(_) => Vec::new(),
    }
}

/// Returns whether two sizes have the same aspect ratio, within a relative tolerance.
pub(super) fn ratio_close(one: (u32, u32), other: (u32, u32), tolerance: f64) -> bool {
    let ratio = |size: (u32, u32)| f64::from(size.0) / f64::from(size.1.max(1));
    (ratio(one) / ratio(other) - 1.0).abs() <= tolerance
}
