//! Estimates the time, cores and memory that an output needs, for progress and for scheduling.

use super::output_spec::{OutputSpec, Preset, VideoPlan};
use crate::model::{MediaFacts, Size};

/// Pixels that one core decodes, filters and encodes per second with the default preset.
pub const ENCODE_PIXELS_PER_S: f64 = 60e6;
/// Pixels that one core decodes per second.
const DECODE_PIXELS_PER_S: f64 = 300e6;
/// Frames per second assumed for a video that declares no rate.
const DEFAULT_FRAME_RATE: f64 = 30.0;
/// The maximum number of threads of a decoder that only looks for errors.
const MAX_DECODE_THREADS: u32 = 16;
/// Bytes per second when remuxing.
const REMUX_BYTES_PER_S: f64 = 100e6;
/// Duration assumed for a video that declares none, in seconds.
const DEFAULT_DURATION_S: f64 = 10.0;
/// Bit rate in bits per second below which the declared duration is considered wrong.
const MIN_PLAUSIBLE_BIT_RATE: f64 = 1000.0;

/// Memory of a worker besides frames, in bytes.
const WORKER_BYTES: f64 = 64e6;
/// Bytes per output pixel for frames in the filters, in the encoder, and queued between them.
const ENCODE_BYTES_PER_PIXEL: f64 = 115.0;
/// Bytes per output pixel for frames that wait for verification.
const VERIFY_BYTES_PER_PIXEL: f64 = 100.0;
/// Bytes per pixel for each lookahead frame and each encoder thread.
const LOOKAHEAD_BYTES_PER_PIXEL: f64 = 4.0;
/// Bytes per pixel of a still image that is decoded, converted to sRGB and turned.
const IMAGE_SOURCE_BYTES: f64 = 16.0;
/// Bytes per pixel of the written image while it is scaled, encoded and compared.
const IMAGE_OUTPUT_BYTES: f64 = 80.0;
/// Source frames held by the decoder and the filters.
const SOURCE_FRAMES: f64 = 10.0;

/// The estimated resources for one output.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ResourceEstimate {
    /// Duration of the output in seconds.
    pub media_s: f64,
    /// Processor time in seconds.
    pub core_s: f64,
    /// Threads that need a core.
    pub threads: u32,
    /// Peak memory in bytes.
    pub memory_bytes: u64,
}

impl ResourceEstimate {
    /// The estimate for a plain copy, or for no output.
    pub const NONE: ResourceEstimate =
        ResourceEstimate { media_s: 0.0, core_s: 0.0, threads: 1, memory_bytes: 0 };

    /// Estimates an output of a source with these facts; `verified` is whether the output is fully verified.
    ///
    /// Measured with FFmpeg 5.1 and x264 `veryfast`, 3 threads, peak of a worker in MB with verification and
    /// without: 640x360 to 960x540 158 and 100 MB, 1280x720 272 and 174, 1920x1080 510 and 329, 3840x2160 to
    /// 1920x1080 612 and 414; the estimates are 180 and 128, 285 and 193, 559 and 352, 684 and 476.
    #[must_use]
    pub fn of(spec: &OutputSpec, facts: &MediaFacts, verified: bool) -> ResourceEstimate {
        let media_s = media_s(spec, facts);
        if let Some(VideoPlan::Image(image)) = &spec.video {
            let (coded, frame) = (image.coded.pixels() as f64, image.frame().pixels() as f64);
            let core_s = (coded + frame) / ENCODE_PIXELS_PER_S;
            let memory = WORKER_BYTES + coded * IMAGE_SOURCE_BYTES + frame * IMAGE_OUTPUT_BYTES;
            return ResourceEstimate { media_s, core_s, threads: 1, memory_bytes: memory as u64 };
        }
        let Some(VideoPlan::Encode(encode)) = &spec.video else {
            let core_s = facts.size_bytes as f64 / REMUX_BYTES_PER_S;
            return ResourceEstimate { media_s, core_s, threads: 1, memory_bytes: WORKER_BYTES as u64 };
        };
        let video = facts.main_video();
        let coded = video.and_then(|video| video.coded_size()).map_or(0, Size::pixels) as f64;
        let canvas = encode.canvas.as_ref().map_or(encode.scale, |canvas| canvas.size).pixels() as f64;
        let deep = video.and_then(|video| video.bit_depth).is_some_and(|depth| depth > 8);
        let ahead =
            f64::from(lookahead_frames(encode.preset).saturating_sub(lookahead_frames(Preset::Veryfast)));
        let lookahead = LOOKAHEAD_BYTES_PER_PIXEL * (ahead + f64::from(spec.threads));
        let verify = if verified { VERIFY_BYTES_PER_PIXEL } else { 0.0 };
        let source = coded * SOURCE_FRAMES * if deep { 4.0 } else { 2.0 };
        let memory = WORKER_BYTES + source + canvas * (ENCODE_BYTES_PER_PIXEL + lookahead + verify);
        ResourceEstimate {
            media_s,
            core_s: (canvas + coded) * media_s * encode.frame_rate.as_f64() / ENCODE_PIXELS_PER_S,
            threads: spec.threads.max(1),
            memory_bytes: memory as u64,
        }
    }
}

