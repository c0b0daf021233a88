//! The facts about the streams of a file.

use serde::{Deserialize, Serialize};

use super::{
    Codec, ColorTags, EditList, Flip, FrameLoss, Hdr, Rational, Rotation, Size, Timing, display_aspect_ratio,
    display_size,
};

/// One video stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct VideoStream {
    /// Index of the stream in the file.
    pub index: u32,
    /// The codec, by FFmpeg's name.
    pub codec: Option<Codec>,
    /// The four-character code in the container (`avc1`, `hev1`, …).
    pub codec_tag: Option<String>,
    /// Codec profile by FFmpeg's name (`High`).
    pub profile: Option<String>,
    /// Codec level as the codec writes it (40 for H.264 level 4.0).
    pub level: Option<i32>,
    /// FFmpeg's pixel format name.
    pub pixel_format: Option<String>,
    /// Bits per component.
    pub bit_depth: Option<u8>,
    /// Chroma subsampling: `4:2:0`, `4:2:2`, `4:4:4`, `4:0:0`, `rgb`, …
    pub chroma: Option<String>,
    /// Whether the pixel format carries transparency.
    pub alpha: Option<bool>,
    /// Cropped frame width before rotation and sample aspect ratio.
    pub width: Option<u32>,
    /// Cropped frame height before rotation and sample aspect ratio.
    pub height: Option<u32>,
    /// Width of one sample over its height; the container's value has precedence.
    pub sample_aspect_ratio: Option<Rational>,
    /// The bitstream's sample aspect ratio, if it differs from the container's.
    pub bitstream_sample_aspect_ratio: Option<Rational>,
    /// The clockwise rotation that a player applies, in degrees.
    pub rotation: Rotation,
    /// The reflection that a player applies before the rotation.
    pub flip: Option<Flip>,
    /// Average frame rate.
    pub frame_rate: Option<Rational>,
    /// The frame rate of the most frequent interval between frames, if measured.
    pub modal_frame_rate: Option<Rational>,
    /// Whether intervals between frames differ by more than rounding.
    pub variable_frame_rate: Option<bool>,
    /// Field order: `progressive`, `tt`, `bb`, `tb` or `bt`, as in FFmpeg.
    pub field_order: Option<String>,
    /// Colour tags, by FFmpeg's names.
    pub color: ColorTags,
    /// High dynamic range, if declared.
    pub hdr: Option<Hdr>,
    /// Bit rate of the stream in bits per second.
    pub bit_rate: Option<u64>,
    /// Duration in seconds.
    pub duration_s: Option<f64>,
    /// First presentation time in seconds.
    pub start_s: Option<f64>,
    /// Number of frames, if known exactly.
    pub frames: Option<u64>,
    /// Whether every group of pictures (GOP) can be decoded on its own.
    pub closed_gop: Option<bool>,
    /// The longest distance between key frames, in frames.
    pub max_gop_frames: Option<u64>,
    /// How often the codec parameters change within the stream.
    pub parameter_changes: Option<u32>,
    /// The edit list of the track, if any.
    pub edit_list: Option<EditList>,
    /// Statistics of the timestamps, if all packets were read.
    pub timing: Option<Timing>,
    /// Whether this build has a decoder for the codec.
    pub decodable: bool,
    /// The encryption scheme, if the samples are encrypted: `cenc`, `cbcs`, or a name of the container's own.
    pub encryption: Option<String>,
    /// Whether the stream is declared but has no samples.
    pub empty: bool,
    /// The language as the container declares it, for instance `eng`; `None` if undetermined.
    pub language: Option<String>,
    /// Whether the container marks the stream as one to play by default.
    pub default: Option<bool>,
    /// Whether the container enables the stream (ISO/IEC 14496-12, 8.3.2, `track_enabled`; Matroska `FlagEnabled`).
    pub enabled: Option<bool>,
    /// The presentation time in seconds of the first frame that can be decoded, if frames before it cannot because
    /// their key frame is missing.
    pub first_decodable_s: Option<f64>,
    /// How many frames at the start cannot be decoded because their key frame is missing, if it was counted.
    pub undecodable_frames: Option<u64>,
    /// The coded frame sizes in the order of their first appearance, if the stream has more than one.
    pub frame_sizes: Vec<Size>,
    /// Frames that the stream lacks, as far as headers and packets show it.
    pub lost_frames: Vec<FrameLoss>,
}

