//! What the stand-in accepts as an ad video: its own limits, apart from the product's profile.
//!
//! Sources: help centre page "auction in-feed ads" (June 2026) for containers, ratios, smallest sizes,
//! duration, size and bit rate; codecs and pixel formats are not documented for ads, the values are
//! what players of the platform are known to take.

use serde::{Deserialize, Serialize};

/// What a prober saw in an uploaded file. Unknown is `None`.
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
    /// Seconds.
    pub duration: Option<f64>,
    /// Frames a second.
    pub fps: Option<f64>,
    /// As FFmpeg names it, such as `yuv420p`.
    pub pixel_format: Option<String>,
    /// Bits a second of the whole file.
    pub bit_rate: Option<u64>,
    /// The first audio track's codec; `None` when there is no audio.
    pub audio_codec: Option<String>,
}

/// Looks into what is uploaded. Called from a thread that may block.
pub trait UploadProber: Send + Sync {
    /// The facts of a file, or `None` when it is not media. `name` is the uploaded name, for its
    /// extension and for messages only.
    fn probe(&self, file: std::fs::File, name: &str) -> Option<UploadFacts>;
}

/// 500 MB, read as decimal.
pub(super) const MAX_VIDEO_BYTES: u64 = 500_000_000;
/// 50 MB.
pub(super) const MAX_IMAGE_BYTES: u64 = 50_000_000;
/// 100 MB, the temporary upload.
pub(super) const MAX_TEMPORARY_BYTES: u64 = 100_000_000;
/// Width times height of an image.
pub(super) const MAX_IMAGE_PIXELS: u64 = 3_686_400;
const MAX_SECONDS: f64 = 600.0;
const MIN_BIT_RATE: u64 = 516_000;
/// How far a ratio may be off; the platform states none.
const RATIO_TOLERANCE: f64 = 0.01;
/// Ratio as width over height, with the smallest width and height.
const SHAPES: [(u32, u32, u32, u32); 3] = [(9, 16, 540, 960), (16, 9, 960, 540), (1, 1, 640, 640)];

/// Why processing would fail for this media; empty when it would be accepted.
pub fn judge(facts: &UploadFacts) -> Vec<String> {
    let UploadFacts {
        container,
        codec,
        width,
        height,
        duration,
        // Neither rate of frames nor audio is limited by any official page for ads.
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

/// The flaw types Smart Fix knows that this picture size has.
pub(super) fn flaws(width: Option<u32>, height: Option<u32>) -> Vec<&'static str> {
    let (Some(width), Some(height)) = (width, height) else { return vec!["ILLEGAL_VIDEO_SIZE"] };
    let shape = SHAPES.iter().find(|(w, h, ..)| ratio_close((width, height), (*w, *h), RATIO_TOLERANCE));
    match shape {
        None => vec!["ILLEGAL_VIDEO_SIZE"],
        Some((_, _, least_w, least_h)) if width < *least_w || height < *least_h => vec!["LOW_RESOLUTION"],
        Some(_) => Vec::new(),
    }
}

/// Whether two sizes have the same shape, within a relative tolerance.
pub(super) fn ratio_close(one: (u32, u32), other: (u32, u32), tolerance: f64) -> bool {
    let ratio = |size: (u32, u32)| f64::from(size.0) / f64::from(size.1.max(1));
    (ratio(one) / ratio(other) - 1.0).abs() <= tolerance
}
