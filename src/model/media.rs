//! The facts of one file.

use serde::{Deserialize, Serialize};

use super::{ColorTags, Flip, Hdr, Rational, Rotation, Size, display_aspect_ratio, display_size};

/// Everything known about a file without judging it.
///
/// Field names are those of the JSON report; `None` is "absent or unknown".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MediaFacts {
    /// Our short name: `mp4`, `mov`, `webm`, `matroska`, `avi`, `mpegts`, `3gp`, `gif`, … For ISO
    /// files by the major brand, for Matroska by the document type; otherwise FFmpeg's demuxer name.
    pub container: Option<String>,
    /// The major brand of an ISO base media file, as four characters.
    pub major_brand: Option<String>,
    /// Size of the file in bytes.
    pub size_bytes: u64,
    /// The container's duration in seconds.
    pub duration_s: Option<f64>,
    /// Where nothing declares a duration, or it is declared to be unknown, as in a recording that was written
    /// while it was made: the seconds from the first packet to the end of the last.
    pub measured_duration_s: Option<f64>,
    /// Overall bits per second.
    pub bit_rate: Option<u64>,
    /// ISO files: whether `moov` lies before the media data.
    pub fast_start: Option<bool>,
    /// ISO files: whether the samples lie in movie fragments.
    pub fragmented: Option<bool>,
    /// Whether all the bytes that the container declares are there.
    pub completeness: Completeness,
    /// Moving pictures, in stream order. Cover art is in `other`.
    pub video: Vec<VideoStream>,
    /// Audio, in stream order.
    pub audio: Vec<AudioStream>,
    /// Everything else: data, subtitles, attachments, cover art.
    pub other: Vec<OtherStream>,
    /// Number of chapters.
    pub chapters: u32,
    /// Metadata that says where, with what and by whom the video was made.
    pub privacy: PrivacyTags,
}

impl MediaFacts {
    /// The video stream a player shows: the first that is not cover art.
    pub fn main_video(&self) -> Option<&VideoStream> {
        self.video.first()
    }

    /// The audio a player should play: the first with a decoder, else the first.
    pub fn main_audio(&self) -> Option<&AudioStream> {
        self.audio.iter().find(|stream| stream.decodable).or_else(|| self.audio.first())
    }

    /// Whether the container holds pictures and no times; its duration is then a guess.
    pub fn is_without_times(&self) -> bool {
        self.container.as_deref().is_some_and(knows_no_times)
    }

    /// The seconds the video is declared to last: the container's duration, else the longest stream's; `None` where it
    /// had to be measured.
    pub fn declared_duration_s(&self) -> Option<f64> {
        if self.measured_duration_s.is_some() {
            return None;
        }
        let streams = self.video.iter().map(|s| s.duration_s).chain(self.audio.iter().map(|s| s.duration_s));
        self.duration_s.or_else(|| streams.flatten().reduce(f64::max))
    }

    /// The seconds the video lasts: what is declared, else what was measured.
    pub fn effective_duration_s(&self) -> Option<f64> {
        self.declared_duration_s().or(self.measured_duration_s)
    }

    /// Bits per second of the whole file: what is declared, or its size over its length where that was measured.
    pub fn effective_bit_rate(&self) -> Option<u64> {
        let measured =
            self.measured_duration_s.map(|seconds| (self.size_bytes as f64 * 8.0 / seconds) as u64);
        measured.or(self.bit_rate)
    }
}

/// Containers, by FFmpeg's names, that hold pictures and no times.
const WITHOUT_TIMES: &[&str] = &[
    "avs2",
    "avs3",
    "cavsvideo",
    "dirac",
    "dnxhd",
    "h261",
    "h263",
    "h264",
    "hevc",
    "m4v",
    "mjpeg",
    "mpegvideo",
    "obu",
    "vc1",
    "vvc",
];

/// Whether a container, by FFmpeg's name for its demuxer, holds pictures and no times.
pub fn knows_no_times(container: &str) -> bool {
    WITHOUT_TIMES.contains(&container)
}

/// What the container's own declarations say about missing bytes, without decoding.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Completeness {
    /// The container declares nothing that could be checked against the bytes, or the check was
    /// not made.
    #[default]
    Unknown,
    /// Every declared size, index entry and duration agrees with the bytes.
    Whole,
    /// Declared data is not there.
    Missing {
        /// The first presentation time, in seconds, whose data is missing, where it can be known.
        first_missing_s: Option<f64>,
        /// What disagrees, for a person: "box `mdat` declares 1000 bytes, 600 are there".
        reason: String,
    },
}

