//! Computes the space to reserve for `moov` from the sample index of a source that is only copied.

use std::ffi::CStr;

use ffmpeg_next::ffi;

use super::copy::Copier;
use super::transcoder::Transcoder;
use crate::job::JobError;
use crate::libav::stream_kind::StreamKind;
use crate::plan::OutputSpec;
use crate::transcode::faststart::can_reserve;
use crate::transcode::reserved_moov::{CopiedTrack, SampleEntry, estimate_moov_size};

/// Maximum index entries read; for longer videos the size of `moov` is measured instead.
const MAX_ENTRIES: i32 = 5_000_000;
/// Bytes of a sample description and its boxes beside the codec's own header.
const DESCRIPTION_BYTES: u64 = 512;
/// Bytes of a metadata entry beside its key and value.
const METADATA_ENTRY_BYTES: u64 = 64;

/// Returns the bytes to reserve for `moov` of the planned copy; `None` if the source has no packet index.
/// `source_bytes` is the size of the source.
pub(super) fn reserved_bytes(
    transcoder: &mut Transcoder,
    source_bytes: u64,
    spec: &OutputSpec,
) -> Result<Option<u64>, JobError> {
    // Other demuxers index only key frames, or the packets read so far.
    if !transcoder.input.is_repeatable() {
        return Ok(None);
    }
    let copiers = [(StreamKind::Video, true), (StreamKind::Audio, false)];
    let copiers = copiers.map(|(kind, is_video)| transcoder.copier(kind).map(|copier| (copier, is_video)));
    let mut tracks = Vec::new();
    for (copier, is_video) in copiers.into_iter().flatten() {
        let Some(track) = track(copier, is_video, spec) else { return Ok(None) };
        tracks.push(track);
    }
    // SAFETY: the context is open; its dictionary is only read.
    let metadata = unsafe { metadata_bytes((*transcoder.input.as_mut_ptr()).metadata) };
    let reserved = estimate_moov_size(&tracks, metadata);
    let length = source_bytes + reserved;
    let within = spec.max_size_bytes.is_none_or(|limit| length <= limit);
    Ok((within && !tracks.is_empty() && can_reserve(reserved, length)).then_some(reserved))
}

/// Reads the index of a stream; `None` if it is empty or too long.
fn track(copier: &Copier, is_video: bool, spec: &OutputSpec) -> Option<CopiedTrack> {
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
            entries.push(SampleEntry { time: entry.timestamp, bytes: entry.size().unsigned_abs(), key });
        }
        let side = (0..(*source).nb_side_data as usize).map(|i| (*(*source).side_data.add(i)).size as u64);
        let header = u64::from((*copier.parameters()).extradata_size.unsigned_abs());
        let description = DESCRIPTION_BYTES + header + side.sum::<u64>() + metadata_bytes((*source).metadata);
        Some(CopiedTrack { entries, unit_s, is_video, description })
    }
}

/// Returns an upper bound of the bytes that a dictionary takes in `moov`.
///
/// # Safety
///
/// `dictionary` is null or belongs to an open context.
unsafe fn metadata_bytes(dictionary: *const ffi::AVDictionary) -> u64 {
    let mut bytes = 0;
    // SAFETY: by the caller; the iteration ends with null; entries hold two strings that end with zero.
    unsafe {
        let mut entry: *const ffi::AVDictionaryEntry = std::ptr::null();
        loop {
            entry = ffi::av_dict_get(dictionary, c"".as_ptr(), entry, ffi::AV_DICT_IGNORE_SUFFIX);
            if entry.is_null() {
                return bytes;
            }
            let length = |text| CStr::from_ptr(text).to_bytes().len() as u64;
            bytes += METADATA_ENTRY_BYTES + length((*entry).key) + length((*entry).value);
        }
    }
}
