//! What each encoder is told, in its own words.
//!
//! The plan speaks x264's language: a constant rate factor, a preset by its name, a ceiling. Encoders in
//! hardware share its scale of quantisers, 0 to 51, and little else. Whatever they make is held against the
//! same rules and compared with the source like any other output, so this only has to be near.

use crate::plan::{Preset, VideoEncode, VideoEncoder};

/// Libav's unit of quality for encoders that take it (`FF_QP2LAMBDA`).
const LAMBDA: i32 = 118;

/// The layout of the pictures that an encoder takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Three planes.
    Planar,
    /// Two, the colour differences side by side.
    Nv12,
    /// As [`Layout::Nv12`], copied into the memory of a VA-API device first.
    Vaapi,
}

/// What an encoder is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Options by the names FFmpeg has for them.
    pub pairs: Vec<(&'static str, String)>,
    /// Constant quality, in the encoder's own measure, for those that take it as a field.
    pub global_quality: Option<i32>,
    /// Whether that is to be kept by fixed quantisers (`AV_CODEC_FLAG_QSCALE`).
    pub fixed_quality: bool,
    /// Bits a second to aim at, for those that know no capped constant quality.
    pub bit_rate: Option<u64>,
    /// The layout of pictures.
    pub layout: Layout,
}

/// What the encoder of `plan` is told beside size, rate, group length, number of B-frames and ceiling, which
/// all of them take alike.
pub fn settings(plan: &VideoEncode) -> Settings {
    let quality = plan.rate.crf.round().clamp(1.0, 51.0) as i32;
    let capped = plan.rate.max_bit_rate.is_some();
    let mut pairs = vec![("profile", plan.profile.name().to_owned())];
    // Quick Sync has no option of that name; it chooses by size and rate.
    if let Some(level) = plan.level.filter(|_| plan.encoder != VideoEncoder::Qsv) {
        pairs.push(("level", format!("{}.{}", level / 10, level % 10)));
    }
    let mut told = Settings {
        pairs,
        global_quality: None,
        fixed_quality: false,
        bit_rate: None,
        layout: Layout::Planar,
    };
    let mut tell = |name, value: &str| told.pairs.push((name, value.to_owned()));
    match plan.encoder {
        VideoEncoder::X264 => {
            tell("preset", plan.preset.name());
            tell("crf", &format!("{:.3}", plan.rate.crf));
            // A key frame at a cut may come early, but not closer than a tenth of the distance.
            tell("keyint_min", &(plan.gop_frames / 10).max(1).to_string());
            tell("sc_threshold", "40");
            tell("x264-params", "open-gop=0:fullrange=off");
        }
        VideoEncoder::Nvenc => {
            tell("preset", ["p2", "p3", "p4", "p4", "p5", "p6"][effort(plan.preset)]);
            tell("rc", "vbr");
            // Its scale ends a little earlier: the same number looks worse than x264's.
            tell("cq", &format!("{:.1}", (plan.rate.crf - 1.0).max(1.0)));
            tell("spatial-aq", "1");
            tell("forced-idr", "1");
            tell("b_ref_mode", "disabled");
        }
        VideoEncoder::Qsv => {
            tell("preset", ["veryfast", "veryfast", "faster", "fast", "medium", "slow"][effort(plan.preset)]);
            told.layout = Layout::Nv12;
            // Under a ceiling it knows no constant quality.
            told.global_quality = (!capped).then_some(quality);
            told.bit_rate = aim(plan);
        }
        VideoEncoder::Vaapi => {
            tell("rc_mode", if capped { "VBR" } else { "CQP" });
            told.layout = Layout::Vaapi;
            told.global_quality = (!capped).then_some(quality);
            told.bit_rate = aim(plan);
        }
        VideoEncoder::VideoToolbox => {
            // 1 to 100, and more is better: 20 becomes 65.
            let share = (100.0 - 1.75 * plan.rate.crf).round().clamp(1.0, 100.0) as i32;
            told.global_quality = (!capped).then_some(share * LAMBDA);
            told.fixed_quality = !capped;
            told.bit_rate = aim(plan);
        }
    }
    told
}

