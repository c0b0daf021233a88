//! Translates the plan into the options of each encoder.
//!
//! The plan uses x264's terms: a constant rate factor, a preset name, a maximum bit rate. Hardware encoders
//! share its quantiser scale, 0 to 51, and little else. Every output is checked against the same rules and
//! compared with the source, so the translation may be approximate.

use crate::plan::{Preset, VideoEncode, VideoEncoder};

/// Libav's unit of quality for encoders that use it (`FF_QP2LAMBDA`).
const LAMBDA: i32 = 118;

/// The pixel layout that an encoder accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelLayout {
    /// Three planes (`yuv420p`).
    Planar,
    /// Two planes, chroma interleaved.
    Nv12,
    /// As [`PixelLayout::Nv12`], uploaded to a VA-API device.
    Vaapi,
}

/// The settings of an encoder.
#[derive(Clone, Debug, PartialEq)]
pub struct EncoderSettings {
    /// Private options, by FFmpeg's names.
    pub pairs: Vec<(&'static str, String)>,
    /// Constant quality on the encoder's own scale, for encoders that take `global_quality`.
    pub global_quality: Option<i32>,
    /// Whether `global_quality` is a fixed quantiser (`AV_CODEC_FLAG_QSCALE`).
    pub fixed_quality: bool,
    /// Target bits per second, for encoders without capped constant quality.
    pub bit_rate: Option<u64>,
    /// The pixel layout of input frames.
    pub layout: PixelLayout,
}

/// Returns the settings for the encoder of `plan`, apart from size, frame rate, group length, number of
/// B-frames and maximum bit rate, which all encoders take in the same way.
pub fn encoder_settings(plan: &VideoEncode) -> EncoderSettings {
    let quality = plan.rate.crf.round().clamp(1.0, 51.0) as i32;
    let capped = plan.rate.max_bit_rate.is_some();
    let mut settings = EncoderSettings {
        pairs: vec![("profile", plan.profile.name().to_owned())],
        global_quality: None,
        fixed_quality: false,
        bit_rate: None,
        layout: PixelLayout::Planar,
    };
    let mut set = |name, value: &str| settings.pairs.push((name, value.to_owned()));
    match plan.encoder {
        VideoEncoder::X264 => {
            set("preset", plan.preset.name());
            set("crf", &format!("{:.3}", plan.rate.crf));
            // A key frame at a scene cut comes no closer than a tenth of the key frame distance.
            set("keyint_min", &(plan.gop_frames / 10).max(1).to_string());
            set("sc_threshold", "40");
            set("x264-params", "open-gop=0:fullrange=off");
        }
        VideoEncoder::Nvenc => {
            set("preset", ["p2", "p3", "p4", "p4", "p5", "p6"][preset_index(plan.preset)]);
            set("rc", "vbr");
            // The same number gives lower quality than x264's.
            set("cq", &format!("{:.1}", (plan.rate.crf - 1.0).max(1.0)));
            set("spatial-aq", "1");
            set("forced-idr", "1");
            set("b_ref_mode", "disabled");
        }
        VideoEncoder::Qsv => {
            set(
                "preset",
                ["veryfast", "veryfast", "faster", "fast", "medium", "slow"][preset_index(plan.preset)],
            );
            settings.layout = PixelLayout::Nv12;
            // Quick Sync has no constant quality with a maximum bit rate.
            settings.global_quality = (!capped).then_some(quality);
            settings.bit_rate = target_bit_rate(plan);
        }
        VideoEncoder::Vaapi => {
            set("rc_mode", if capped { "VBR" } else { "CQP" });
            settings.layout = PixelLayout::Vaapi;
            settings.global_quality = (!capped).then_some(quality);
            settings.bit_rate = target_bit_rate(plan);
        }
        VideoEncoder::VideoToolbox => {
            // VideoToolbox uses 1 to 100, higher is better: CRF 20 becomes 65.
            let quality_percent = (100.0 - 1.75 * plan.rate.crf).round().clamp(1.0, 100.0) as i32;
            settings.global_quality = (!capped).then_some(quality_percent * LAMBDA);
            settings.fixed_quality = !capped;
            settings.bit_rate = target_bit_rate(plan);
        }
    }
    settings
}

/// Returns the index of a preset in a table from fast to slow.
fn preset_index(preset: Preset) -> usize {
    match preset {
        Preset::Superfast => 0,
        Preset::Veryfast => 1,
        Preset::Faster => 2,
        Preset::Fast => 3,
        Preset::Medium => 4,
        Preset::Slow => 5,
    }
}

/// Returns the target bit rate for plans with a maximum: 0.1 bits per pixel at CRF 20, halved for every six
/// more, between the minimum and 80 % of the maximum.
fn target_bit_rate(plan: &VideoEncode) -> Option<u64> {
    let ceiling = plan.rate.max_bit_rate? as f64;
    let size = plan.canvas.as_ref().map_or(plan.scale, |canvas| canvas.size);
    let pixels = size.pixels() as f64 * plan.frame_rate.as_f64();
    let wanted = pixels * 0.1 * ((20.0 - f64::from(plan.rate.crf)) / 6.0).exp2();
    let floor = plan.rate.min_bit_rate.unwrap_or(0) as f64;
    Some(wanted.max(floor).min(ceiling * 0.8) as u64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::plan::{RateControl, X264Profile, example};

    fn plan(encoder: VideoEncoder, max_bit_rate: Option<u64>) -> VideoEncode {
        let rate = RateControl { crf: 20.0, max_bit_rate, buffer_bits: None, min_bit_rate: None };
        VideoEncode { encoder, rate, preset: Preset::Medium, ..example::video_encode(1280, 720, 30) }
    }

    fn option(plan: &VideoEncode, name: &str) -> Option<String> {
        encoder_settings(plan).pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    #[test]
    fn every_encoder_gets_the_quality_in_its_own_option() {
        assert_eq!(option(&plan(VideoEncoder::X264, None), "crf").unwrap(), "20.000");
        assert_eq!(option(&plan(VideoEncoder::Nvenc, None), "cq").unwrap(), "19.0");
        let quality = |encoder| encoder_settings(&plan(encoder, None)).global_quality;
        assert_eq!(quality(VideoEncoder::Qsv), Some(20));
        assert_eq!(quality(VideoEncoder::Vaapi), Some(20));
        assert_eq!(quality(VideoEncoder::VideoToolbox), Some(65 * LAMBDA));
        for encoder in VideoEncoder::HARDWARE {
            assert_eq!(option(&plan(encoder, None), "crf"), None, "{encoder:?} has no `crf` option");
        }
    }

    #[test]
    fn better_quality_maps_in_the_right_direction_for_every_encoder() {
        let measure = |encoder, crf: f32| {
            let plan = plan(encoder, None);
            let plan = VideoEncode { rate: RateControl { crf, ..plan.rate }, ..plan };
            let option_value =
                option(&plan, "cq").or(option(&plan, "crf")).map(|text| text.parse::<f32>().unwrap());
            option_value.unwrap_or_else(|| encoder_settings(&plan).global_quality.unwrap() as f32)
        };
        for encoder in [VideoEncoder::X264].into_iter().chain(VideoEncoder::HARDWARE) {
            let (good, poor) = (measure(encoder, 16.0), measure(encoder, 30.0));
            assert_eq!(good > poor, encoder == VideoEncoder::VideoToolbox, "{encoder:?}: {good} {poor}");
        }
    }

    #[test]
    fn the_target_bit_rate_stays_below_the_maximum() {
        for encoder in [VideoEncoder::Qsv, VideoEncoder::Vaapi, VideoEncoder::VideoToolbox] {
            let low = encoder_settings(&plan(encoder, Some(1_000_000)));
            assert_eq!((low.bit_rate, low.global_quality, low.fixed_quality), (Some(800_000), None, false));
            let high = encoder_settings(&plan(encoder, Some(100_000_000)));
            assert_eq!(high.bit_rate, Some(2_764_800), "the quality limits the bit rate");
        }
        assert_eq!(option(&plan(VideoEncoder::Vaapi, Some(1)), "rc_mode").unwrap(), "VBR");
        assert_eq!(
            option(&plan(VideoEncoder::Nvenc, Some(1)), "cq").unwrap(),
            "19.0",
            "capped constant quality"
        );
    }

    #[test]
    fn every_encoder_gets_the_profile() {
        for encoder in [VideoEncoder::X264].into_iter().chain(VideoEncoder::HARDWARE) {
            let plan = VideoEncode { profile: X264Profile::Main, ..plan(encoder, None) };
            assert_eq!(option(&plan, "profile").unwrap(), "main");
        }
    }
}
