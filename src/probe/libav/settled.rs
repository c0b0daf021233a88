//! What header and parameter sets settle by themselves, so that nothing need be decoded.
//!
//! The library completes an open file by decoding its first pictures, which costs forty times as
//! much as opening it. In ISO files and Matroska all it learns by that is written in the parameter
//! sets. Here they are read instead; wherever anything is missing, contradictory or unusual, the
//! answer is "not settled" and the library's way is taken.

use std::ffi::c_int;

use ffmpeg_next::ffi;

use super::open::MediaInput;
use super::raw::{color_names, number, pixel_format, profile_name};
use crate::model::{AudioStream, ColorTags, MediaFacts, VideoStream};
use crate::probe::bitstream::{PictureParams, aac, h264, hevc, nal_units};
use crate::probe::declared::Declared;

/// Packets read to learn where every stream begins.
const MAX_PACKETS: u32 = 200;
/// `constraint_set1_flag`: a Baseline stream that keeps to the constrained profile.
const CONSTRAINED: u8 = 1 << 1;
/// `constraint_set3_flag`: a High 10 or 4:2:2 stream without prediction between pictures.
const INTRA: u8 = 1 << 3;
const PROFILE_CONSTRAINED: c_int = 1 << 9;
const PROFILE_INTRA: c_int = 1 << 11;
const TRANSFER_PQ: c_int = 16;
/// Transfers behind which a message in the stream may announce another one.
const TRANSFERS_IN_DOUBT: [c_int; 3] = [14, 15, TRANSFER_PQ];
const MATRIX_RGB: c_int = 0;
const UNSPECIFIED: c_int = 2;
const RANGE_LIMITED: c_int = 1;
const RANGE_FULL: c_int = 2;

/// What the first packet of a stream must agree with.
enum Promise {
    Set { index: u32, set: Vec<u8>, length_bytes: usize, set_kind: fn(u8) -> bool, slice: fn(u8) -> bool },
    Channels { index: u32, channels: u32 },
    Nothing { index: u32 },
}

/// Completes the facts of a freshly opened file. `false` when they are not settled: then `facts` are
/// of no use, and `input`, from which packets were read, must be opened anew.
pub(super) fn settle(input: &mut MediaInput, declared: &Declared, facts: &mut MediaFacts) -> bool {
    if !usual_container(declared, facts) {
        return false;
    }
    let context = input.as_ptr();
    let mut promises = Vec::new();
    for video in &mut facts.video {
        // SAFETY: the context is open and the index is that of one of its streams.
        match unsafe { settle_video(*(*context).streams.add(video.index as usize), video) } {
            Some(promise) => promises.push(promise),
            None => return false,
        }
    }
    for audio in &mut facts.audio {
        // SAFETY: as above.
        match unsafe { settle_audio(*(*context).streams.add(audio.index as usize), audio) } {
            Some(promise) => promises.push(promise),
            None => return false,
        }
    }
    if !input.bounded(|input| starts_as_promised(input, promises)) {
        return false;
    }
    // SAFETY: the context is open, the indices are those of its streams.
    let start = |index: u32| unsafe {
        let stream = *(*context).streams.add(index as usize);
        super::streams::seconds((*stream).start_time, (*stream).time_base)
    };
    facts.video.iter_mut().for_each(|video| video.start_s = start(video.index));
    facts.audio.iter_mut().for_each(|audio| audio.start_s = start(audio.index));
    // SAFETY: as above.
    let duration_us = unsafe { (*context).duration };
    // Exactly as the library reckons it, in whole microseconds.
    let rate = facts.size_bytes as f64 * 8.0 * 1_000_000.0 / duration_us as f64;
    facts.bit_rate = Some(rate as u64).filter(|&rate| rate > 0);
    facts.video.iter().all(|video| video.start_s.is_some())
        && facts.audio.iter().all(|audio| audio.start_s.is_some())
}

