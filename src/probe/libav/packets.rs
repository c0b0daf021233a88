//! Reads packets from the library, for facts that neither header nor index contain.

use std::ffi::c_int;

use ffmpeg_next::ffi;

use super::streams::{extradata, time_base};
use crate::job::{JobError, Progress};
use crate::libav::ffi_enums::{codec, demuxer, number};
use crate::libav::media_input::MediaInput;
use crate::libav::side_data::packet_side_data;
use crate::libav::time::NOPTS;
use crate::model::{Completeness, MediaFacts};
use crate::probe::bitstream::frame_size::FrameSizes;
use crate::probe::bitstream::random_access::PacketSyntax;
use crate::probe::packet::Packet;
use crate::probe::packet_walk::PacketWalk;
use crate::probe::timing::TimeBase;
use crate::probe::video_packets::{PacketFormat, VideoPackets};

/// Packets between two progress reports.
const PACKETS_PER_REPORT: u64 = 256;
/// Packets read at most to find the first frame of every video stream that can be decoded: with audio, more than
/// half a minute.
const MAX_FIRST_PACKETS: u64 = 4000;
const NEW_EXTRADATA: c_int = ffi::AVPacketSideDataType::AV_PKT_DATA_NEW_EXTRADATA as c_int;
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

/// Adds a packet to the statistics.
///
/// # Safety
/// `packet` was just read from the open demuxer `context`, and not yet unreferenced.
pub(super) unsafe fn add_packet(
    walk: &mut PacketWalk,
    context: *mut ffi::AVFormatContext,
    packet: &ffi::AVPacket,
) {
    let index = packet.stream_index as u32;
    let known = |time: i64| (time != NOPTS).then_some(time);
    // SAFETY: by the contract; FFmpeg states the size of the data beside it, and the bytes outlive the call.
    unsafe {
        let length = usize::try_from(packet.size).unwrap_or(0);
        let is_empty = packet.data.is_null();
        let data = if is_empty { &[][..] } else { std::slice::from_raw_parts(packet.data, length) };
        let read = Packet {
            pts: known(packet.pts),
            dts: known(packet.dts),
            duration: packet.duration,
            key: packet.flags & ffi::AV_PKT_FLAG_KEY != 0,
            hidden: packet.flags & ffi::AV_PKT_FLAG_DISCARD != 0,
            corrupt: packet.flags & ffi::AV_PKT_FLAG_CORRUPT != 0,
            data,
            new_config: packet_side_data(packet, NEW_EXTRADATA),
        };
        walk.add(index, base_of(context, index), &read, || begin(context, index));
    }
}

/// Returns empty statistics of a video stream.
///
/// # Safety
/// `context` is open, and the index is that of one of its streams.
unsafe fn begin(context: *const ffi::AVFormatContext, index: u32) -> VideoPackets {
    // SAFETY: by the contract; the bytes are copied.
    unsafe {
        let parameters = (**(*context).streams.add(index as usize)).codecpar;
        let (id, config) = (number(&raw const (*parameters).codec_id), extradata(parameters));
        VideoPackets::new(&PacketFormat {
            codec: codec(id).as_ref(),
            config,
            syntax: syntax(id, config),
            in_band: demuxer(context).has_parameters_in_band(),
        })
    }
}

/// # Safety
/// As [`begin`].
unsafe fn base_of(context: *const ffi::AVFormatContext, index: u32) -> TimeBase {
    // SAFETY: by the contract.
    time_base(unsafe { (**(*context).streams.add(index as usize)).time_base })
}

/// Returns the reader of the frame sizes of a stream, with the sets in its configuration record.
///
/// # Safety
/// `stream` is one of an open demuxer's.
pub(super) unsafe fn frame_sizes(stream: *const ffi::AVStream) -> Option<FrameSizes> {
    // SAFETY: by the contract; the bytes are copied.
    unsafe {
        let parameters = (*stream).codecpar;
        FrameSizes::of(&codec(number(&raw const (*parameters).codec_id))?, extradata(parameters))
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

/// Reads all remaining packets and completes `facts`.
///
/// # Errors
/// As [`MediaInput::result`]. Damage in the middle of the file is recorded as missing data, not as an error.
pub(super) fn walk_packets(
    input: &mut MediaInput,
    walk: &mut PacketWalk,
    facts: &mut MediaFacts,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), JobError> {
    let context = input.as_ptr();
    // SAFETY: the context is open and not used by other code; the packet is local, unreferenced before
    // each reuse and freed at the end; no data of a packet is kept.
    let code = unsafe {
        let mut packet = ffi::av_packet_alloc();
        if packet.is_null() {
            return Err(JobError::Failed("out of memory".into()));
        }
        let code = loop {
            let code = input.read_packet(packet);
            if code < 0 {
                break code;
            }
            add_packet(walk, context, &*packet);
            ffi::av_packet_unref(packet);
            if walk.packets().is_multiple_of(PACKETS_PER_REPORT) {
                let frames = walk.packets();
                progress(Progress { done_s: walk.reached_s(), total_s: facts.duration_s, frames });
                if input.check_reads().is_err() {
                    break 0;
                }
            }
        };
        ffi::av_packet_free(&mut packet);
        walk.write_to(facts, |index| base_of(context, index));
        code
    };
    walk.set_clock_jumps_s(input.joints_s());
    input.check_reads()?;
    if code != ffi::AVERROR_EOF && code < 0 && !matches!(facts.completeness, Completeness::Missing { .. }) {
        let reached = walk.reached_s();
        facts.completeness = Completeness::Missing {
            first_missing_s: Some(reached),
            reason: format!("reading fails at {reached:.3} s: {}", crate::libav::error::error_text(code)),
        };
    }
    Ok(())
}

/// Reads the first packets of every video stream, for its HDR10 metadata and the first frame that can be decoded.
pub(super) fn read_first_packets(input: &mut MediaInput, facts: &mut MediaFacts) {
    let context = input.as_ptr();
    let mut walk = PacketWalk::new(facts);
    // SAFETY: as in `walk_packets`.
    unsafe {
        let mut packet = ffi::av_packet_alloc();
        while !packet.is_null()
            && walk.packets() < MAX_FIRST_PACKETS
            && !walk.is_begun()
            && input.read_packet(packet) >= 0
        {
            add_packet(&mut walk, context, &*packet);
            ffi::av_packet_unref(packet);
        }
        ffi::av_packet_free(&mut packet);
    }
    // SAFETY: the context is open and the indices are those of its streams.
    walk.write_begin(facts, |index| unsafe { base_of(context, index) });
}
