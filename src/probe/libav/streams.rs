//! Reads the facts of each stream of an open demuxer.

use std::ffi::{c_char, c_int};
use std::ptr;

use ffmpeg_next::ffi;

use super::tags::{language, value};
use crate::libav::alpha_decoder::alpha_decoder;
use crate::libav::ffi_enums::{
    codec, color_names, demuxer, fourcc, has_decoder, number, pixel_format, profile_name, text,
};
use crate::libav::media_input::MediaInput;
use crate::libav::side_data::side_data;
use crate::libav::time::{NOPTS, is_duration_unknown};
use crate::model::{
    AudioStream, ColorTags, Container, DolbyVision, Hdr, HdrKind, MediaFacts, OtherKind, OtherStream,
    Rational, VideoStream,
};
use crate::probe::bitstream::hevc;
use crate::probe::display_matrix::rotation_and_flip;
use crate::probe::tags::parse_clock;
use crate::probe::timing::TimeBase;

const VIDEO: c_int = 0;
const AUDIO: c_int = 1;
const SUBTITLE: c_int = 3;
const ATTACHMENT: c_int = 4;
/// The sample entry of TTML (ISO/IEC 14496-30, 5.3).
const TIMED_TEXT: u32 = u32::from_le_bytes(*b"stpp");
const DISPLAY_MATRIX: c_int = ffi::AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX as c_int;
const MASTERING: c_int = ffi::AVPacketSideDataType::AV_PKT_DATA_MASTERING_DISPLAY_METADATA as c_int;
const LIGHT_LEVEL: c_int = ffi::AVPacketSideDataType::AV_PKT_DATA_CONTENT_LIGHT_LEVEL as c_int;
const DOLBY_VISION: c_int = ffi::AVPacketSideDataType::AV_PKT_DATA_DOVI_CONF as c_int;

/// Reads every stream of `context` into `facts`.
///
/// # Safety
/// `context` is an open demuxer, not used by other code during the call.
pub(super) unsafe fn read_streams(context: *mut ffi::AVFormatContext, facts: &mut MediaFacts) {
    // SAFETY: FFmpeg keeps `nb_streams` valid pointers, each with its codec parameters.
    unsafe {
        // Elsewhere the library knows the duration of such streams only after its analysis.
        let declares_durations = demuxer(context) == Container::Mov;
        for position in 0..(*context).nb_streams as usize {
            let stream = *(*context).streams.add(position);
            let parameters = (*stream).codecpar;
            let index = (*stream).index as u32;
            let still = ffi::AV_DISPOSITION_ATTACHED_PIC | ffi::AV_DISPOSITION_TIMED_THUMBNAILS;
            let kind = match number(&raw const (*parameters).codec_type) {
                VIDEO if (*stream).disposition & still == 0 => {
                    facts.video.push(video(context, stream, index));
                    continue;
                }
                AUDIO => {
                    facts.audio.push(audio(context, stream, index));
                    continue;
                }
                VIDEO => OtherKind::CoverArt,
                SUBTITLE => OtherKind::Subtitle,
                ATTACHMENT => OtherKind::Attachment,
                _ => OtherKind::Data,
            };
            let codec = codec(number(&raw const (*parameters).codec_id));
            let (kind, codec) = match (kind, codec) {
                // FFmpeg before 7 does not know timed text in MP4.
                (OtherKind::Data, None) if (*parameters).codec_tag == TIMED_TEXT => {
                    (OtherKind::Subtitle, Some("ttml".to_owned()))
                }
                (kind, Some(codec)) => (kind, Some(codec.to_string())),
                (kind, None) => (kind, fourcc((*parameters).codec_tag)),
            };
            let language = language((*stream).metadata);
            let duration_s = match kind {
                OtherKind::Data | OtherKind::Subtitle if declares_durations => duration_s(stream),
                _ => None,
            };
            facts.other.push(OtherStream { index, kind, codec, language, duration_s });
        }
    }
}

/// Returns whether the container marks a stream as one to play by default; `None` for containers without such a
/// mark, for which the library sets no disposition.
///
/// # Safety
/// As [`read_streams`]; `stream` is one of `context`'s.
unsafe fn is_default(context: *const ffi::AVFormatContext, stream: *const ffi::AVStream) -> Option<bool> {
    // SAFETY: by the contract.
    let (demuxer, disposition) = unsafe { (demuxer(context), (*stream).disposition) };
    matches!(demuxer, Container::Mov | Container::Matroska)
        .then_some(disposition & ffi::AV_DISPOSITION_DEFAULT != 0)
}

/// Returns the number of a stream in its container: its PID, its stream id.
pub(super) fn stream_number(input: &mut MediaInput, index: u32) -> Option<u32> {
    let context = input.as_ptr();
    // SAFETY: the context is open, and FFmpeg keeps `nb_streams` valid pointers.
    unsafe {
        if index >= (*context).nb_streams {
            return None;
        }
        u32::try_from((**(*context).streams.add(index as usize)).id).ok()
    }
}