/// Whether the container is one whose header can be complete, with one set-up a track.
fn usual_container(declared: &Declared, facts: &MediaFacts) -> bool {
    let matroska = matches!(facts.container.as_deref(), Some("matroska" | "webm"));
    let iso = declared.iso
        && declared.fragmented == Some(false)
        && declared.tracks.iter().all(|track| track.sample_entries == Some(1));
    (matroska || iso) && facts.duration_s.is_some() && !facts.video.is_empty()
}

/// # Safety
/// `stream` is one of an open demuxer's.
unsafe fn settle_video(stream: *const ffi::AVStream, video: &mut VideoStream) -> Option<Promise> {
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
    let avc = match video.codec.as_deref() {
        Some("h264") => true,
        Some("hevc") => false,
        _ => return None,
    };
    let (set, length_bytes) = if avc { h264::only_set(record)? } else { hevc::only_set(record)? };
    let params = if avc { h264::parse_sps(set)? } else { hevc::parse_sps(set)? };
    let same_size = video.width == Some(params.width) && video.height == Some(params.height);
    if !(params.complete && params.frames_only && same_size && video.frame_rate.is_some()) {
        return None;
    }
    let color = colors(&params, avc, tagged)?;
    let pixels = pixel_format(pixels(&params, color[0] == RANGE_FULL)?)?;
    video.profile = profile_name(id, profile(&params, avc)?);
    video.level = i32::try_from(params.level_idc).ok();
    video.pixel_format = Some(pixels.name);
    video.bit_depth = Some(pixels.depth);
    video.chroma = Some(pixels.chroma);
    video.alpha = Some(pixels.alpha);
    let stated = params.sample_aspect_ratio;
    video.sample_aspect_ratio = video.sample_aspect_ratio.or(stated);
    video.bitstream_sample_aspect_ratio = stated.filter(|_| stated != video.sample_aspect_ratio);
    let [range, primaries, transfer, matrix] = color_names(color);
    video.color = ColorTags { range, primaries, transfer, matrix };
    // SAFETY: by the contract.
    video.hdr = unsafe { super::streams::hdr(stream, &video.color) };
    if avc {
        video.field_order = Some("progressive".to_owned());
    }
    let avc_set: fn(u8) -> bool = |byte| byte & 0x1f == 7;
    let hevc_set: fn(u8) -> bool = |byte| byte >> 1 & 0x3f == 33;
    let avc_slice: fn(u8) -> bool = |byte| matches!(byte & 0x1f, 1..=5);
    let hevc_slice: fn(u8) -> bool = |byte| byte >> 1 & 0x3f < 32;
    Some(Promise::Set {
        index: video.index,
        set: set.to_vec(),
        length_bytes,
        set_kind: if avc { avc_set } else { hevc_set },
        slice: if avc { avc_slice } else { hevc_slice },
    })
}

/// # Safety
/// As [`settle_video`].
unsafe fn settle_audio(stream: *const ffi::AVStream, audio: &mut AudioStream) -> Option<Promise> {
    // SAFETY: by the contract.
    let (id, record) = unsafe {
        let parameters = (*stream).codecpar;
        (number(&raw const (*parameters).codec_id), extradata(parameters))
    };
    let codec = audio.codec.as_deref()?;
    if codec.starts_with("pcm_") {
        audio.sample_rate.zip(audio.channels)?;
        return Some(Promise::Nothing { index: audio.index });
    }
    if codec != "aac" {
        return None;
    }
    let config = aac::low_complexity(record)?;
    audio.profile = profile_name(id, 1);
    audio.sample_rate = Some(config.sample_rate);
    audio.channels = Some(config.channels);
    audio.channel_layout = Some(if config.channels == 1 { "mono" } else { "stereo" }.to_owned());
    Some(Promise::Channels { index: audio.index, channels: config.channels })
}