/// One moving picture.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VideoStream {
    /// Index of the stream in the file.
    pub index: u32,
    /// FFmpeg's codec name (`h264`, `hevc`, …).
    pub codec: Option<String>,
    /// The four-character code in the container (`avc1`, `hev1`, …).
    pub codec_tag: Option<String>,
    /// Codec profile by FFmpeg's name (`High`).
    pub profile: Option<String>,
    /// Codec level as the codec writes it (40 for H.264 level 4.0).
    pub level: Option<i32>,
    /// FFmpeg's pixel format name.
    pub pixel_format: Option<String>,
    /// Bits of one component.
    pub bit_depth: Option<u8>,
    /// Chroma subsampling: `4:2:0`, `4:2:2`, `4:4:4`, `4:0:0`, `rgb`, …
    pub chroma: Option<String>,
    /// Whether the pixel format carries transparency.
    pub alpha: Option<bool>,
    /// Cropped picture width before rotation and sample aspect ratio.
    pub width: Option<u32>,
    /// Cropped picture height before rotation and sample aspect ratio.
    pub height: Option<u32>,
    /// Width of one sample over its height, the container's word first.
    pub sample_aspect_ratio: Option<Rational>,
    /// The bitstream's own sample aspect ratio, where it disagrees with the container's.
    pub bitstream_sample_aspect_ratio: Option<Rational>,
    /// The clockwise turn a player applies.
    pub rotation: Rotation,
    /// The mirror a player applies before the turn.
    pub flip: Option<Flip>,
    /// Average frame rate.
    pub frame_rate: Option<Rational>,
    /// The frame rate most intervals between frames have, where it was measured.
    pub modal_frame_rate: Option<Rational>,
    /// Whether intervals between frames differ by more than rounding.
    pub variable_frame_rate: Option<bool>,
    /// `progressive`, `tt`, `bb`, `tb` or `bt`, as FFmpeg says it.
    pub field_order: Option<String>,
    /// Colour tags.
    pub color: ColorTags,
    /// High dynamic range, where declared.
    pub hdr: Option<Hdr>,
    /// Bits per second of this stream.
    pub bit_rate: Option<u64>,
    /// Duration in seconds.
    pub duration_s: Option<f64>,
    /// First presentation time in seconds.
    pub start_s: Option<f64>,
    /// Number of frames, where it is known exactly.
    pub frames: Option<u64>,
    /// Whether every group of pictures can be decoded on its own.
    pub closed_gop: Option<bool>,
    /// The longest distance between key frames, in frames.
    pub max_gop_frames: Option<u64>,
    /// How often the codec parameters change within the stream.
    pub parameter_changes: Option<u32>,
    /// The edit list of the track, where it has one.
    pub edit_list: Option<EditList>,
    /// What the timestamps look like, where they were walked.
    pub timing: Option<Timing>,
    /// Whether this build has a decoder for it.
    pub decodable: bool,
}

impl VideoStream {
    /// The coded size, where both sides are known and above zero.
    pub fn coded_size(&self) -> Option<Size> {
        match (self.width, self.height) {
            (Some(width @ 1..), Some(height @ 1..)) => Some(Size { width, height }),
            _ => None,
        }
    }

    /// The size a viewer sees.
    pub fn display_size(&self) -> Option<Size> {
        Some(display_size(self.coded_size()?, self.sample_aspect_ratio, self.rotation))
    }

    /// The exact ratio a viewer sees.
    pub fn display_aspect_ratio(&self) -> Option<Rational> {
        display_aspect_ratio(self.coded_size()?, self.sample_aspect_ratio, self.rotation)
    }
}

/// One audio track.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AudioStream {
    /// Index of the stream in the file.
    pub index: u32,
    /// FFmpeg's codec name; `None` where there is none for the tag (`apac`).
    pub codec: Option<String>,
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
    /// Bits per second.
    pub bit_rate: Option<u64>,
    /// Duration in seconds.
    pub duration_s: Option<f64>,
    /// First presentation time in seconds.
    pub start_s: Option<f64>,
    /// The edit list of the track, where it has one.
    pub edit_list: Option<EditList>,
    /// Whether this build has a decoder for it.
    pub decodable: bool,
}

/// A stream that is neither moving picture nor audio.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OtherStream {
    /// Index of the stream in the file.
    pub index: u32,
    /// What it is.
    pub kind: OtherKind,
    /// FFmpeg's codec name, else the four-character code.
    pub codec: Option<String>,
}

/// The kinds of [`OtherStream`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OtherKind {
    /// Timed metadata, timecode, hint tracks.
    Data,
    /// Timed text.
    Subtitle,
    /// A file attached to the container, such as a font.
    Attachment,
    /// A still picture stored as a video stream.
    CoverArt,
}

/// The edit list of a track (ISO/IEC 14496-12, 8.6.6), classified.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EditList {
    /// Whether dropping it would change the video.
    pub kind: EditListKind,
    /// Number of entries.
    pub entries: u32,
    /// What it does, for a person.
    pub reason: String,
}

/// Whether an edit list only describes the encoding or really edits the video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EditListKind {
    /// Encoder priming or reorder delay: removing it changes nothing that is seen or heard.
    Benign,
    /// Trims, delays, repeats or changes speed.
    Editing,
}

/// What a walk over the timestamps found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// The shortest interval between two frames in presentation order, in seconds.
    pub min_interval_s: Option<f64>,
    /// The longest interval between two frames in presentation order, in seconds.
    pub max_interval_s: Option<f64>,
    /// The interval most frames have, in seconds.
    pub modal_interval_s: Option<f64>,
    /// The first interval, in seconds: players and ingests stumble over a runt first frame.
    pub first_interval_s: Option<f64>,
    /// How many presentation times are equal to or before their predecessor's after sorting by
    /// decode order made no sense of them.
    pub duplicates: u32,
    /// The lowest decode time in seconds, where it is below zero.
    pub negative_dts_s: Option<f64>,
}

/// Metadata a careful advertiser does not want to publish.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivacyTags {
    /// Names of tags that hold a position.
    pub location: Vec<String>,
    /// Names of tags that hold a device or a person.
    pub device: Vec<String>,
}
