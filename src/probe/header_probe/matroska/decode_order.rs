//! The decode times of H.264, which Matroska does not contain.

use super::tracks::Track;
use crate::model::Codec;
use crate::probe::bitstream::avc_record;

/// Computes decode times like the library, for streams that state how many frames are reordered.
pub(super) struct DecodeOrder {
    /// The latest presentation times in order, one more than frames are reordered.
    latest: Vec<i64>,
    frames: usize,
}

impl DecodeOrder {
    /// Creates the order of a track; `None` for other codecs, and for a stream without or with an unknown reordering, which
    /// the library finds by decoding.
    pub(super) fn of(track: &Track) -> Option<DecodeOrder> {
        let frames =
            avc_record::reordered_frames(&track.config).filter(|_| track.codec() == Some(&Codec::H264))?;
        let frames = usize::try_from(frames).ok().filter(|frames| *frames > 0)?;
        Some(DecodeOrder { latest: Vec::new(), frames })
    }

    /// Returns how many frames are reordered.
    pub(super) fn frames(&self) -> usize {
        self.frames
    }

    /// Adds the presentation time of the next frame. Returns its decode time, unknown for the first frames.
    pub(super) fn add(&mut self, time: i64) -> Option<i64> {
        if self.latest.len() > self.frames {
            self.latest.remove(0);
        }
        let at = self.latest.partition_point(|latest| *latest < time);
        self.latest.insert(at, time);
        self.latest.first().copied().filter(|_| self.latest.len() > self.frames)
    }
}
