//! What decoding the whole of a video showed.

use serde::{Deserialize, Serialize};

use super::MediaFacts;

/// What a look at the whole content found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeepReport {
    /// The facts, with what only decoding can tell filled in.
    pub facts: MediaFacts,
    /// The result of decoding.
    pub decode: DecodeReport,
    /// Spans of black picture.
    pub black: Vec<TimeRange>,
    /// Spans in which the picture does not move.
    pub freeze: Vec<TimeRange>,
    /// Spans without audio.
    pub silence: Vec<TimeRange>,
    /// Programme loudness, where there is audio.
    pub loudness: Option<LoudnessReport>,
    /// The part of the picture that is not constant black border: left, top, width, height.
    pub active_picture: Option<[u32; 4]>,
    /// Frames made of two fields, of those looked at that show whether they are; `None` where too few move
    /// enough to show it.
    pub interlaced_frames: Option<(u64, u64)>,
}

/// The result of decoding every packet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DecodeReport {
    /// Video frames that came out.
    pub video_frames: u64,
    /// Audio samples per channel that came out.
    pub audio_samples: u64,
    /// Where decoders complained.
    pub errors: Vec<Damage>,
    /// Number of complaints, those beyond the list included.
    pub error_count: u64,
    /// End of the last video frame in seconds.
    pub video_end_s: Option<f64>,
    /// End of the last audio sample in seconds.
    pub audio_end_s: Option<f64>,
}

/// One complaint of a decoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Damage {
    /// The stream.
    pub stream: u32,
    /// Presentation time of the packet in seconds.
    pub at_s: Option<f64>,
    /// What the decoder said.
    pub message: String,
}

/// A span of the video in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimeRange {
    /// Start.
    pub from_s: f64,
    /// End.
    pub to_s: f64,
}

/// EBU R128 figures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoudnessReport {
    /// Integrated loudness in LUFS.
    pub integrated_lufs: f64,
    /// Loudness range in LU.
    pub range_lu: f64,
    /// True peak in dBTP.
    pub true_peak_dbtp: f64,
}
