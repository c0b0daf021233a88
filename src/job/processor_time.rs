//! The processor time that a job may use, from what the file declares: the pixels and frames of its video, the length
//! of its audio, and its codecs.
//!
//! Measured with `check --deep` (all threads, user and system time, 3840x2160, noise, FFmpeg 5.1, two shared
//! cores under load), in nanoseconds for each pixel of each frame: JPEG 2000 4:4:4 509, FFV1 10 bit 4:4:4 239, ProRes
//! 4444 82, PNG 41, AV1 10 bit 31, H.264 and VP9 29, HEVC 10 bit 28, DNxHR 24, GIF 17, APNG, MJPEG and Flash Screen
//! Video 16. A GIF of 8000x8000 whose frames change nothing takes 25. The budget is ten times as much, for slower
//! machines, emulators, and decoders with deeper formats.

use std::time::Duration;

use crate::model::{AudioStream, Codec, MediaFacts, VideoStream};
use crate::plan::{OutputSpec, VideoPlan};

/// How much more than measured is allowed.
const MARGIN: f64 = 10.0;
/// Seconds for a pixel of a frame of most codecs: that of the slowest among them, ProRes 4444, rounded up.
const PIXEL_S: f64 = 90e-9;
/// Seconds for a pixel of a frame of [`SLOW_CODECS`]: that of JPEG 2000, rounded up.
const SLOW_PIXEL_S: f64 = 600e-9;
/// Codecs of production and archives that code every coefficient or every pixel by a slow method, and those without an
/// assembler version.
const SLOW_CODECS: &[Codec] = {
    use Codec::{Cfhd, Dirac, Exr, Ffv1, Jpeg2000, JpegLs, Snow, Vc2, Vvc};
    &[Jpeg2000, Ffv1, Dirac, Cfhd, Vc2, Snow, Exr, JpegLs, Vvc]
};
/// Seconds for a second of an audio stream, measured 0.03 with the loudness of 48 kHz stereo.
const AUDIO_S: f64 = 0.05;
/// Seconds for a byte that is read, demuxed and entropy decoded; counts for files that declare less than they hold.
const BYTE_S: f64 = 200e-9;
/// Seconds for a pixel of an encoded frame: decode, filters, the slow preset, and verification.
const ENCODED_PIXEL_S: f64 = 100e-9;
/// How many times a fix may decode its source: for the encode, the reference render, and strictly to find errors.
const SOURCE_DECODES: u32 = 3;
/// Time for what does not depend on the frames: start, index, stream analysis.
const BASE: Duration = Duration::from_secs(60);
/// The same for a fix, which writes a file and reads it again.
const FIX_BASE: Duration = Duration::from_secs(600);
/// Frame rate of a stream that declares none.
const ASSUMED_RATE: f64 = 60.0;
/// Bytes of a frame, less than which no container and codec need together.
const LEAST_FRAME_BYTES: u64 = 16;
/// The most time for the smallest file.
const CEILING: Duration = Duration::from_secs(30 * 60);
/// More of it for each byte. A still scene in 4K takes 4 ms for each byte of its frames; other content far less, so
/// that this only cuts what declares enormous frames in a few bytes.
const CEILING_PER_BYTE_S: f64 = 5e-3;
/// The most time in any case.
pub const MAX: Duration = Duration::from_secs(24 * 3600);

/// Returns the processor time of a job that decodes all streams of a file, of which `facts` are known.
pub fn decode(facts: &MediaFacts) -> Duration {
    let frames = |stream: &VideoStream| frames_of(stream, facts);
    let video =
        facts.video.iter().map(|stream| pixels_of(stream) * frames(stream) * pixel_s(stream)).sum::<f64>();
    let audio = facts.audio.iter().map(|stream| seconds_of(stream, facts) * AUDIO_S).sum::<f64>();
    let bytes = facts.size_bytes as f64 * BYTE_S;
    seconds((video + audio + bytes) * MARGIN).saturating_add(BASE).min(ceiling(facts.size_bytes))
}

/// Returns the processor time of a job that decodes a file of which only the size is known.
pub fn decode_unknown(bytes: u64) -> Duration {
    ceiling(bytes)
}

/// Returns the processor time of a job that makes and verifies outputs of a file.
pub fn fix(facts: &MediaFacts, specs: &[OutputSpec]) -> Duration {
    let encoded = |spec: &OutputSpec| {
        let Some(VideoPlan::Encode(plan)) = &spec.video else { return 0.0 };
        let size = plan.canvas.as_ref().map_or(plan.scale, |canvas| canvas.size);
        let pixels = f64::from(size.width) * f64::from(size.height);
        let length_s = spec.expected_duration_s.or(facts.effective_duration_s());
        let frames = match length_s.filter(|length_s| length_s.is_finite()) {
            Some(length_s) => length_s.max(0.0) * plan.frame_rate.as_f64(),
            None => facts.main_video().map_or(0.0, |stream| frames_of(stream, facts)),
        };
        pixels * frames * ENCODED_PIXEL_S
    };
    let encodes = seconds(specs.iter().map(encoded).sum::<f64>() * MARGIN);
    (decode(facts) * SOURCE_DECODES).saturating_add(encodes).saturating_add(FIX_BASE).min(MAX)
}

/// Returns the most time for a file of this size, whatever it declares.
fn ceiling(bytes: u64) -> Duration {
    CEILING.saturating_add(seconds(bytes as f64 * CEILING_PER_BYTE_S)).min(MAX)
}

