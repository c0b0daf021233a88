//! Finds where a video stream can be decoded from, while its packets are read.

use std::ffi::c_int;

use ffmpeg_next::ffi;

use super::streams::{extradata, seconds};
use crate::libav::ffi_enums::{demuxer, number};
use crate::model::{Rational, VideoStream};
use crate::probe::bitstream::random_access::PacketSyntax;
use crate::probe::decodable_start::{DecodableStart, FirstPacket, StartScan};

const NO_TIME: i64 = i64::MIN;
/// Frame rate that FFmpeg assumes for streams without timestamps, in frames per second.
const ASSUMED_RATE: f64 = 25.0;
/// Codecs with predicted frames for which the flags of containers are reliable.
const BY_FLAGS: &[ffi::AVCodecID] = {
    use ffi::AVCodecID as C;
    &[
        C::AV_CODEC_ID_H263,
        C::AV_CODEC_ID_H263P,
        C::AV_CODEC_ID_FLV1,
        C::AV_CODEC_ID_VP6,
        C::AV_CODEC_ID_VP6F,
        C::AV_CODEC_ID_VP6A,
        C::AV_CODEC_ID_THEORA,
        C::AV_CODEC_ID_MSMPEG4V1,
        C::AV_CODEC_ID_MSMPEG4V2,
        C::AV_CODEC_ID_MSMPEG4V3,
        C::AV_CODEC_ID_WMV1,
        C::AV_CODEC_ID_WMV2,
        C::AV_CODEC_ID_WMV3,
        C::AV_CODEC_ID_VC1,
        C::AV_CODEC_ID_SVQ1,
        C::AV_CODEC_ID_SVQ3,
        C::AV_CODEC_ID_RV30,
        C::AV_CODEC_ID_RV40,
    ]
};

/// The search for the first frame of a stream that can be decoded.
pub(super) struct FirstFrames {
    syntax: PacketSyntax,
    scan: StartScan,
}

impl FirstFrames {
    /// Creates the search; `None` for codecs whose frames all stand for themselves, or that tell nothing.
    ///
    /// # Safety
    /// `stream` is one of the open demuxer `context`.
    pub(super) unsafe fn of(
        context: *const ffi::AVFormatContext,
        stream: *const ffi::AVStream,
    ) -> Option<FirstFrames> {
        // SAFETY: by the contract.
        let (id, record, demuxer) = unsafe {
            let parameters = (*stream).codecpar;
            let id = number(&raw const (*parameters).codec_id);
            (id, extradata(parameters), demuxer(context))
        };
        let syntax = syntax(id, record)?;
        let in_band = demuxer.has_parameters_in_band();
        Some(FirstFrames { syntax, scan: StartScan::new(in_band, syntax == PacketSyntax::Flag) })
    }

    /// Adds the next packet of the stream.
    pub(super) fn add(&mut self, packet: &ffi::AVPacket, data: &[u8]) {
        if self.scan.is_settled() {
            return;
        }
        let time = [packet.pts, packet.dts].into_iter().find(|time| *time != NO_TIME);
        self.scan.add(&FirstPacket {
            start: self.syntax.parse(data),
            flagged: packet.flags & ffi::AV_PKT_FLAG_KEY != 0,
            hidden: packet.flags & ffi::AV_PKT_FLAG_DISCARD != 0,
            time,
            reordered: packet.pts == NO_TIME,
        });
    }

    /// Returns whether no further packet can change the result.
    pub(super) fn is_settled(&self) -> bool {
        self.scan.is_settled()
    }

    /// Returns whether the stream begins with a frame that can be decoded.
    pub(super) fn begins_well(&self) -> bool {
        self.scan.is_settled() && self.scan.result() == DecodableStart::First
    }

    /// Writes the result to the facts of the stream.
    pub(super) fn write_to(&self, base: ffi::AVRational, untimed: bool, video: &mut VideoStream) {
        let (frames, at) = match self.scan.result() {
            DecodableStart::First => return,
            DecodableStart::After { frames, at } => (frames, Some(at)),
            DecodableStart::Never { frames } => (frames, None),
        };
        video.undecodable_frames = Some(frames);
        let counted = || frames as f64 / video.frame_rate.map_or(ASSUMED_RATE, Rational::as_f64);
        video.first_decodable_s =
            at.map(|at| at.filter(|_| !untimed).and_then(|at| seconds(at, base)).unwrap_or_else(counted));
    }
}

/// Returns how the packets of a codec show key frames.
fn syntax(id: c_int, record: &[u8]) -> Option<PacketSyntax> {
    use ffi::AVCodecID as C;
    let is = |codec: C| id == codec as c_int;
    let length = |at: usize| {
        record.get(at).map(|byte| usize::from(byte & 3) + 1).filter(|_| record.first() == Some(&1))
    };
    Some(match () {
        () if is(C::AV_CODEC_ID_H264) => PacketSyntax::Avc(length(4)),
        () if is(C::AV_CODEC_ID_HEVC) => PacketSyntax::Hevc(length(21)),
        () if is(C::AV_CODEC_ID_VP8) => PacketSyntax::Vp8,
        () if is(C::AV_CODEC_ID_VP9) => PacketSyntax::Vp9,
        () if is(C::AV_CODEC_ID_AV1) => PacketSyntax::Av1,
        () if is(C::AV_CODEC_ID_MPEG1VIDEO) || is(C::AV_CODEC_ID_MPEG2VIDEO) => PacketSyntax::Mpeg2,
        () if is(C::AV_CODEC_ID_MPEG4) => PacketSyntax::Mpeg4,
        () if BY_FLAGS.iter().any(|codec| is(*codec)) => PacketSyntax::Flag,
        () => return None,
    })
}