/// Returns whether the library ignores a stream for the duration of the file, as it does subtitles and data.
///
/// # Safety
/// `stream` is one of an open demuxer's.
pub(super) unsafe fn is_ignored_for_duration(stream: *const ffi::AVStream) -> bool {
    // SAFETY: by the contract.
    !matches!(unsafe { number(&raw const (*(*stream).codecpar).codec_type) }, VIDEO | AUDIO | ATTACHMENT)
}

/// # Safety
/// As [`read_streams`]; `stream` is one of `context`'s.
unsafe fn video(context: *mut ffi::AVFormatContext, stream: *mut ffi::AVStream, index: u32) -> VideoStream {
    // SAFETY: by the contract; enumerations are read as numbers.
    unsafe {
        let parameters = (*stream).codecpar;
        let id = number(&raw const (*parameters).codec_id);
        let pixels = pixel_format((*parameters).format);
        let guessed = ratio(ffi::av_guess_sample_aspect_ratio(context, stream, ptr::null_mut()));
        let coded = ratio((*parameters).sample_aspect_ratio);
        let (rotation, flip) = display_matrix(stream).as_ref().map(rotation_and_flip).unwrap_or_default();
        let [range, primaries, transfer, matrix] = color_names([
            number(&raw const (*parameters).color_range),
            number(&raw const (*parameters).color_primaries),
            number(&raw const (*parameters).color_trc),
            number(&raw const (*parameters).color_space),
        ]);
        let color = ColorTags { range, primaries, transfer, matrix };
        let beside = alpha_decoder(stream);
        VideoStream {
            index,
            codec: codec(id),
            codec_tag: fourcc((*parameters).codec_tag),
            profile: profile_name(id, (*parameters).profile),
            level: Some((*parameters).level).filter(|&level| level >= 0),
            pixel_format: pixels.as_ref().map(|format| format.name.clone()),
            bit_depth: pixels.as_ref().map(|format| format.depth).filter(|&depth| depth > 0),
            chroma: pixels.as_ref().map(|format| format.chroma.clone()),
            alpha: if beside.is_some() { Some(true) } else { pixels.as_ref().map(|format| format.alpha) },
            width: positive((*parameters).width),
            height: positive((*parameters).height),
            sample_aspect_ratio: guessed,
            bitstream_sample_aspect_ratio: coded.filter(|_| coded != guessed),
            rotation,
            flip,
            frame_rate: ratio((*stream).avg_frame_rate),
            field_order: field_order(number(&raw const (*parameters).field_order)),
            hdr: hdr(stream, &color),
            color,
            bit_rate: bit_rate(stream),
            duration_s: duration_s(stream),
            start_s: seconds((*stream).start_time, (*stream).time_base),
            frames: u64::try_from((*stream).nb_frames).ok().filter(|&count| count > 0),
            decodable: beside.map_or_else(|| has_decoder(id), |decoder| !decoder.is_null()),
            language: language((*stream).metadata),
            default: is_default(context, stream),
            ..VideoStream::default()
        }
    }
}

/// # Safety
/// As [`read_streams`]; `stream` is one of `context`'s.
unsafe fn audio(
    context: *const ffi::AVFormatContext,
    stream: *const ffi::AVStream,
    index: u32,
) -> AudioStream {
    // SAFETY: by the contract; enumerations are read as numbers.
    unsafe {
        let parameters = (*stream).codecpar;
        let id = number(&raw const (*parameters).codec_id);
        AudioStream {
            index,
            codec: codec(id),
            codec_tag: fourcc((*parameters).codec_tag),
            profile: profile_name(id, (*parameters).profile),
            sample_rate: positive((*parameters).sample_rate),
            channels: positive((*parameters).ch_layout.nb_channels),
            channel_layout: channel_layout(&raw const (*parameters).ch_layout),
            bit_rate: bit_rate(stream),
            duration_s: duration_s(stream),
            start_s: seconds((*stream).start_time, (*stream).time_base),
            decodable: has_decoder(id),
            language: language((*stream).metadata),
            default: is_default(context, stream),
            title: value((*stream).metadata, c"title").filter(|title| !title.trim().is_empty()),
            ..AudioStream::default()
        }
    }
}

/// # Safety
/// `layout` may be read.
unsafe fn channel_layout(layout: *const ffi::AVChannelLayout) -> Option<String> {
    // SAFETY: by the contract; the buffer has the length given and is terminated by the call.
    unsafe {
        if number(&raw const (*layout).order) == 0 {
            return None; // Only the number of channels is known.
        }
        let mut buffer = [0 as c_char; 128];
        if ffi::av_channel_layout_describe(layout, buffer.as_mut_ptr(), buffer.len()) <= 0 {
            return None;
        }
        text(buffer.as_ptr())
    }
}

