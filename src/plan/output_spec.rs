//! The complete specification of an output file.

use serde::{Deserialize, Serialize};

use crate::model::{Container, Flip, HdrKind, Rational, Rotation, Size, UndeclaredColors};

/// Everything the transcoder needs to produce one output. Serialized for the worker and hashed into the fix
/// record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputSpec {
    /// The container to write, with `moov` first if it has one.
    pub container: OutputContainer,
    /// How the video stream is produced; `None` writes none.
    pub video: Option<VideoPlan>,
    /// How the audio stream is produced; `None` writes none.
    pub audio: Option<AudioPlan>,
    /// Keep only this many seconds from the start.
    pub trim_to_s: Option<f64>,
    /// Lengthen the video.
    pub extend: Option<Lengthening>,
    /// Drop global and stream metadata (never the display matrix of a copied stream).
    pub strip_metadata: bool,
    /// Write no edit list and no audio priming packets. Only for streams whose list is benign.
    pub drop_edit_list: bool,
    /// The start of the input's timestamps in seconds; the output's start at zero.
    pub start_s: f64,
    /// Leave out what the input shows before `start_s`, and decode its video from the key frame there.
    #[serde(default)]
    pub cut_before_start: bool,
    /// The intended duration of the output in seconds, if known.
    pub expected_duration_s: Option<f64>,
    /// How long the last frame may be held to reach that duration, in seconds, if the source ends before the
    /// declared duration. Applies to re-encoded video only.
    pub max_hold_s: f64,
    /// The intended number of video frames, if known.
    pub expected_frames: Option<u64>,
    /// The number of encoder threads. Depends only on the file and the machine.
    pub threads: u32,
    /// The limit on the output size in bytes, if the destination sets one.
    pub max_size_bytes: Option<u64>,
    /// Whether the decoder may conceal a little damage of the source.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub conceal: bool,
}

impl OutputSpec {
    /// Returns the indices of the source's streams that are copied.
    pub fn copied_streams(&self) -> Vec<u32> {
        let video = match &self.video {
            Some(VideoPlan::Copy { stream, .. }) => Some(*stream),
            _ => None,
        };
        let audio = match &self.audio {
            Some(AudioPlan::Copy { stream }) => Some(*stream),
            _ => None,
        };
        video.into_iter().chain(audio).collect()
    }

    /// Returns whether both outputs encode the same stream once from start to end, so that one decoder can serve
    /// both. Excluded are outputs with a loudness measurement, which would delay the other, and hardware encoders,
    /// which support few simultaneous encodes.
    pub fn can_share_decode(&self, other: &OutputSpec) -> bool {
        let measured = |spec: &OutputSpec| matches!(&spec.audio, Some(AudioPlan::Encode(encode)) if encode.loudness_lufs.is_some());
        let stream = |spec: &OutputSpec| match &spec.video {
            Some(VideoPlan::Encode(encode)) => {
                let once = spec.extend.is_none() && !measured(spec);
                (once && !encode.encoder.is_hardware()).then_some(encode.stream)
            }
            _ => None,
        };
        stream(self).is_some() && stream(self) == stream(other)
    }
}

/// The containers that greenlit can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputContainer {
    /// MPEG-4 part 14.
    Mp4,
    /// QuickTime.
    Mov,
}

impl OutputContainer {
    /// Returns the container.
    pub fn container(self) -> Container {
        match self {
            OutputContainer::Mp4 => Container::Mp4,
            OutputContainer::Mov => Container::Mov,
        }
    }

    /// Returns the file name extension without the dot, which is also FFmpeg's muxer name.
    pub fn extension(self) -> &'static str {
        match self {
            OutputContainer::Mp4 => "mp4",
            OutputContainer::Mov => "mov",
        }
    }
}

/// How the video stream is produced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum VideoPlan {
    /// The packets are copied; tags may change.
    Copy {
        /// Index of the stream in the input.
        stream: u32,
        /// The tags to write.
        tags: VideoTags,
    },
    /// The stream is decoded, filtered and encoded once.
    Encode(Box<VideoEncode>),
}

/// Changes to a copied video stream that do not affect the coded frames.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VideoTags {
    /// A four-character code for the sample entry, for instance `hvc1`.
    pub codec_tag: Option<String>,
    /// Declare BT.709, limited range, in bitstream and container.
    pub declare_bt709: bool,
    /// The sample aspect ratio to declare in bitstream and container.
    pub sample_aspect_ratio: Option<Rational>,
    /// Give frame n, in presentation order, the timestamp n divided by this rate.
    pub retime_to: Option<Rational>,
}

