//! What the user wants and consents to, and what the machine has.

use super::spec::{Preset, VideoEncoder};

/// Choices and consents. The default loses and invents nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct FixOptions {
    /// How a picture is fitted into an allowed ratio.
    pub fit: Fit,
    /// Consent to make a short video longer.
    pub extend: Option<Extend>,
    /// Consent to cut a long video.
    pub trim: bool,
    /// Consent to enlarge a small picture.
    pub upscale: bool,
    /// Consent to add a silent track.
    pub add_silence: bool,
    /// Colour of borders and behind transparency, `RRGGBB`.
    pub background: String,
    /// Who encodes.
    pub encoder: VideoEncoder,
    /// Why it is not the one that was asked for.
    pub encoder_fallback: Option<String>,
    /// ResourceEstimate of the encoder.
    pub preset: Preset,
    /// Constant rate factor of x264. With the preset `veryfast`, 18 brings H.264 fixtures to a mean VMAF of 95.6 at 1.06
    /// times their bytes, and no video that was tried below 90; 20 does not (`benches/README.md`).
    pub crf: f32,
    /// 1 as planned, 2 full re-encode to the common core, 3 conservative.
    pub recipe: u8,
    /// What a copy of the picture did not pass for, so that nothing is copied.
    pub copy_failed: Option<String>,
}

impl Default for FixOptions {
    fn default() -> FixOptions {
        FixOptions {
            fit: Fit::Pad,
            extend: None,
            trim: false,
            upscale: false,
            add_silence: false,
            background: "000000".to_owned(),
            encoder: VideoEncoder::X264,
            encoder_fallback: None,
            preset: Preset::Veryfast,
            crf: 18.0,
            recipe: 1,
            copy_failed: None,
        }
    }
}

/// How a picture is fitted into an allowed ratio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fit {
    /// Borders in one colour.
    #[default]
    Pad,
    /// Borders of the blurred picture.
    Blur,
    /// What does not fit is cut off.
    Crop,
}

/// How a short video becomes longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extend {
    /// Played again.
    Loop,
    /// The last frame held.
    Freeze,
}

/// The machine that will encode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Processor cores.
    pub cores: u32,
}
