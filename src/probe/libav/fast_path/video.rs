//! Completes the facts of video from its parameter sets or the first bytes of its first packet.

use std::ffi::c_int;

use ffmpeg_next::ffi;

use super::super::streams::extradata;
use super::expected_packet::{ExpectedPacket, FirstPacketCheck};
use crate::libav::ffi_enums::{color_names, number, pixel_format, profile_name};
use crate::model::{Codec, ColorTags, VideoStream};
use crate::probe::bitstream::transfer_message::may_be_replaced;
use crate::probe::bitstream::{SpsParams, av1, av1_key_frame, h264, hevc, prores, vp8, vp9};
use crate::probe::declared_facts::set_stated_aspect_ratio;

/// `constraint_set1_flag`: a Baseline stream that conforms to Constrained Baseline.
const CONSTRAINED: u8 = 1 << 1;
/// `constraint_set3_flag`: a High 10 or 4:2:2 stream with intra prediction only.
const INTRA: u8 = 1 << 3;
const PROFILE_CONSTRAINED: c_int = 1 << 9;
const PROFILE_INTRA: c_int = 1 << 11;
const MATRIX_RGB: c_int = 0;
const UNSPECIFIED: c_int = 2;
const RANGE_LIMITED: c_int = 1;
const RANGE_FULL: c_int = 2;
/// FFmpeg's matrices by VP9's `color_space`.
const VP9_MATRICES: [c_int; 8] = [UNSPECIFIED, 5, 1, 6, 7, 9, 3, MATRIX_RGB];

/// Completes the facts of a video stream; `None` when a fact stays unknown that the first packet cannot
/// provide either.
///
/// # Safety
/// `stream` is one of an open demuxer's.
pub(super) unsafe fn complete(
    stream: *const ffi::AVStream,
    video: &mut VideoStream,
) -> Option<FirstPacketCheck> {
    let index = video.index;
    // SAFETY: by the contract.
    let expected = unsafe {
        match video.codec.as_ref()? {
            Codec::H264 => complete_nal(stream, video, true)?,
            Codec::Hevc => complete_nal(stream, video, false)?,
            Codec::Av1 if av1::is_without_units(extradata((*stream).codecpar)) => ExpectedPacket::Av1,
            Codec::Av1 => {
                set_sequence(av1::from_av1c(extradata((*stream).codecpar))?, video)?;
                ExpectedPacket::Any
            }
            Codec::Vp8 => {
                set_pixel_format(video, ffi::AVPixelFormat::AV_PIX_FMT_YUV420P as c_int)?;
                video.field_order = Some("progressive".to_owned());
                ExpectedPacket::Vp8
            }
            Codec::Vp9 => ExpectedPacket::Vp9,
            Codec::Prores => ExpectedPacket::Prores,
            _ => return None,
        }
    };
    Some(FirstPacketCheck { index, expected })
}

/// # Safety
/// As [`complete`].
unsafe fn complete_nal(
    stream: *const ffi::AVStream,
    video: &mut VideoStream,
    avc: bool,
) -> Option<ExpectedPacket> {
    // SAFETY: by the contract; the bytes are copied below.
    let (id, record, tagged) = unsafe {
        let parameters = (*stream).codecpar;
        let tagged = [
            number(&raw const (*parameters).color_range),
            number(&raw const (*parameters).color_primaries),
            number(&raw const (*parameters).color_trc),
            number(&raw const (*parameters).color_space),
        ];
        (number(&raw const (*parameters).codec_id), extradata(parameters), tagged)
    };
    let (set, length_bytes) = if avc { h264::only_set(record)? } else { hevc::only_set(record)? };
    let params = if avc { h264::parse_sps(set)? } else { hevc::parse_sps(set)? };
    if !(params.complete && params.frames_only && params.fits(video.width, video.height, avc)) {
        return None;
    }
    let color = resolve_colors(&params, avc, tagged)?;
    set_pixel_format(video, nal_pixel_format(&params, color[0] == RANGE_FULL)?)?;
    set_color(video, color);
    video.profile = profile_name(id, profile_number(&params, avc)?);
    video.level = i32::try_from(params.level_idc).ok();
    set_stated_aspect_ratio(params.sample_aspect_ratio, video);
    if avc {
        video.field_order = Some("progressive".to_owned());
    }
    let (record, transfer) = (record.to_vec(), u8::try_from(color[2]).ok()?);
    let avc_set: fn(u8) -> bool = |byte| byte & 0x1f == 7;
    let hevc_set: fn(u8) -> bool = |byte| byte >> 1 & 0x3f == 33;
    let avc_slice: fn(u8) -> bool = |byte| matches!(byte & 0x1f, 1..=5);
    let hevc_slice: fn(u8) -> bool = |byte| byte >> 1 & 0x3f < 32;
    Some(ExpectedPacket::Nal {
        set: set.to_vec(),
        length_bytes,
        keeps_color: Box::new(move |units| !may_be_replaced(transfer, avc, &record, units)),
        is_set: if avc { avc_set } else { hevc_set },
        is_slice: if avc { avc_slice } else { hevc_slice },
    })
}