impl ResourceEstimate {
    /// Adds one decode of the source with up to `threads` threads.
    #[must_use]
    pub fn with_decode(self, facts: &MediaFacts, threads: u32) -> ResourceEstimate {
        let video = facts.main_video();
        let coded = video.and_then(|video| video.coded_size()).map_or(0, Size::pixels) as f64;
        let rate = video.and_then(|video| video.frame_rate).map_or(DEFAULT_FRAME_RATE, |rate| rate.as_f64());
        let media_s = facts.effective_duration_s().unwrap_or(DEFAULT_DURATION_S);
        let threads = threads.clamp(1, MAX_DECODE_THREADS);
        let frames = coded * (SOURCE_FRAMES + f64::from(threads)) * 2.0;
        ResourceEstimate {
            media_s: media_s.min(facts.size_bytes as f64 * 8.0 / MIN_PLAUSIBLE_BIT_RATE),
            core_s: self.core_s + coded * media_s * rate / DECODE_PIXELS_PER_S,
            threads,
            memory_bytes: WORKER_BYTES as u64 + frames as u64,
        }
    }
}

/// Returns the expected duration of an output in seconds, at most what the source's size makes plausible.
fn media_s(spec: &OutputSpec, facts: &MediaFacts) -> f64 {
    let declared = spec.expected_duration_s.or(facts.effective_duration_s()).unwrap_or(DEFAULT_DURATION_S);
    let declared = spec.trim_to_s.map_or(declared, |limit| declared.min(limit));
    if spec.extend.is_some() {
        declared
    } else {
        declared.min(facts.size_bytes as f64 * 8.0 / MIN_PLAUSIBLE_BIT_RATE)
    }
}

/// Returns the lookahead of x264 in frames (`x264_param_default_preset`).
fn lookahead_frames(preset: Preset) -> u32 {
    match preset {
        Preset::Superfast => 0,
        Preset::Veryfast => 10,
        Preset::Faster => 20,
        Preset::Fast => 30,
        Preset::Medium => 40,
        Preset::Slow => 50,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::VideoStream;
    use crate::plan::example;

    fn encode(width: u32, height: u32, seconds: f64) -> OutputSpec {
        let encode = example::video_encode(width, height, 30);
        OutputSpec {
            threads: 3,
            expected_duration_s: Some(seconds),
            ..example::output(VideoPlan::Encode(Box::new(encode)), None)
        }
    }

    fn source(width: u32, height: u32, size_bytes: u64) -> MediaFacts {
        let video = VideoStream {
            width: Some(width),
            height: Some(height),
            bit_depth: Some(8),
            ..VideoStream::default()
        };
        MediaFacts { size_bytes, video: vec![video], ..MediaFacts::default() }
    }

    #[test]
    fn memory_estimates_are_close_to_measurements() {
        for (source, output, measured) in [
            ((640, 360), (960, 540), [158, 100]),
            ((1280, 720), (1280, 720), [272, 174]),
            ((1920, 1080), (1920, 1080), [510, 329]),
            ((3840, 2160), (1920, 1080), [612, 414]),
        ] {
            for (verified, measured) in [true, false].into_iter().zip(measured) {
                let spec = encode(output.0, output.1, 4.0);
                let estimate =
                    ResourceEstimate::of(&spec, &self::source(source.0, source.1, 1 << 20), verified)
                        .memory_bytes;
                let ratio = estimate as f64 / (f64::from(measured) * 1e6);
                assert!((0.95..1.35).contains(&ratio), "{output:?} {verified}: {estimate} for {measured} MB");
            }
        }
    }

    #[test]
    fn an_implausible_declared_duration_is_bounded_by_the_file_size() {
        let facts = source(640, 360, 106_093);
        let mut spec = encode(640, 360, 143_165.0);
        assert_eq!(ResourceEstimate::of(&spec, &facts, true).media_s, 848.744);
        spec.trim_to_s = Some(600.0);
        assert_eq!(ResourceEstimate::of(&spec, &facts, true).media_s, 600.0);
        let real = ResourceEstimate::of(&encode(640, 360, 20.0), &facts, true);
        assert_eq!((real.media_s, real.threads), (20.0, 3));
        assert!((real.core_s - 2.0 * 640.0 * 360.0 * 600.0 / 60e6).abs() < 1e-9);
    }
}
