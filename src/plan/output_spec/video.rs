//! How the video of an output is produced.

use serde::{Deserialize, Serialize};

use super::encoder::{Preset, VideoEncoder, X264Profile};
use super::frame::{Canvas, CropMargins, Fill};
use super::image::ImageEncode;
use crate::model::{Flip, HdrKind, Rational, Rotation, Size, UndeclaredColors};

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
    /// The still image is decoded, processed and written to an image file.
    Image(Box<ImageEncode>),
}

/// Changes to a copied video stream that do not affect the coded frames.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VideoTags {
    /// A four-character code for the sample entry, for instance `hvc1`.
    pub codec_tag: Option<String>,
    /// Declare BT.709, limited range, in bitstream and container.
    pub declare_bt709: bool,
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
