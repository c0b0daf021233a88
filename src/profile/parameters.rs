//! The parameters of every rule: the keys that its table in a profile may have, with types and meanings. Parsing
//! rejects all other keys, and `greenlit profiles ID` and `greenlit explain` print limits by these tables.

use super::parameter::{Parameter, SizeForRatio, Value};
use crate::model::{Codec, Container, ImageFormat, Rational};

/// One key of a rule's table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The name, such as `max_s`.
    pub name: &'static str,
    /// What it means, for the table of limits: "at most (s)".
    pub meaning: &'static str,
    /// What a value must be: "a number".
    pub expected: &'static str,
}

/// The parameters of one rule.
pub(super) trait Parameters {
    /// The keys, in the order in which they are shown.
    const KEYS: &'static [Key];
    /// Sets the key `name`; `None` if there is no such key or if the value has another type.
    fn set(&mut self, name: &str, value: &toml::Value) -> Option<()>;
    /// Returns the keys that are set, in the order of [`Parameters::KEYS`].
    fn values(&self) -> Vec<(&'static str, Value)>;
}

macro_rules! parameters {
    ($($(#[$doc:meta])* $name:ident { $($key:ident: $type:ty = $meaning:literal),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        #[non_exhaustive]
        pub struct $name {
            $(#[doc = $meaning] pub $key: $type,)*
        }

        impl Parameters for $name {
            const KEYS: &'static [Key] = &[$(Key {
                name: stringify!($key),
                meaning: $meaning,
                expected: <$type as Parameter>::EXPECTED,
            }),*];

            #[allow(unused_variables, reason = "some rules have no keys")]
            fn set(&mut self, name: &str, value: &toml::Value) -> Option<()> {
                match name {
                    $(stringify!($key) => self.$key = Parameter::from_toml(value)?,)*
                    _ => return None,
                }
                #[allow(unreachable_code, reason = "some rules have no keys")]
                Some(())
            }

            fn values(&self) -> Vec<(&'static str, Value)> {
                let all: Vec<(&'static str, Option<Value>)> = vec![$((stringify!($key), self.$key.to_value())),*];
                all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
            }
        }
    )*};
}

parameters! {
    /// The parameters of rules that only have a severity and a source.
    NoLimits {}

    /// Limits of `container`.
    ContainerLimits {
        allow: Vec<Container> = "allowed",
        warn_allow: Vec<Container> = "recommended",
    }

    /// Limits of `extension`.
    ExtensionLimits {
        allow: Vec<String> = "allowed",
    }

    /// Limits of `file-size`.
    FileSizeLimits {
        max_bytes: Option<f64> = "at most (bytes)",
        min_bytes: Option<f64> = "at least (bytes)",
        warn_max_bytes: Option<f64> = "recommended at most (bytes)",
    }

    /// Limits of `file-name`.
    FileNameLimits {
        max_chars: Option<f64> = "at most (characters)",
    }

    /// Limits of `duration`.
    DurationLimits {
        min_s: Option<f64> = "at least (s)",
        max_s: Option<f64> = "at most (s)",
        warn_min_s: Option<f64> = "recommended at least (s)",
        warn_max_s: Option<f64> = "recommended at most (s)",
    }

    /// Limits of `video-codec`.
    VideoCodecLimits {
        allow: Vec<Codec> = "allowed",
    }

    /// Limits of `video-profile`.
    VideoProfileLimits {
        allow: Vec<String> = "allowed",
        max_level: Option<f64> = "level at most (times ten)",
    }

    /// Limits of `pixel-format`.
    PixelFormatLimits {
        chroma: Vec<String> = "chroma",
        max_bit_depth: Option<f64> = "bits at most",
    }

    /// Limits of `resolution`.
    ResolutionLimits {
        min_for_ratio: Vec<SizeForRatio> = "at least",
        min_width: Option<f64> = "width at least (px)",
        min_height: Option<f64> = "height at least (px)",
        min_side: Option<f64> = "each side at least (px)",
        max_side: Option<f64> = "each side at most (px)",
        max_width: Option<f64> = "width at most (px)",
        max_height: Option<f64> = "height at most (px)",
        warn_max_side: Option<f64> = "recommended each side at most (px)",
        warn_max_short_side: Option<f64> = "recommended shorter side at most (px)",
    }

    /// Limits of `gop-length`.
    GopLengthLimits {
        max_frames: Option<f64> = "at most (frames)",
        max_s: Option<f64> = "at most (s)",
    }

    /// Limits of `aspect-ratio`.
    AspectRatioLimits {
        allow: Vec<Rational> = "allowed",
        min: Option<Rational> = "narrowest",
        max: Option<Rational> = "widest",
        tolerance: Option<f64> = "tolerance (share)",
        prefer: Vec<Rational> = "recommended",
    }

    /// Limits of `frame-rate`.
    FrameRateLimits {
        min: Option<f64> = "at least",
        max: Option<f64> = "at most",
    }

    /// Limits of `video-bit-rate`.
    VideoBitRateLimits {
        min: Option<f64> = "at least (b/s)",
        max: Option<f64> = "at most (b/s)",
        warn_min: Option<f64> = "recommended at least (b/s)",
    }

    /// Limits of `audio-stream`.
    AudioStreamLimits {
        required: bool = "required",
        max_streams: Option<f64> = "at most (tracks; more are a warning unless published)",
    }

    /// Limits of `audio-codec`.
    AudioCodecLimits {
        allow: Vec<Codec> = "allowed",
        profiles: Vec<String> = "AAC profiles",
    }

    /// Limits of `audio-channels`.
    AudioChannelsLimits {
        max: Option<f64> = "at most",
        min: Option<f64> = "at least",
    }

    /// Limits of `audio-sample-rate`.
    AudioSampleRateLimits {
        allow: Vec<u32> = "allowed (Hz)",
        max: Option<f64> = "at most (Hz)",
    }

    /// Limits of `audio-bit-rate`.
    AudioBitRateLimits {
        min: Option<f64> = "at least (b/s)",
        max: Option<f64> = "at most (b/s)",
    }

    /// Limits of `loudness`.
    LoudnessLimits {
        target_lufs: Option<f64> = "target (LUFS)",
        tolerance_lu: Option<f64> = "tolerance (LU)",
    }

    /// Limits of `start-time`.
    StartTimeLimits {
        max_s: Option<f64> = "at most (s)",
    }

    /// Limits of `av-duration`.
    AvDurationLimits {
        max_s: Option<f64> = "apart at most (s)",
    }

    /// Limits of `black`.
    BlackLimits {
        max_s: Option<f64> = "at most (s)",
    }

    /// Limits of `freeze`.
    FreezeLimits {
        max_s: Option<f64> = "at most (s)",
    }

    /// Limits of `silence`.
    SilenceLimits {
        max_s: Option<f64> = "at most (s)",
    }

    /// Limits of `image-format`.
    ImageFormatLimits {
        allow: Vec<ImageFormat> = "allowed",
    }

    /// Limits of `image-size`.
    ImageSizeLimits {
        max_bytes: Option<f64> = "at most (bytes)",
        warn_max_bytes: Option<f64> = "recommended at most (bytes)",
        max_pixels: Option<f64> = "at most (pixels per frame: width times height)",
        max_short_side: Option<f64> = "shorter side at most (px)",
        warn_min_for_ratio: Vec<SizeForRatio> = "recommended at least",
        warn_max_for_ratio: Vec<SizeForRatio> = "recommended at most",
    }

    /// Limits of `image-aspect-ratio`.
    ImageAspectRatioLimits {
        allow: Vec<Rational> = "allowed",
        warn_allow: Vec<Rational> = "recommended",
        tolerance: Option<f64> = "tolerance (share)",
    }

    /// Limits of `ad-text`.
    AdTextLimits {
        max_width: Option<f64> = "at most (characters, wide ones count as two)",
    }

    /// Limits of `ad-fields`.
    AdFieldsLimits {
        calls_to_action: Vec<String> = "calls to action",
        more_calls_to_action: Vec<String> = "and also",
    }
}