/// # Safety
/// `parameters` may be read, and the slice must not outlive them.
unsafe fn extradata<'a>(parameters: *const ffi::AVCodecParameters) -> &'a [u8] {
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

/// Range, primaries, transfer and matrix as the decoder would settle them between container and set.
fn colors(params: &PictureParams, avc: bool, tagged: [c_int; 4]) -> Option<[c_int; 4]> {
    let range = params.full_range.map(|full| if full { RANGE_FULL } else { RANGE_LIMITED });
    let stated = params.color.map(|color| color.map(c_int::from));
    let [tagged_range, primaries, transfer, matrix] = tagged;
    let [primaries, transfer, matrix] = match stated {
        Some(stated) => stated,
        None if avc => [primaries, transfer, matrix],
        // The decoder of HEVC takes the set's silence for an answer.
        None => [UNSPECIFIED; 3],
    };
    let range = range.unwrap_or(if avc { tagged_range } else { RANGE_LIMITED });
    let doubtful = matrix == MATRIX_RGB || TRANSFERS_IN_DOUBT.contains(&transfer);
    (!doubtful).then_some([range, primaries, transfer, matrix])
}

fn pixels(params: &PictureParams, full_range: bool) -> Option<c_int> {
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

/// FFmpeg's number of the profile.
fn profile(params: &PictureParams, avc: bool) -> Option<c_int> {
    let number = c_int::try_from(params.profile_idc).ok().filter(|&number| number > 0)?;
    Some(match number {
        66 if avc && params.constraints & CONSTRAINED != 0 => number | PROFILE_CONSTRAINED,
        110 | 122 | 244 if avc && params.constraints & INTRA != 0 => number | PROFILE_INTRA,
        _ => number,
    })
}

/// Reads the first packet of every stream with a promise, which also tells the library where the
/// stream starts, and holds each to its promise.
fn starts_as_promised(input: &mut MediaInput, mut open: Vec<Promise>) -> bool {
    let context = input.as_ptr();
    // SAFETY: the context is open and used by nobody else; the packet is ours and freed at the end.
    unsafe {
        let mut packet = ffi::av_packet_alloc();
        let mut kept = !packet.is_null();
        for _ in 0..MAX_PACKETS {
            if !kept || open.is_empty() {
                break;
            }
            if ffi::av_read_frame(context, packet) < 0 {
                break;
            }
            let index = (*packet).stream_index as u32;
            let hidden = (*packet).flags & ffi::AV_PKT_FLAG_DISCARD != 0;
            if let Some(at) = open.iter().position(|promise| promise.index() == index) {
                let data = match usize::try_from((*packet).size) {
                    Ok(size) if !(*packet).data.is_null() => std::slice::from_raw_parts((*packet).data, size),
                    _ => &[],
                };
                let key = (*packet).flags & ffi::AV_PKT_FLAG_KEY != 0;
                // What starts with frames that are not shown is for the library to sort out.
                kept = key && !hidden && open.swap_remove(at).is_kept(data);
            }
            ffi::av_packet_unref(packet);
        }
        ffi::av_packet_free(&mut packet);
        kept && open.is_empty()
    }
}

impl Promise {
    fn index(&self) -> u32 {
        match self {
            Promise::Set { index, .. } | Promise::Channels { index, .. } | Promise::Nothing { index } => {
                *index
            }
        }
    }

    fn is_kept(&self, data: &[u8]) -> bool {
        match self {
            Promise::Nothing { .. } => true,
            Promise::Channels { channels, .. } => aac::first_element_channels(data) == Some(*channels),
            Promise::Set { set, length_bytes, set_kind, slice, .. } => {
                let Some(units) = nal_units(data, *length_bytes) else { return false };
                let is = |unit: &[u8], kind: &fn(u8) -> bool| unit.first().is_some_and(|&byte| kind(byte));
                units.iter().any(|unit| is(unit, slice))
                    && units.iter().all(|unit| !is(unit, set_kind) || unit == set)
            }
        }
    }
}
