//! What an output file shall be, down to the last number.

use serde::{Deserialize, Serialize};

use crate::model::{Flip, HdrKind, Rational, Rotation, Size};

/// Everything the transcoder needs to make one output. Data only: it crosses to the worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputSpec {
    /// The container to write, always with `moov` first where it has one.
    pub container: OutputContainer,
    /// What becomes of the picture; `None` writes no video stream.
    pub video: Option<VideoPlan>,
    /// What becomes of the audio; `None` writes no audio stream.
    pub audio: Option<AudioPlan>,
    /// Keep only the first this many seconds.
    pub trim_to_s: Option<f64>,
    /// Make the video longer.
    pub extend: Option<Lengthening>,
    /// Drop global and stream metadata (never the display matrix of a copied stream).
    pub strip_metadata: bool,
    /// Write no edit list. Only for streams whose list is benign; audio priming packets go too.
    pub drop_edit_list: bool,
    /// Presentation times of the input start here, in seconds; the output's start at zero.
    pub start_s: f64,
    /// The duration the output shall have, in seconds, as far as it is known.
    pub expected_duration_s: Option<f64>,
    /// The last picture may be held for this many seconds to reach that duration, where the source
    /// ends before its container says. Encoded pictures only.
    pub max_hold_s: f64,
    /// The number of video frames the output shall have, as far as it is known.
    pub expected_frames: Option<u64>,
    /// The number of threads for the encoder. Follows from the file and the machine alone.
    pub threads: u32,
    /// Hard upper bound for the output in bytes, where the destination sets one.
    pub max_size_bytes: Option<u64>,
}

impl OutputSpec {
    /// Whether both encode the same stream, each from its start to its end at most once, so that one decoder
    /// can serve both. One whose audio is measured first would keep the other waiting; devices take few
    /// encodes at a time.
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

/// The containers that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputContainer {
    /// MPEG-4 part 14.
    Mp4,
    /// QuickTime.
    Mov,
}

impl OutputContainer {
    /// The file name extension, without the dot. Also FFmpeg's muxer name.
    pub fn extension(self) -> &'static str {
        match self {
            OutputContainer::Mp4 => "mp4",
            OutputContainer::Mov => "mov",
        }
    }
}

/// What becomes of the picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum VideoPlan {
    /// Packets are copied; tags may change.
    Copy {
        /// Index of the stream in the input.
        stream: u32,
        /// Tags to write without touching the pictures.
        tags: VideoTags,
    },
    /// Decoded, filtered and encoded once.
    Encode(Box<VideoEncode>),
}

/// Changes to a copied video stream that touch no picture.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VideoTags {
    /// A four-character code for the sample entry, for instance `hvc1`.
    pub codec_tag: Option<String>,
    /// Declare BT.709, limited range, in bitstream and container.
    pub declare_bt709: bool,
    /// The sample aspect ratio to declare in bitstream and container.
    pub sample_aspect_ratio: Option<Rational>,
    /// Give the frames, in presentation order, the times n divided by this rate.
    pub retime_to: Option<Rational>,
}

/// One decode, one filter graph, one encode.
///
/// The filters run in the order of the fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VideoEncode {
    /// Index of the stream in the input.
    pub stream: u32,
    /// Deinterlace first (bwdif, one frame out for one frame in).
    pub deinterlace: bool,
    /// Tone-map to SDR BT.709.
    pub tone_map: Option<ToneMap>,
    /// The mirror to apply so that none is needed on playback.
    pub flip: Option<Flip>,
    /// The clockwise turn to apply so that none is needed on playback.
    pub rotate: Rotation,
    /// Cut this much off the upright, square-pixel picture.
    pub crop: Option<CropMargins>,
    /// Scale the picture to this size (square pixels, both sides even).
    pub scale: Size,
    /// Put the scaled picture in the middle of a larger one.
    pub canvas: Option<Canvas>,
    /// Colour shown through transparent pixels, `RRGGBB`; `None` where the source has no alpha.
    pub alpha_background: Option<String>,
    /// Constant frame rate of the output.
    pub frame_rate: Rational,
    /// How bits are spent.
    pub rate: RateControl,
    /// Who encodes.
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

