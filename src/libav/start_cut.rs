//! Leaves out the packets of a video before the frame from which it can be decoded.

use ffmpeg_next::ffi;

use super::packet::Packet;
use super::time::{NOPTS, units};

/// Decides which packets are before the start of an output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StartCut {
    /// The start in the time base of the stream; `None` if the container has no timestamps.
    start: Option<i64>,
    /// Whether a packet was kept.
    begun: bool,
}

impl StartCut {
    /// Creates the cut at `start_s` on the source's clock, for a stream with time base `base`. With `untimed`,
    /// the container has no timestamps.
    pub(crate) fn new(start_s: f64, base: ffi::AVRational, untimed: bool) -> StartCut {
        StartCut { start: (!untimed).then(|| units(start_s, base)), begun: false }
    }

    /// Returns whether a packet is left out because its frame is before the start.
    pub(crate) fn cuts(&mut self, packet: &Packet) -> bool {
        let raw = packet.get();
        let time = [raw.pts, raw.dts].into_iter().find(|time| *time != NOPTS);
        let cut = match time.zip(self.start) {
            Some((time, start)) => time < start,
            // Without timestamps, the parser finds the key frame at which the video starts.
            None => !self.begun && raw.flags & ffi::AV_PKT_FLAG_KEY == 0,
        };
        self.begun |= !cut;
        cut
    }

    /// Begins another pass over the stream.
    pub(crate) fn restart(&mut self) {
        self.begun = false;
    }
}
