//! What carrying out a plan takes: time, cores and memory, for estimates and for what runs side by side.

use super::spec::{OutputSpec, Preset, VideoPlan};
use crate::model::{MediaFacts, Size};

/// Pixels that one core decodes, fits and encodes in a second, with the default preset.
pub const ENCODE_PIXELS_PER_S: f64 = 60e6;
/// Bytes a second of writing a new container.
const REMUX_BYTES_PER_S: f64 = 100e6;
/// Seconds of a video that does not say how long it is.
const USUAL_S: f64 = 10.0;
/// Bits a second below which a video is not as long as it says.
const LEAST_BIT_RATE: f64 = 1000.0;

/// Bytes that a worker takes beside pictures.
const WORKER_BYTES: f64 = 64e6;
/// Bytes a pixel of the output: pictures between the stages, in the encoder and on their way to it.
const ENCODE_BYTES_PER_PIXEL: f64 = 115.0;
/// The same of those that wait for their proof.
const PROOF_BYTES_PER_PIXEL: f64 = 100.0;
/// Bytes a pixel of a picture that the encoder looks ahead to, or a thread of its works on.
const AHEAD_BYTES_PER_PIXEL: f64 = 4.0;
/// Pictures of the source that the decoder and the stages behind it hold.
const SOURCE_PICTURES: f64 = 10.0;

/// What carrying out a plan takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResourceEstimate {
    /// Seconds of media to write.
    pub media_s: f64,
    /// Seconds of processor time.
    pub core_s: f64,
    /// Threads that want a core.
    pub threads: u32,
    /// Bytes of memory at the peak.
    pub memory_bytes: u64,
}

impl ResourceEstimate {
    /// A plain copy, or nothing at all.
    pub const NONE: ResourceEstimate =
        ResourceEstimate { media_s: 0.0, core_s: 0.0, threads: 1, memory_bytes: 0 };

    /// Of an output of these facts, with its proof or without.
    ///
    /// Measured with FFmpeg 5.1 and x264 `veryfast`, 3 threads, peak of a worker with the proof and without: 640x360
    /// to 960x540 158 and 100 MB, 1280x720 272 and 174, 1920x1080 510 and 329, 3840x2160 to 1920x1080 612 and 414;
    /// this says 180 and 128, 285 and 193, 559 and 352, 684 and 476.
    #[must_use]
    pub fn of(spec: &OutputSpec, facts: &MediaFacts, proven: bool) -> ResourceEstimate {
        let media_s = media_s(spec, facts);
        let Some(VideoPlan::Encode(encode)) = &spec.video else {
            let core_s = facts.size_bytes as f64 / REMUX_BYTES_PER_S;
            return ResourceEstimate { media_s, core_s, threads: 1, memory_bytes: WORKER_BYTES as u64 };
        };
        let picture = facts.main_video();
        let coded = picture.and_then(|video| video.coded_size()).map_or(0, Size::pixels) as f64;
        let canvas = encode.canvas.as_ref().map_or(encode.scale, |canvas| canvas.size).pixels() as f64;
        let deep = picture.and_then(|video| video.bit_depth).is_some_and(|depth| depth > 8);
        let ahead = f64::from(lookahead(encode.preset).saturating_sub(lookahead(Preset::Veryfast)));
        let waiting = AHEAD_BYTES_PER_PIXEL * (ahead + f64::from(spec.threads));
        let proof = if proven { PROOF_BYTES_PER_PIXEL } else { 0.0 };
        let source = coded * SOURCE_PICTURES * if deep { 4.0 } else { 2.0 };
        let memory = WORKER_BYTES + source + canvas * (ENCODE_BYTES_PER_PIXEL + waiting + proof);
        ResourceEstimate {
            media_s,
            core_s: (canvas + coded) * media_s * encode.frame_rate.as_f64() / ENCODE_PIXELS_PER_S,
            threads: spec.threads.max(1),
            memory_bytes: memory as u64,
        }
    }
}

/// How long an output will be, as far as its source can be believed.
fn media_s(spec: &OutputSpec, facts: &MediaFacts) -> f64 {
    let declared = spec.expected_duration_s.or(facts.effective_duration_s()).unwrap_or(USUAL_S);
    let declared = spec.trim_to_s.map_or(declared, |limit| declared.min(limit));
    if spec.extend.is_some() {
        declared
    } else {
        declared.min(facts.size_bytes as f64 * 8.0 / LEAST_BIT_RATE)
    }
}

/// Pictures that x264 looks ahead (`x264_param_default_preset`).
fn lookahead(preset: Preset) -> u32 {
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
    use crate::plan::sample;

    fn encode(width: u32, height: u32, seconds: f64) -> OutputSpec {
        let picture = sample::video_encode(width, height, 30);
        OutputSpec {
            threads: 3,
            expected_duration_s: Some(seconds),
            ..sample::output(VideoPlan::Encode(Box::new(picture)), None)
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
    fn memory_comes_near_what_was_measured() {
        for (source, output, measured) in [
            ((640, 360), (960, 540), [158, 100]),
            ((1280, 720), (1280, 720), [272, 174]),
            ((1920, 1080), (1920, 1080), [510, 329]),
            ((3840, 2160), (1920, 1080), [612, 414]),
        ] {
            for (proven, measured) in [true, false].into_iter().zip(measured) {
                let spec = encode(output.0, output.1, 4.0);
                let found = ResourceEstimate::of(&spec, &self::source(source.0, source.1, 1 << 20), proven)
                    .memory_bytes;
                let ratio = found as f64 / (f64::from(measured) * 1e6);
                assert!((0.95..1.35).contains(&ratio), "{output:?} {proven}: {found} for {measured} MB");
            }
        }
    }

    #[test]
    fn a_video_that_declares_days_and_holds_a_second_takes_no_days() {
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