impl VideoStream {
    /// Returns the name of the codec, else the four-character code.
    pub fn codec_or_tag(&self) -> Option<&str> {
        self.codec.as_ref().map(Codec::name).or(self.codec_tag.as_deref())
    }

    /// Returns the coded size if both sides are known and above zero.
    pub fn coded_size(&self) -> Option<Size> {
        match (self.width, self.height) {
            (Some(width @ 1..), Some(height @ 1..)) => Some(Size { width, height }),
            _ => None,
        }
    }

    /// Returns the display size.
    pub fn display_size(&self) -> Option<Size> {
        Some(display_size(self.coded_size()?, self.sample_aspect_ratio, self.rotation))
    }

    /// Returns the exact display aspect ratio.
    pub fn display_aspect_ratio(&self) -> Option<Rational> {
        display_aspect_ratio(self.coded_size()?, self.sample_aspect_ratio, self.rotation)
    }
}

/// One audio stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct AudioStream {
    /// Index of the stream in the file.
    pub index: u32,
    /// The codec, by FFmpeg's name; `None` if FFmpeg does not know the tag (`apac`).
    pub codec: Option<Codec>,
    /// The four-character code in the container.
    pub codec_tag: Option<String>,
    /// Codec profile by FFmpeg's name (`LC`, `HE-AAC`).
    pub profile: Option<String>,
    /// Samples per second.
    pub sample_rate: Option<u32>,
    /// Number of channels.
    pub channels: Option<u32>,
    /// FFmpeg's layout name (`stereo`, `5.1`).
    pub channel_layout: Option<String>,
    /// Bit rate of the stream in bits per second.
    pub bit_rate: Option<u64>,
    /// Duration in seconds.
    pub duration_s: Option<f64>,
    /// First presentation time in seconds.
    pub start_s: Option<f64>,
    /// The edit list of the track, if any.
    pub edit_list: Option<EditList>,
    /// Whether this build has a decoder for the codec.
    pub decodable: bool,
    /// The encryption scheme, if the samples are encrypted: `cenc`, `cbcs`, or a name of the container's own.
    pub encryption: Option<String>,
    /// Whether the stream is declared but has no samples.
    pub empty: bool,
    /// The language as the container declares it, for instance `eng`; `None` if undetermined.
    pub language: Option<String>,
    /// Whether the container marks the stream as one to play by default.
    pub default: Option<bool>,
    /// Whether the container enables the stream (ISO/IEC 14496-12, 8.3.2, `track_enabled`; Matroska `FlagEnabled`).
    pub enabled: Option<bool>,
    /// The title that the container gives the track.
    pub title: Option<String>,
    /// Index of an earlier audio stream with the same parameters and the same packets, if the packets were compared.
    pub same_as: Option<u32>,
    /// Frames that the stream lacks, as far as headers and packets show it.
    pub lost_frames: Vec<FrameLoss>,
}

impl AudioStream {
    /// Returns the name of the codec, else the four-character code.
    pub fn codec_or_tag(&self) -> Option<&str> {
        self.codec.as_ref().map(Codec::name).or(self.codec_tag.as_deref())
    }
}

/// A stream that is neither video nor audio.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct OtherStream {
    /// Index of the stream in the file.
    pub index: u32,
    /// The kind of stream.
    pub kind: OtherKind,
    /// FFmpeg's codec name, else the four-character code. It is shown and decides nothing.
    pub codec: Option<String>,
    /// The language as the container declares it; `None` if undetermined.
    pub language: Option<String>,
    /// Duration in seconds.
    pub duration_s: Option<f64>,
}

/// The kinds of [`OtherStream`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OtherKind {
    /// Timed metadata, timecode, hint tracks.
    Data,
    /// Timed text.
    Subtitle,
    /// A file attached to the container, such as a font.
    Attachment,
    /// A still image stored as a video stream.
    CoverArt,
}
