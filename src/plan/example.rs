//! Sample plans for tests and benchmarks.

use super::outcome::{Action, FixPlan};
use super::output_spec::{
    AudioEncode, AudioPlan, OutputContainer, OutputSpec, PartFit, Preset, RateControl, VideoEncode,
    VideoEncoder, VideoPlan, X264Profile,
};
use crate::model::{Rational, Rotation, Size, UndeclaredColors};

/// Returns a re-encode of the first stream at a size in pixels and a frame rate in frames per second, without
/// other changes.
pub fn video_encode(width: u32, height: u32, rate: u32) -> VideoEncode {
    VideoEncode {
        stream: 0,
        undeclared: UndeclaredColors::BT709,
        deinterlace: false,
        tone_map: None,
        flip: None,
        rotate: Rotation::None,
        crop: None,
        scale: Size::new(width, height),
        canvas: None,
        part_fit: PartFit::default(),
        alpha_background: None,
        frame_rate: Rational::new(rate, 1).unwrap_or(Rational::ONE),
        rate: RateControl { crf: 20.0, max_bit_rate: None, buffer_bits: None, min_bit_rate: None },
        encoder: VideoEncoder::X264,
        preset: Preset::Superfast,
        profile: X264Profile::High,
        gop_frames: rate * 2,
        b_frames: 2,
    }
}

/// Returns a re-encode of an audio stream as stereo at 48 kHz.
pub fn audio_encode(stream: u32) -> AudioPlan {
    AudioPlan::Encode(AudioEncode {
        stream,
        sample_rate: 48_000,
        channels: 2,
        bit_rate: 128_000,
        loudness_lufs: None,
        joined: None,
    })
}

/// Returns an MP4 of these streams, encoded with one thread.
pub fn output(video: VideoPlan, audio: Option<AudioPlan>) -> OutputSpec {
    OutputSpec {
        container: OutputContainer::Mp4,
        video: Some(video),
        audio,
        trim_to_s: None,
        extend: None,
        strip_metadata: true,
        start_s: 0.0,
        cut_before_start: false,
        expected_duration_s: None,
        max_hold_s: 0.0,
        threads: 1,
        max_size_bytes: None,
        conceal: false,
    }
}

/// Returns a plan without an output.
pub fn plan(action: Action) -> FixPlan {
    FixPlan { action, ..FixPlan::copy() }
}