/// Returns the frames that a stream declares, by its count or its length, whichever is more; where it declares
/// neither, as many as its file can hold.
fn frames_of(stream: &VideoStream, facts: &MediaFacts) -> f64 {
    let rate = stream.frame_rate.map_or(ASSUMED_RATE, |rate| rate.as_f64());
    let lengths = [stream.duration_s, facts.duration_s, facts.measured_duration_s];
    let by_length = lengths.into_iter().flatten().reduce(f64::max).map(|length_s| length_s * rate);
    let counted = stream.frames.map(|frames| frames as f64);
    let most =
        [by_length, counted].into_iter().flatten().filter(|frames| frames.is_finite()).reduce(f64::max);
    most.map_or((facts.size_bytes / LEAST_FRAME_BYTES) as f64, |frames| frames.max(0.0)).max(1.0)
}

fn pixels_of(stream: &VideoStream) -> f64 {
    let declared = stream.coded_size().into_iter().chain(stream.frame_sizes.iter().copied());
    let areas = declared.map(|size| f64::from(size.width) * f64::from(size.height));
    areas.reduce(f64::max).unwrap_or(0.0)
}

fn pixel_s(stream: &VideoStream) -> f64 {
    let is_slow = stream.codec.as_ref().is_some_and(|codec| SLOW_CODECS.contains(codec));
    if is_slow { SLOW_PIXEL_S } else { PIXEL_S }
}

fn seconds_of(stream: &AudioStream, facts: &MediaFacts) -> f64 {
    let lengths = [stream.duration_s, facts.duration_s, facts.measured_duration_s];
    let longest = lengths.into_iter().flatten().filter(|length_s| length_s.is_finite()).reduce(f64::max);
    longest.unwrap_or((facts.size_bytes / LEAST_FRAME_BYTES) as f64).max(0.0)
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(MAX).min(MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Rational;

    fn facts(codec: &str, size: (u32, u32), frames: Option<u64>, size_bytes: u64) -> MediaFacts {
        let video = VideoStream {
            codec: Some(codec.into()),
            width: Some(size.0),
            height: Some(size.1),
            frame_rate: Rational::new(30, 1),
            frames,
            ..VideoStream::default()
        };
        MediaFacts { video: vec![video], size_bytes, ..MediaFacts::default() }
    }

    /// What was measured on this machine, in nanoseconds for each pixel, fits at least ten times.
    #[test]
    fn every_measured_decoder_has_ten_times_its_time() {
        let measured = [("jpeg2000", 509.0), ("ffv1", 239.0), ("prores", 82.0), ("png", 41.0), ("gif", 25.0)];
        for (codec, ns) in measured {
            let taken = 3840.0 * 2160.0 * 10.0 * ns * 1e-9;
            let budget = decode(&facts(codec, (3840, 2160), Some(10), 10_000_000)).as_secs_f64();
            assert!(budget >= BASE.as_secs_f64() + 10.0 * taken, "{codec}: {budget} s for {taken} s");
        }
    }

    #[test]
    fn more_declared_frames_and_pixels_get_more_time() {
        let of = |size, frames| decode(&facts("h264", size, Some(frames), 50_000_000));
        assert!(of((1080, 1920), 900) > of((1080, 1920), 300));
        assert!(of((2160, 3840), 300) > of((1080, 1920), 300));
        let small = decode(&facts("h264", (540, 960), Some(60), 1_000_000));
        assert!(small < Duration::from_secs(120), "{small:?}");
    }

    /// A few kilobytes that declare enormous frames got 24 hours.
    #[test]
    fn a_small_file_gets_little_time_whatever_it_declares() {
        let bomb = decode(&facts("gif", (8000, 8000), Some(5000), 115_000));
        assert!(bomb < Duration::from_secs(3600), "{bomb:?}");
        let unknown = decode(&facts("gif", (8000, 8000), None, 480));
        assert!(unknown <= CEILING + Duration::from_secs(3), "{unknown:?}");
        assert!(decode_unknown(480) <= CEILING + Duration::from_secs(3));
        let mut endless = facts("h264", (8192, 8192), None, u64::MAX);
        endless.duration_s = Some(1e9);
        assert_eq!(decode(&endless), MAX);
        endless.duration_s = Some(f64::NAN);
        assert!(decode(&endless) <= MAX);
    }

    #[test]
    fn an_hour_of_4k_has_time_for_each_frame() {
        // 60 frames/s and 20 Mbit/s: 29 ns for each pixel are 14 hours.
        let hour = decode(&facts("h264", (3840, 2160), Some(216_000), 9_000_000_000));
        assert!(hour >= Duration::from_secs(15 * 3600), "{hour:?}");
    }

    #[test]
    fn a_fix_gets_time_for_its_source_and_for_what_it_encodes() {
        let source = facts("prores", (3840, 2160), Some(300), 1_000_000_000);
        let spec = crate::plan::example::output(
            VideoPlan::Encode(Box::new(crate::plan::example::video_encode(1080, 1920, 30))),
            None,
        );
        let copies = fix(&source, &[]);
        assert!(copies >= decode(&source) * 3);
        assert!(fix(&source, std::slice::from_ref(&spec)) > copies);
        assert!(fix(&source, &[spec.clone(), spec.clone()]) > fix(&source, &[spec]));
    }
}