/// Completes the facts of an AV1 stream from its first packet.
pub(super) fn complete_av1(data: &[u8], video: &mut VideoStream) -> Option<()> {
    let (sequence, aspect_ratio) = av1_key_frame::read(data)?;
    set_sequence(sequence, video)?;
    set_stated_aspect_ratio(Some(aspect_ratio), video);
    Some(())
}

/// Sets the facts in the sequence header of AV1.
fn set_sequence(sequence: av1::SequenceHeader, video: &mut VideoStream) -> Option<()> {
    use ffi::AVPixelFormat as F;
    if !has_size(video, sequence.width, sequence.height) {
        return None;
    }
    let format = match (sequence.bit_depth, sequence.monochrome, sequence.subsampling) {
        (8, true, _) => F::AV_PIX_FMT_GRAY8,
        (10, true, _) => F::AV_PIX_FMT_GRAY10LE,
        _ if sequence.is_rgb() => return None,
        (8, false, (true, true)) => F::AV_PIX_FMT_YUV420P,
        (10, false, (true, true)) => F::AV_PIX_FMT_YUV420P10LE,
        (8, false, (true, false)) => F::AV_PIX_FMT_YUV422P,
        (10, false, (true, false)) => F::AV_PIX_FMT_YUV422P10LE,
        (8, false, (false, false)) => F::AV_PIX_FMT_YUV444P,
        (10, false, (false, false)) => F::AV_PIX_FMT_YUV444P10LE,
        _ => return None,
    };
    set_pixel_format(video, format as c_int)?;
    let [primaries, transfer, matrix] = sequence.color.map(c_int::from);
    set_color(video, [range(sequence.full_range), primaries, transfer, matrix]);
    let id = ffi::AVCodecID::AV_CODEC_ID_AV1 as c_int;
    video.profile = profile_name(id, c_int::from(sequence.profile));
    video.level = Some(i32::from(sequence.level));
    Some(())
}

/// Returns whether a packet is a VP8 key frame of the size that the container declares.
pub(super) fn is_vp8(data: &[u8], video: &VideoStream) -> bool {
    vp8::key_frame_size(data).is_some_and(|(width, height)| has_size(video, width, height))
}

/// Completes the facts of a VP9 stream from its first packet.
pub(super) fn complete_vp9(data: &[u8], video: &mut VideoStream) -> Option<()> {
    use ffi::AVPixelFormat as F;
    let frame = vp9::key_frame(data).filter(|frame| has_size(video, frame.width, frame.height))?;
    let vp9::KeyFrame { color_space, .. } = frame;
    let matrix = *VP9_MATRICES.get(usize::from(color_space))?;
    let format = match (frame.bit_depth, frame.subsampling, matrix) {
        (8, (true, true), _) => F::AV_PIX_FMT_YUV420P,
        (10, (true, true), _) => F::AV_PIX_FMT_YUV420P10LE,
        (12, (true, true), _) => F::AV_PIX_FMT_YUV420P12LE,
        (8, (false, false), MATRIX_RGB) => F::AV_PIX_FMT_GBRP,
        (10, (false, false), MATRIX_RGB) => F::AV_PIX_FMT_GBRP10LE,
        (12, (false, false), MATRIX_RGB) => F::AV_PIX_FMT_GBRP12LE,
        (8, (false, false), _) => F::AV_PIX_FMT_YUV444P,
        (10, (false, false), _) => F::AV_PIX_FMT_YUV444P10LE,
        (12, (false, false), _) => F::AV_PIX_FMT_YUV444P12LE,
        (8, (true, false), _) => F::AV_PIX_FMT_YUV422P,
        _ => return None,
    };
    set_pixel_format(video, format as c_int)?;
    let [range, _, _, matrix] = color_names([range(frame.full_range), UNSPECIFIED, UNSPECIFIED, matrix]);
    video.color.range = range;
    video.color.matrix = matrix;
    video.profile = profile_name(ffi::AVCodecID::AV_CODEC_ID_VP9 as c_int, c_int::from(frame.profile));
    Some(())
}