/// # Safety
/// `stream` is one of an open demuxer's.
unsafe fn display_matrix(stream: *const ffi::AVStream) -> Option<[i32; 9]> {
    // SAFETY: by the contract; the bytes are copied at once.
    let bytes: &[u8; 36] = unsafe { side_data(stream, DISPLAY_MATRIX) }?.get(..36)?.try_into().ok()?;
    let mut matrix = [0; 9];
    for (value, bytes) in matrix.iter_mut().zip(bytes.chunks_exact(4)) {
        *value = i32::from_ne_bytes(bytes.try_into().ok()?);
    }
    Some(matrix)
}

/// # Safety
/// `stream` is one of an open demuxer's.
pub(super) unsafe fn hdr(stream: *const ffi::AVStream, color: &ColorTags) -> Option<Hdr> {
    // SAFETY: by the contract; the contents of the slices are copied at once.
    let (dolby_vision, has_hdr10_metadata) = unsafe {
        let record = side_data(stream, DOLBY_VISION).and_then(|record| {
            Some(DolbyVision { profile: *record.get(2)?, compatibility: *record.get(7)? })
        });
        let parameters = (*stream).codecpar;
        let hevc = number(&raw const (*parameters).codec_id) == ffi::AVCodecID::AV_CODEC_ID_HEVC as c_int;
        let has_hdr10_metadata = side_data(stream, MASTERING).is_some()
            || side_data(stream, LIGHT_LEVEL).is_some()
            || hevc && hevc::record_has_hdr10_metadata(extradata(parameters));
        (record, has_hdr10_metadata)
    };
    let kind = match color.transfer.as_deref() {
        _ if dolby_vision.is_some() => HdrKind::DolbyVision,
        Some("smpte2084") if has_hdr10_metadata => HdrKind::Hdr10,
        Some("smpte2084") => HdrKind::Pq,
        Some("arib-std-b67") => HdrKind::Hlg,
        _ => return None,
    };
    Some(Hdr { kind, dolby_vision })
}

/// Returns the codec configuration record from the container.
///
/// # Safety
/// `parameters` may be read, and the slice must not outlive them.
pub(super) unsafe fn extradata<'a>(parameters: *const ffi::AVCodecParameters) -> &'a [u8] {
    // SAFETY: FFmpeg states the size of the bytes beside them.
    unsafe {
        match usize::try_from((*parameters).extradata_size) {
            Ok(size) if !(*parameters).extradata.is_null() => {
                std::slice::from_raw_parts((*parameters).extradata, size)
            }
            _ => &[],
        }
    }
}

fn field_order(number: c_int) -> Option<String> {
    let name = match number {
        1 => "progressive",
        2 => "tt",
        3 => "bb",
        4 => "tb",
        5 => "bt",
        _ => return None,
    };
    Some(name.to_owned())
}

/// Returns the bit rate in bits per second; `None` for an unknown duration, from which the library computes a
/// meaningless rate.
///
/// # Safety
/// `stream` is one of an open demuxer's.
unsafe fn bit_rate(stream: *const ffi::AVStream) -> Option<u64> {
    // SAFETY: by the contract; plain fields.
    let (rate, unknown) = unsafe { ((*(*stream).codecpar).bit_rate, is_duration_unknown(&*stream)) };
    u64::try_from(rate).ok().filter(|&rate| rate > 0 && !unknown)
}

/// Returns the duration of a stream in seconds; for Matroska from a tag that mkvmerge and FFmpeg write.
///
/// # Safety
/// `stream` is one of an open demuxer's.
unsafe fn duration_s(stream: *const ffi::AVStream) -> Option<f64> {
    // SAFETY: by the contract; an entry is null-terminated, and copied at once.
    let tag = unsafe {
        if is_duration_unknown(&*stream) {
            return None;
        }
        if let Some(declared) = seconds((*stream).duration, (*stream).time_base).filter(|&s| s > 0.0) {
            return Some(declared);
        }
        let entry = ffi::av_dict_get((*stream).metadata, c"DURATION".as_ptr(), ptr::null(), 0);
        text(entry.as_ref()?.value)?
    };
    parse_clock(&tag)
}

fn positive(value: c_int) -> Option<u32> {
    u32::try_from(value).ok().filter(|&value| value > 0)
}

pub(super) fn ratio(value: ffi::AVRational) -> Option<Rational> {
    Rational::positive(i64::from(value.num), i64::from(value.den))
}

/// Converts a timestamp to seconds; `None` when it is not set.
pub(super) fn seconds(timestamp: i64, base: ffi::AVRational) -> Option<f64> {
    (timestamp != NOPTS).then(|| time_base(base).seconds(timestamp))?
}

pub(super) fn time_base(base: ffi::AVRational) -> TimeBase {
    TimeBase { num: base.num, den: base.den }
}
