//! The video encoders and their settings.

use serde::{Deserialize, Serialize};

/// The video encoder; all produce H.264.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum), value(rename_all = "lowercase"))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum VideoEncoder {
    /// x264, in software: the same bytes on every machine.
    // What is chosen automatically must not depend on the machine.
    #[default]
    #[cfg_attr(feature = "cli", value(alias = "auto"))]
    #[serde(alias = "auto")]
    X264,
    /// Apple's media engine.
    VideoToolbox,
    /// NVIDIA's encoder.
    Nvenc,
    /// Devices that Linux supports through VA-API.
    Vaapi,
    /// Intel's encoder (Quick Sync Video).
    Qsv,
}

impl VideoEncoder {
    /// The hardware encoders.
    pub const HARDWARE: [VideoEncoder; 4] =
        [VideoEncoder::VideoToolbox, VideoEncoder::Nvenc, VideoEncoder::Vaapi, VideoEncoder::Qsv];

    /// Returns the name used in options and reports.
    pub fn name(self) -> &'static str {
        match self {
            VideoEncoder::X264 => "x264",
            VideoEncoder::VideoToolbox => "videotoolbox",
            VideoEncoder::Nvenc => "nvenc",
            VideoEncoder::Vaapi => "vaapi",
            VideoEncoder::Qsv => "qsv",
        }
    }

    /// Returns FFmpeg's name of the encoder.
    pub fn library_name(self) -> &'static str {
        match self {
            VideoEncoder::X264 => "libx264",
            VideoEncoder::VideoToolbox => "h264_videotoolbox",
            VideoEncoder::Nvenc => "h264_nvenc",
            VideoEncoder::Vaapi => "h264_vaapi",
            VideoEncoder::Qsv => "h264_qsv",
        }
    }

    /// Returns whether the encoder needs a device.
    pub fn is_hardware(self) -> bool {
        self != VideoEncoder::X264
    }
}

/// Encoder effort, by x264's preset names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Preset {
    /// The fastest, with the largest files.
    Superfast,
    /// The best trade-off of time against quality, as the platform re-encodes anyway.
    #[default]
    Veryfast,
    /// Slower than `veryfast`.
    Faster,
    /// Slower than `faster`.
    Fast,
    /// The default of x264.
    Medium,
    /// The slowest, with the smallest files.
    Slow,
}

impl Preset {
    /// Returns x264's name.
    pub fn name(self) -> &'static str {
        match self {
            Preset::Superfast => "superfast",
            Preset::Veryfast => "veryfast",
            Preset::Faster => "faster",
            Preset::Fast => "fast",
            Preset::Medium => "medium",
            Preset::Slow => "slow",
        }
    }
}

/// The H.264 profiles that x264 may write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum X264Profile {
    /// Baseline.
    Baseline,
    /// Main.
    Main,
    /// High.
    #[default]
    High,
}

impl X264Profile {
    /// Returns x264's name.
    pub fn name(self) -> &'static str {
        match self {
            X264Profile::Baseline => "baseline",
            X264Profile::Main => "main",
            X264Profile::High => "high",
        }
    }

    /// Returns FFmpeg's name of the profile that the encoded stream declares.
    pub fn title(self) -> &'static str {
        match self {
            X264Profile::Baseline => "Constrained Baseline",
            X264Profile::Main => "Main",
            X264Profile::High => "High",
        }
    }
}
