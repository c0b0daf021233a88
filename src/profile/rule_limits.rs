//! The rules by name, and the limits of all of them under one profile.

use serde::{Deserialize, Serialize};

use super::limits::{AnyLimits, EditableLimits, Limits};
use super::parameters::*;

macro_rules! rule_limits {
    ($($variant:ident = $id:literal, $field:ident: $type:ty;)*) => {
        /// A rule. Its id, such as `video-codec`, is stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum RuleId {
            $(#[doc = concat!("`", $id, "`.")] #[serde(rename = $id)] $variant,)*
        }

        impl RuleId {
            /// Every rule, in the order in which findings of equal severity are shown.
            pub const ALL: &'static [RuleId] = &[$(RuleId::$variant),*];

            /// Returns the id.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(RuleId::$variant => $id,)*
                }
            }

            /// Returns the keys that the rule's table in a profile may have.
            pub fn keys(self) -> &'static [Key] {
                match self {
                    $(RuleId::$variant => <$type as Parameters>::KEYS,)*
                }
            }
        }

        /// The limits of every rule; `None` where a rule does not apply.
        #[derive(Clone, Debug, Default, PartialEq)]
        #[non_exhaustive]
        pub struct RuleLimits {
            $(#[doc = concat!("Limits of `", $id, "`.")] pub $field: Option<Limits<$type>>,)*
        }

        impl RuleLimits {
            /// Returns the limits of a rule, whatever their type.
            pub fn get(&self, rule: RuleId) -> Option<&dyn AnyLimits> {
                match rule {
                    $(RuleId::$variant => self.$field.as_ref().map(|limits| limits as &dyn AnyLimits),)*
                }
            }

            /// Returns the limits of a rule, which applies from now on.
            pub(super) fn entry(&mut self, rule: RuleId) -> &mut dyn EditableLimits {
                match rule {
                    $(RuleId::$variant => self.$field.get_or_insert_default(),)*
                }
            }

            /// Turns a rule off.
            pub(super) fn remove(&mut self, rule: RuleId) {
                match rule {
                    $(RuleId::$variant => self.$field = None,)*
                }
            }
        }
    };
}

rule_limits! {
    Container = "container", container: ContainerLimits;
    Extension = "extension", extension: ExtensionLimits;
    FileSize = "file-size", file_size: FileSizeLimits;
    FileName = "file-name", file_name: FileNameLimits;
    Duration = "duration", duration: DurationLimits;
    VideoStream = "video-stream", video_stream: NoLimits;
    VideoCodec = "video-codec", video_codec: VideoCodecLimits;
    VideoProfile = "video-profile", video_profile: VideoProfileLimits;
    PixelFormat = "pixel-format", pixel_format: PixelFormatLimits;
    Resolution = "resolution", resolution: ResolutionLimits;
    EvenDimensions = "even-dimensions", even_dimensions: NoLimits;
    ParameterChange = "parameter-change", parameter_change: NoLimits;
    OpenGop = "open-gop", open_gop: NoLimits;
    GopLength = "gop-length", gop_length: GopLengthLimits;
    Letterbox = "letterbox", letterbox: NoLimits;
    AspectRatio = "aspect-ratio", aspect_ratio: AspectRatioLimits;
    SampleAspectRatio = "sample-aspect-ratio", sample_aspect_ratio: NoLimits;
    Rotation = "rotation", rotation: NoLimits;
    FrameRate = "frame-rate", frame_rate: FrameRateLimits;
    VariableFrameRate = "variable-frame-rate", variable_frame_rate: NoLimits;
    Interlaced = "interlaced", interlaced: NoLimits;
    VideoBitRate = "video-bit-rate", video_bit_rate: VideoBitRateLimits;
    Color = "color", color: NoLimits;
    Hdr = "hdr", hdr: NoLimits;
    AudioStream = "audio-stream", audio_stream: AudioStreamLimits;
    AudioCodec = "audio-codec", audio_codec: AudioCodecLimits;
    AudioChannels = "audio-channels", audio_channels: AudioChannelsLimits;
    AudioSampleRate = "audio-sample-rate", audio_sample_rate: AudioSampleRateLimits;
    AudioBitRate = "audio-bit-rate", audio_bit_rate: AudioBitRateLimits;
    Loudness = "loudness", loudness: LoudnessLimits;
    FastStart = "fast-start", fast_start: NoLimits;
    Fragmented = "fragmented", fragmented: NoLimits;
    EditList = "edit-list", edit_list: NoLimits;
    StartTime = "start-time", start_time: StartTimeLimits;
    Timestamps = "timestamps", timestamps: NoLimits;
    ExtraStreams = "extra-streams", extra_streams: NoLimits;
    StreamOrder = "stream-order", stream_order: NoLimits;
    AvDuration = "av-duration", av_duration: AvDurationLimits;
    Integrity = "integrity", integrity: NoLimits;
    Black = "black", black: BlackLimits;
    Freeze = "freeze", freeze: FreezeLimits;
    Silence = "silence", silence: SilenceLimits;
    MetadataPrivacy = "metadata-privacy", metadata_privacy: NoLimits;
    ImageFormat = "image-format", image_format: ImageFormatLimits;
    ImageSize = "image-size", image_size: ImageSizeLimits;
    ImageAspectRatio = "image-aspect-ratio", image_aspect_ratio: ImageAspectRatioLimits;
    Cover = "cover", cover: NoLimits;
    LandingPage = "landing-page", landing_page: NoLimits;
    AdText = "ad-text", ad_text: AdTextLimits;
    AdFields = "ad-fields", ad_fields: AdFieldsLimits;
}

impl RuleId {
    /// Returns the rule with that id.
    pub fn from_name(id: &str) -> Option<RuleId> {
        RuleId::ALL.iter().copied().find(|rule| rule.as_str() == id)
    }

    /// Joins the ids of `rules`: "duration, file-size".
    pub fn list(rules: &[RuleId]) -> String {
        rules.iter().map(|rule| rule.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Returns the ids of all rules.
    pub fn names() -> impl Iterator<Item = &'static str> {
        RuleId::ALL.iter().map(|rule| rule.as_str())
    }
}

impl std::fmt::Display for RuleId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl RuleLimits {
    /// Returns every rule that applies, with its limits, sorted by id.
    pub fn all(&self) -> impl Iterator<Item = (RuleId, &dyn AnyLimits)> {
        let mut rules = RuleId::ALL.to_vec();
        rules.sort_unstable_by_key(|rule| rule.as_str());
        rules.into_iter().filter_map(|rule| Some((rule, self.get(rule)?)))
    }
}