/// The place of a preset in a table from fast to slow.
fn effort(preset: Preset) -> usize {
    match preset {
        Preset::Superfast => 0,
        Preset::Veryfast => 1,
        Preset::Faster => 2,
        Preset::Fast => 3,
        Preset::Medium => 4,
        Preset::Slow => 5,
    }
}

/// Under a ceiling: what a picture of this size and rate takes at this quality, a tenth of a bit a pixel at
/// 20 and half of it for every six more, and safely below the ceiling.
fn aim(plan: &VideoEncode) -> Option<u64> {
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
    use crate::plan::{RateControl, X264Profile, sample};

    fn plan(encoder: VideoEncoder, max_bit_rate: Option<u64>) -> VideoEncode {
        let rate = RateControl { crf: 20.0, max_bit_rate, buffer_bits: None, min_bit_rate: None };
        VideoEncode { encoder, rate, preset: Preset::Medium, ..sample::video_encode(1280, 720, 30) }
    }

    fn told(plan: &VideoEncode, name: &str) -> Option<String> {
        settings(plan).pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    #[test]
    fn every_encoder_gets_quality_in_its_own_words() {
        assert_eq!(told(&plan(VideoEncoder::X264, None), "crf").unwrap(), "20.000");
        assert_eq!(told(&plan(VideoEncoder::Nvenc, None), "cq").unwrap(), "19.0");
        let quality = |encoder| settings(&plan(encoder, None)).global_quality;
        assert_eq!(quality(VideoEncoder::Qsv), Some(20));
        assert_eq!(quality(VideoEncoder::Vaapi), Some(20));
        assert_eq!(quality(VideoEncoder::VideoToolbox), Some(65 * LAMBDA));
        for encoder in VideoEncoder::HARDWARE {
            assert_eq!(told(&plan(encoder, None), "crf"), None, "{encoder:?} knows no such thing");
        }
    }

    #[test]
    fn better_is_better_for_every_encoder() {
        let measure = |encoder, crf: f32| {
            let plan = plan(encoder, None);
            let plan = VideoEncode { rate: RateControl { crf, ..plan.rate }, ..plan };
            let words = told(&plan, "cq").or(told(&plan, "crf")).map(|text| text.parse::<f32>().unwrap());
            words.unwrap_or_else(|| settings(&plan).global_quality.unwrap() as f32)
        };
        for encoder in [VideoEncoder::X264].into_iter().chain(VideoEncoder::HARDWARE) {
            let (good, poor) = (measure(encoder, 16.0), measure(encoder, 30.0));
            assert_eq!(good > poor, encoder == VideoEncoder::VideoToolbox, "{encoder:?}: {good} {poor}");
        }
    }

    #[test]
    fn a_ceiling_is_kept_by_aiming_below_it() {
        for encoder in [VideoEncoder::Qsv, VideoEncoder::Vaapi, VideoEncoder::VideoToolbox] {
            let low = settings(&plan(encoder, Some(1_000_000)));
            assert_eq!((low.bit_rate, low.global_quality, low.fixed_quality), (Some(800_000), None, false));
            let high = settings(&plan(encoder, Some(100_000_000)));
            assert_eq!(high.bit_rate, Some(2_764_800), "no more bits than the quality takes");
        }
        assert_eq!(told(&plan(VideoEncoder::Vaapi, Some(1)), "rc_mode").unwrap(), "VBR");
        assert_eq!(
            told(&plan(VideoEncoder::Nvenc, Some(1)), "cq").unwrap(),
            "19.0",
            "capped constant quality"
        );
    }

    #[test]
    fn profile_and_level_are_told_to_all() {
        for encoder in [VideoEncoder::X264].into_iter().chain(VideoEncoder::HARDWARE) {
            let plan = VideoEncode { profile: X264Profile::Main, level: Some(41), ..plan(encoder, None) };
            assert_eq!(told(&plan, "profile").unwrap(), "main");
            assert_eq!(
                told(&plan, "level").is_some_and(|level| level == "4.1"),
                encoder != VideoEncoder::Qsv
            );
        }
    }
}
