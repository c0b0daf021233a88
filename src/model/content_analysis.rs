//! The results of decoding a whole file.

use serde::{Deserialize, Serialize};

use super::MediaFacts;

/// The result of a full decode and of the analysis of all frames and samples.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeepReport {
    /// The facts, including those that only decoding reveals.
    pub facts: MediaFacts,
    /// The result of decoding.
    pub decode: DecodeReport,
    /// Spans of black frames.
    pub black: Vec<TimeRange>,
    /// Spans without motion.
    pub freeze: Vec<TimeRange>,
    /// Silent spans.
    pub silence: Vec<TimeRange>,
    /// Programme loudness, if there is audio.
    pub loudness: Option<LoudnessReport>,
    /// The area of the frame inside constant black borders: left, top, width, height.
    #[serde(rename = "active_picture")]
    pub active_area: Option<[u32; 4]>,
    /// The number of interlaced frames, and of frames with enough motion to tell; `None` if those are too
    /// few.
    pub interlaced_frames: Option<(u64, u64)>,
}

/// The result of decoding every packet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DecodeReport {
    /// Number of decoded video frames.
    pub video_frames: u64,
    /// Number of packets that were decoded.
    #[serde(default)]
    pub packets: u64,
    /// Number of decoded audio samples per channel.
    pub audio_samples: u64,
    /// The first errors of the decoders.
    pub errors: Vec<DecodeError>,
    /// Number of all errors, including those not in the list.
    pub error_count: u64,
    /// Whether more than a tenth of the packets of one stream do not decode.
    #[serde(default)]
    pub heavy_damage: bool,
    /// End of the last video frame in seconds.
    pub video_end_s: Option<f64>,
    /// End of the last audio sample in seconds.
    pub audio_end_s: Option<f64>,
}

/// One error of a decoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct DecodeError {
    /// Index of the stream.
    pub stream: u32,
    /// Presentation time of the packet in seconds.
    pub at_s: Option<f64>,
    /// The error message of the decoder, or what is missing.
    pub message: String,
    /// What went wrong.
    #[serde(default)]
    pub kind: DecodeErrorKind,
}

/// What went wrong with a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The decoder reports an error.
    #[default]
    Undecodable,
    /// Its frame refers to frames that are missing; each of them counts as an error.
    MissingReference,
    /// Frames before or after it are missing that no other refers to; each of them counts as an error.
    MissingFrame,
    /// The decoder gives no frame for it.
    NoFrame,
    /// It cannot be read from the container.
    Unread,
    /// It holds no data.
    Empty,
}

/// A span of the video in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
pub struct TimeRange {
    /// Start in seconds.
    pub from_s: f64,
    /// End in seconds.
    pub to_s: f64,
}

/// Loudness measured according to EBU R128.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LoudnessReport {
    /// Integrated loudness in LUFS.
    pub integrated_lufs: f64,
    /// Loudness range in LU.
    pub range_lu: f64,
    /// True peak in dBTP.
    pub true_peak_dbtp: f64,
    /// Momentary loudness over time.
    #[serde(default)]
    pub momentary: LoudnessCurve,
}

/// Momentary loudness (of 400 ms) over time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LoudnessCurve {
    /// The time from one value to the next, in seconds.
    pub step_s: f64,
    /// The highest loudness in LUFS in each step, from the start of the audio; at least -70, which is silence.
    pub lufs: Vec<f32>,
}

impl LoudnessCurve {
    /// The most values of a curve; a longer audio has longer steps.
    pub const MAX_VALUES: usize = 600;
}
