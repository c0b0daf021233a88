//! What reading a source for an output showed.

use super::timestamp_gaps::Gaps;
use crate::model::{Codec, DecodeError, SourceDamage};

/// What a source showed that was read to its end, or as far as the output needs it.
pub(crate) struct SourceReading {
    /// The duration of the video stream declared by the container, in seconds.
    pub(crate) declared_s: Option<f64>,
    /// The end of the source's video stream in seconds, repeats included.
    pub(crate) video_end_s: Option<f64>,
    /// The end of the source's audio in seconds, if it has any in the output.
    pub(crate) audio_end_s: Option<f64>,
    /// The end of the file in seconds, as the container or the library states it.
    pub(crate) file_end_s: Option<f64>,
    /// Number of packets that could not be read.
    pub(crate) read_errors: u64,
    /// The first of them.
    pub(crate) unread: Vec<DecodeError>,
    /// The decode errors of the streams that are encoded.
    pub(crate) damage: SourceDamage,
    /// The video, if it is encoded.
    pub(crate) video: Option<VideoReading>,
}

/// What the video of a source showed while it was decoded.
pub(crate) struct VideoReading {
    /// Its codec, if it is known.
    pub(crate) codec: Option<Codec>,
    /// The nominal frame duration in seconds.
    pub(crate) frame_s: f64,
    /// Number of decode errors.
    pub(crate) error_count: u64,
    /// How many packets gave no frame; known if the first pass reached the end.
    pub(crate) lost_packets: Option<u64>,
    /// Errors for the first packets that gave no frame, with their times.
    pub(crate) without_frame: Vec<DecodeError>,
    /// How many frames are shown at other times than those of their packets, and the first of them in seconds of the
    /// video.
    pub(crate) misplaced: (u64, Option<f64>),
    /// The gaps between decoded frames.
    pub(crate) gaps: Gaps,
}
