//! The complete specification of an output file.

mod audio;
mod encoder;
mod frame;
mod image;
mod video;

use serde::{Deserialize, Serialize};

use crate::model::Container;

pub use audio::{AudioEncode, AudioPlan, JoinKind, JoinedTracks};
pub use encoder::{Preset, VideoEncoder, X264Profile};
pub use frame::{Canvas, CropMargins, Fill};
pub use image::ImageEncode;
pub use video::{PartFit, RateControl, ToneMap, VideoEncode, VideoPlan, VideoTags};

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
    /// A JPEG file.
    Jpeg,
    /// A PNG file.
    Png,
}

impl OutputContainer {
    /// Returns the container.
    pub fn container(self) -> Container {
        match self {
            OutputContainer::Mp4 => Container::Mp4,
            OutputContainer::Mov => Container::Mov,
            OutputContainer::Jpeg => Container::from("jpeg_pipe"),
            OutputContainer::Png => Container::from("png_pipe"),
        }
    }

    /// Returns the file name extension without the dot, which is also FFmpeg's muxer name for videos.
    pub fn extension(self) -> &'static str {
        match self {
            OutputContainer::Mp4 => "mp4",
            OutputContainer::Mov => "mov",
            OutputContainer::Jpeg => "jpg",
            OutputContainer::Png => "png",
        }
    }

    /// Returns whether it holds one still image.
    pub fn is_image(self) -> bool {
        matches!(self, OutputContainer::Jpeg | OutputContainer::Png)
    }
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
