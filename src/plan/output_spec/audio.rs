//! How the audio of an output is produced.

use serde::{Deserialize, Serialize};

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