/// How a video stream is filtered and encoded. The filters run in the order of the fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VideoEncode {
    /// Index of the stream in the input.
    pub stream: u32,
    /// How frames are read that declare no matrix or no primaries.
    #[serde(default, skip_serializing_if = "UndeclaredColors::is_bt709")]
    pub undeclared: UndeclaredColors,
    /// Deinterlace (bwdif, one output frame per input frame).
    pub deinterlace: bool,
    /// Tone-map to SDR BT.709.
    pub tone_map: Option<ToneMap>,
    /// The flip to apply, so that players need not.
    pub flip: Option<Flip>,
    /// The clockwise rotation to apply, so that players need not.
    pub rotate: Rotation,
    /// The margins to cut off, after rotation and with square pixels.
    pub crop: Option<CropMargins>,
    /// Scale the video to this size (square pixels, both sides even).
    pub scale: Size,
    /// Centre the scaled video in a larger frame.
    pub canvas: Option<Canvas>,
    /// How frames of another size than the first are fitted into the output frame.
    #[serde(default, skip_serializing_if = "PartFit::is_default")]
    pub part_fit: PartFit,
    /// The colour behind transparent pixels, `RRGGBB`; `None` if the source has no alpha.
    pub alpha_background: Option<String>,
    /// Constant frame rate of the output.
    pub frame_rate: Rational,
    /// Rate control.
    pub rate: RateControl,
    /// The encoder.
    #[serde(default)]
    pub encoder: VideoEncoder,
    /// Encoder effort.
    pub preset: Preset,
    /// H.264 profile.
    pub profile: X264Profile,
    /// H.264 level times ten; `None` lets the encoder choose by size and rate.
    pub level: Option<u32>,
    /// Key frame distance in frames, closed groups.
    pub gop_frames: u32,
    /// Number of consecutive B-frames, 0 to 16.
    pub b_frames: u32,
}

/// The source of tone mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToneMap {
    /// The HDR system of the base layer.
    pub from: HdrKind,
}

/// Columns and rows to cut off, after rotation and with square pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CropMargins {
    /// Columns cut at the left.
    pub left: u32,
    /// Rows cut at the top.
    pub top: u32,
    /// Columns cut at the right.
    pub right: u32,
    /// Rows cut at the bottom.
    pub bottom: u32,
}

/// The frame around the scaled video.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canvas {
    /// Size of the output frame.
    pub size: Size,
    /// Content of the borders.
    pub fill: Fill,
}

/// How the parts of a video whose frames have another size than the first are fitted into the output frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartFit {
    /// Borders are added.
    Pad(Fill),
    /// What exceeds the frame is cut off.
    Crop,
}

impl Default for PartFit {
    fn default() -> PartFit {
        PartFit::Pad(Fill::Color("000000".to_owned()))
    }
}

impl PartFit {
    fn is_default(&self) -> bool {
        *self == PartFit::default()
    }
}

/// The content of borders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fill {
    /// One colour, `RRGGBB`.
    Color(String),
    /// The video itself, enlarged to cover the frame and blurred.
    Blur,
}

/// Rate control: constant quality, optionally capped.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RateControl {
    /// Constant rate factor of x264, 0 to 51.
    pub crf: f32,
    /// Maximum bit rate in bits per second (VBV).
    pub max_bit_rate: Option<u64>,
    /// VBV buffer in bits.
    pub buffer_bits: Option<u64>,
    /// Minimum bit rate in bits per second: reached by higher quality first, then by filler data.
    pub min_bit_rate: Option<u64>,
}

/// The video encoder; all produce H.264.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VideoEncoder {
    /// x264, in software: the same bytes on every machine.
    #[default]
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
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// `superfast`.
    Superfast,
    /// `veryfast`: the best trade-off of time against quality, as the platform re-encodes anyway.
    #[default]
    Veryfast,
    /// `faster`.
    Faster,
    /// `fast`.
    Fast,
    /// `medium`.
    Medium,
    /// `slow`.
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

/// How the audio stream is produced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum AudioPlan {
    /// The packets are copied.
    Copy {
        /// Index of the stream in the input.
        stream: u32,
    },
    /// The stream is decoded, resampled, mixed and encoded as AAC-LC.
    Encode(AudioEncode),
    /// A silent track as long as the video is added.
    Silence {
        /// Samples per second.
        sample_rate: u32,
        /// Number of channels, 1 or 2.
        channels: u32,
        /// Bits per second.
        bit_rate: u64,
    },
}

/// How an audio stream is encoded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AudioEncode {
    /// Index of the stream in the input.
    pub stream: u32,
    /// Samples per second.
    pub sample_rate: u32,
    /// Number of channels, 1 or 2.
    pub channels: u32,
    /// Bits per second.
    pub bit_rate: u64,
    /// Target integrated loudness in LUFS.
    pub loudness_lufs: Option<f64>,
    /// Other audio streams that become part of the same track.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joined: Option<JoinedTracks>,
}

/// Audio streams that are joined with another one into one track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JoinedTracks {
    /// Indexes of the other streams in the input.
    pub others: Vec<u32>,
    /// How they are joined.
    pub how: JoinKind,
}

/// How audio streams are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JoinKind {
    /// All are heard together, each at an equal share of the volume, so that the sum cannot clip.
    Mix,
    /// The first becomes the left channel, the other the right.
    LeftRight,
}

/// How a short video is lengthened.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lengthening {
    /// The target duration in seconds.
    pub to_s: f64,
    /// The method.
    pub kind: LengtheningKind,
}

/// The method of a [`Lengthening`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LengtheningKind {
    /// Repeat the video from the start.
    Loop,
    /// Hold the last frame, without audio.
    Freeze,
}