/// From which system tone mapping starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToneMap {
    /// The system the base layer is to be read as.
    pub from: HdrKind,
}

/// Columns and rows to cut off, from the upright, square-pixel picture.
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

/// The picture around the picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canvas {
    /// Size of the whole.
    pub size: Size,
    /// What the borders show.
    pub fill: Fill,
}

/// What borders show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fill {
    /// One colour, `RRGGBB`.
    Color(String),
    /// The picture itself, enlarged to cover and blurred.
    Blur,
}

/// Capped constant quality.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RateControl {
    /// Constant rate factor of x264, 0 to 51.
    pub crf: f32,
    /// Ceiling in bits per second (VBV).
    pub max_bit_rate: Option<u64>,
    /// VBV buffer in bits.
    pub buffer_bits: Option<u64>,
    /// Floor in bits per second: reached by quality first, then by filler.
    pub min_bit_rate: Option<u64>,
}

/// Who encodes the picture, always as H.264.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VideoEncoder {
    /// x264, in software: the same bytes on every machine.
    #[default]
    X264,
    /// Apple's media engine.
    VideoToolbox,
    /// NVIDIA's.
    Nvenc,
    /// Whatever Linux drives by VA-API.
    Vaapi,
    /// Intel's, by Quick Sync Video.
    Qsv,
}

impl VideoEncoder {
    /// Those that need a device.
    pub const HARDWARE: [VideoEncoder; 4] =
        [VideoEncoder::VideoToolbox, VideoEncoder::Nvenc, VideoEncoder::Vaapi, VideoEncoder::Qsv];

    /// The name people use.
    pub fn name(self) -> &'static str {
        match self {
            VideoEncoder::X264 => "x264",
            VideoEncoder::VideoToolbox => "videotoolbox",
            VideoEncoder::Nvenc => "nvenc",
            VideoEncoder::Vaapi => "vaapi",
            VideoEncoder::Qsv => "qsv",
        }
    }

    /// The name FFmpeg knows.
    pub fn library_name(self) -> &'static str {
        match self {
            VideoEncoder::X264 => "libx264",
            VideoEncoder::VideoToolbox => "h264_videotoolbox",
            VideoEncoder::Nvenc => "h264_nvenc",
            VideoEncoder::Vaapi => "h264_vaapi",
            VideoEncoder::Qsv => "h264_qsv",
        }
    }

    /// Whether it needs a device.
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
    /// `veryfast`: the knee of cost against quality when the platform encodes again.
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
    /// The name x264 knows.
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

/// H.264 profiles that may be written.
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
    /// The name x264 knows.
    pub fn name(self) -> &'static str {
        match self {
            X264Profile::Baseline => "baseline",
            X264Profile::Main => "main",
            X264Profile::High => "high",
        }
    }
}

/// What becomes of the audio.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum AudioPlan {
    /// Packets are copied.
    Copy {
        /// Index of the stream in the input.
        stream: u32,
    },
    /// Decoded, resampled, mixed and encoded as AAC-LC.
    Encode(AudioEncode),
    /// A silent track as long as the picture.
    Silence {
        /// Samples per second.
        sample_rate: u32,
        /// Number of channels, 1 or 2.
        channels: u32,
        /// Bits per second.
        bit_rate: u64,
    },
}

/// How audio is encoded.
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
    /// Integrated loudness to reach, in LUFS.
    pub loudness_lufs: Option<f64>,
}

/// How a short video becomes longer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lengthening {
    /// The duration to reach, in seconds.
    pub to_s: f64,
    /// By which means.
    pub kind: LengtheningKind,
}

/// The means of an [`Lengthening`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LengtheningKind {
    /// Play it again from the start.
    Loop,
    /// Hold the last frame, in silence.
    Freeze,
}