/// Completes the facts of a ProRes stream from its first packet.
pub(super) fn complete_prores(data: &[u8], video: &mut VideoStream) -> Option<()> {
    use ffi::AVPixelFormat as F;
    let variant = prores::variant(video.codec_tag.as_deref()?)?;
    let frame = prores::frame(data).filter(|frame| has_size(video, frame.width, frame.height))?;
    let format = match (variant.bit_depth, frame.full_chroma, frame.alpha) {
        (10, false, false) => F::AV_PIX_FMT_YUV422P10LE,
        (10, true, false) => F::AV_PIX_FMT_YUV444P10LE,
        (10, false, true) => F::AV_PIX_FMT_YUVA422P10LE,
        (10, true, true) => F::AV_PIX_FMT_YUVA444P10LE,
        (_, false, false) => F::AV_PIX_FMT_YUV422P12LE,
        (_, true, false) => F::AV_PIX_FMT_YUV444P12LE,
        (_, false, true) => F::AV_PIX_FMT_YUVA422P12LE,
        (_, true, true) => F::AV_PIX_FMT_YUVA444P12LE,
    };
    set_pixel_format(video, format as c_int)?;
    let [primaries, transfer, matrix] = frame.color.map(c_int::from);
    set_color(video, [RANGE_LIMITED, primaries, transfer, matrix]);
    video.profile = profile_name(ffi::AVCodecID::AV_CODEC_ID_PRORES as c_int, c_int::from(variant.number));
    Some(())
}

fn has_size(video: &VideoStream, width: u32, height: u32) -> bool {
    video.width == Some(width) && video.height == Some(height)
}

fn set_pixel_format(video: &mut VideoStream, format: c_int) -> Option<()> {
    let pixels = pixel_format(format)?;
    video.pixel_format = Some(pixels.name);
    video.bit_depth = Some(pixels.depth);
    video.chroma = Some(pixels.chroma);
    // Matroska may hold the transparency beside the frames.
    video.alpha = Some(pixels.alpha || video.alpha == Some(true));
    Some(())
}

fn set_color(video: &mut VideoStream, color: [c_int; 4]) {
    let [range, primaries, transfer, matrix] = color_names(color);
    video.color = ColorTags { range, primaries, transfer, matrix };
}

fn range(full: bool) -> c_int {
    if full { RANGE_FULL } else { RANGE_LIMITED }
}

/// Returns range, primaries, transfer and matrix, combined from container and parameter set like a decoder
/// does; `None` when the result is uncertain.
fn resolve_colors(params: &SpsParams, avc: bool, tagged: [c_int; 4]) -> Option<[c_int; 4]> {
    let stated = params.color.map(|color| color.map(c_int::from));
    let [tagged_range, primaries, transfer, matrix] = tagged;
    let [primaries, transfer, matrix] = match stated {
        Some(stated) => stated,
        None if avc => [primaries, transfer, matrix],
        // The HEVC decoder treats values absent from the set as unspecified.
        None => [UNSPECIFIED; 3],
    };
    let range = params.full_range.map(range).unwrap_or(if avc { tagged_range } else { RANGE_LIMITED });
    (matrix != MATRIX_RGB).then_some([range, primaries, transfer, matrix])
}

fn nal_pixel_format(params: &SpsParams, full_range: bool) -> Option<c_int> {
    use ffi::AVPixelFormat as F;
    if params.bit_depth != params.bit_depth_chroma {
        return None;
    }
    let format = match (params.chroma_format, params.bit_depth, full_range) {
        (1, 8, false) => F::AV_PIX_FMT_YUV420P,
        (1, 8, true) => F::AV_PIX_FMT_YUVJ420P,
        (1, 10, _) => F::AV_PIX_FMT_YUV420P10LE,
        (2, 8, false) => F::AV_PIX_FMT_YUV422P,
        (2, 10, _) => F::AV_PIX_FMT_YUV422P10LE,
        _ => return None,
    };
    Some(format as c_int)
}

/// Returns FFmpeg's profile number, which includes constraint flags.
fn profile_number(params: &SpsParams, avc: bool) -> Option<c_int> {
    let number = c_int::try_from(params.profile_idc).ok().filter(|&number| number > 0)?;
    Some(match number {
        66 if avc && params.constraints & CONSTRAINED != 0 => number | PROFILE_CONSTRAINED,
        110 | 122 | 244 if avc && params.constraints & INTRA != 0 => number | PROFILE_INTRA,
        _ => number,
    })
}
