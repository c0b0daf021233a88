//! Finds where a video stream can be decoded from, while its packets are read.

use super::bitstream::random_access::PacketSyntax;
use super::decodable_start::{DecodableStart, FirstPacket, StartScan};
use super::packet::Packet;
use super::timing::TimeBase;
use crate::model::{Rational, VideoStream};

/// Frame rate that FFmpeg assumes for streams without timestamps, in frames per second.
const ASSUMED_RATE: f64 = 25.0;
/// The search for the first frame of a stream that can be decoded.
pub(crate) struct FirstFrames {
    syntax: PacketSyntax,
    scan: StartScan,
}

impl FirstFrames {
    /// Creates the search in a stream whose packets have this syntax. With `in_band`, the container has no parameters
    /// outside of the packets.
    pub(crate) fn new(syntax: PacketSyntax, in_band: bool) -> FirstFrames {
        FirstFrames { syntax, scan: StartScan::new(in_band, syntax == PacketSyntax::Flag) }
    }

    /// Adds the next packet of the stream.
    pub(crate) fn add(&mut self, packet: &Packet<'_>) {
        if self.scan.is_settled() {
            return;
        }
        self.scan.add(&FirstPacket {
            start: self.syntax.parse(packet.data),
            flagged: packet.key,
            hidden: packet.hidden,
            time: packet.pts.or(packet.dts),
            reordered: packet.pts.is_none(),
        });
    }

    /// Returns whether no further packet can change the result.
    pub(crate) fn is_settled(&self) -> bool {
        self.scan.is_settled()
    }

    /// Returns whether the stream begins with a frame that can be decoded.
    pub(crate) fn begins_well(&self) -> bool {
        self.scan.is_settled() && self.scan.result() == DecodableStart::First
    }

    /// Writes the result to the facts of the stream.
    pub(crate) fn write_to(&self, base: TimeBase, untimed: bool, video: &mut VideoStream) {
        let (frames, at) = match self.scan.result() {
            DecodableStart::First => return,
            DecodableStart::After { frames, at } => (frames, Some(at)),
            DecodableStart::Never { frames } => (frames, None),
        };
        video.undecodable_frames = Some(frames);
        let counted = || frames as f64 / video.frame_rate.map_or(ASSUMED_RATE, Rational::as_f64);
        video.first_decodable_s =
            at.map(|at| at.filter(|_| !untimed).and_then(|at| base.seconds(at)).unwrap_or_else(counted));
    }
}
