//! Room for `moov` by the sample index of a source that is only copied.

use std::ffi::CStr;

use ffmpeg_next::ffi;

use super::copy::Copier;
use super::transcoder::{Kind, Transcoder};
use crate::job::JobError;
use crate::plan::OutputSpec;
use crate::transcode::faststart::is_room;
use crate::transcode::reserved_moov::{Entry, Track, room_for_moov};

/// Packets that are looked at: a video of days has its room measured instead.
const MAX_ENTRIES: i32 = 5_000_000;
/// What a sample description and its boxes take beside the codec's own header.
const DESCRIPTION_BYTES: u64 = 512;
/// What a word of metadata takes beside itself.
const WORD_BYTES: u64 = 64;

/// Bytes that `moov` of the planned copy will need, where an index lists the packets beforehand; `source_bytes`
/// is the size of the source.
pub(super) fn reserved_bytes(
    transcoder: &mut Transcoder,
    source_bytes: u64,
    spec: &OutputSpec,
) -> Result<Option<u64>, JobError> {
    // Other demuxers list key frames, or what they have come by.
    if !transcoder.input.is_repeatable() {
        return Ok(None);
    }
    let copiers = [(Kind::Video, true), (Kind::Audio, false)];
    let copiers = copiers.map(|(kind, picture)| transcoder.copier(kind).map(|copier| (copier, picture)));
    let mut tracks = Vec::new();
    for (copier, picture) in copiers.into_iter().flatten() {
        let Some(track) = track(copier, picture, spec) else { return Ok(None) };
        tracks.push(track);
    }
    // SAFETY: the context is open; its dictionary is only read.
    let words = unsafe { words((*transcoder.input.as_mut_ptr()).metadata) };
    let room = room_for_moov(&tracks, words);
    let length = source_bytes + room;
    let within = spec.max_size_bytes.is_none_or(|limit| length <= limit);
    Ok((within && !tracks.is_empty() && is_room(room, length)).then_some(room))
}

/// What the index says of a stream; `None` where it says nothing, or too much.
fn track(copier: &Copier, picture: bool, spec: &OutputSpec) -> Option<Track> {
    let source = copier.source();
    let mut entries = Vec::new();
    // SAFETY: the stream belongs to the open input; an entry is read before the next call; parameters are
    // those of an open stream or filter.
    unsafe {
        let base = (*source).time_base;
        let unit_s = f64::from(base.num) / f64::from(base.den.max(1));
        let count = ffi::avformat_index_get_entries_count(source);
        if !(1..MAX_ENTRIES).contains(&count) {
            return None;
        }
        for number in 0..count {
            let entry = ffi::avformat_index_get_entry(source, number).as_ref()?;
            if spec.trim_to_s.is_some_and(|end| entry.timestamp as f64 * unit_s - spec.start_s > end) {
                break;
            }
            let key = entry.flags() & ffi::AVINDEX_KEYFRAME != 0;
            entries.push(Entry { time: entry.timestamp, bytes: entry.size().unsigned_abs(), key });
        }
        let side = (0..(*source).nb_side_data as usize).map(|i| (*(*source).side_data.add(i)).size as u64);
        let header = u64::from((*copier.parameters()).extradata_size.unsigned_abs());
        let description = DESCRIPTION_BYTES + header + side.sum::<u64>() + words((*source).metadata);
        Some(Track { entries, unit_s, picture, description })
    }
}

/// Bytes that a dictionary takes in `moov`, or more.
///
/// # Safety
///
/// `dictionary` is null or belongs to an open context.
unsafe fn words(dictionary: *const ffi::AVDictionary) -> u64 {
    let mut bytes = 0;
    // SAFETY: by the caller; the iteration ends with null; entries hold two strings that end with zero.
    unsafe {
        let mut entry: *const ffi::AVDictionaryEntry = std::ptr::null();
        loop {
            entry = ffi::av_dict_get(dictionary, c"".as_ptr(), entry, ffi::AV_DICT_IGNORE_SUFFIX);
            if entry.is_null() {
                return bytes;
            }
            let length = |word| CStr::from_ptr(word).to_bytes().len() as u64;
            bytes += WORD_BYTES + length((*entry).key) + length((*entry).value);
        }
    }
}
