//! Reads the frame sizes at the key frames that the index of an ISO file locates, without reading packets.

use std::fs::File;
use std::os::unix::fs::FileExt;

use ffmpeg_next::ffi;

use super::packets::frame_sizes;
use crate::model::MediaFacts;
use crate::probe::bitstream::frame_size::FrameSizes;

/// Bytes read of a key frame: enough for parameter sets and the start of a slice.
const START_BYTES: usize = 512;
/// Bytes read where other units, such as long SEI messages, precede the slice.
const LONG_START_BYTES: usize = 64 << 10;
/// Key frames read of one stream: a stream of key frames only lasts over an hour at 60 frames/s.
const MAX_KEY_FRAMES: usize = 250_000;

/// Sets the frame sizes of every video stream, and counts each change of size as a change of parameters.
///
/// # Safety
/// `context` is an open demuxer of `file`, an unfragmented ISO file, not used by other code during the call.
pub(super) unsafe fn read_key_frame_sizes(
    context: *mut ffi::AVFormatContext,
    file: &File,
    facts: &mut MediaFacts,
) {
    for video in facts.video.iter_mut().filter(|video| video.encryption.is_none()) {
        // SAFETY: the index is that of a stream; an entry is read before the next call.
        let (mut sizes, positions) = unsafe {
            let stream = *(*context).streams.add(video.index as usize);
            let Some(sizes) = frame_sizes(stream) else { continue };
            let count = ffi::avformat_index_get_entries_count(stream);
            let entries =
                (0..count).map_while(|number| ffi::avformat_index_get_entry(stream, number).as_ref());
            let keys = entries.filter(|entry| entry.flags() & ffi::AVINDEX_KEYFRAME != 0);
            let positions = keys.filter_map(|entry| {
                Some((u64::try_from(entry.pos).ok()?, usize::try_from(entry.size()).ok()?))
            });
            (sizes, positions.take(MAX_KEY_FRAMES).collect::<Vec<_>>())
        };
        for (position, length) in positions {
            let known = add_start(file, position, length.min(START_BYTES), &mut sizes);
            if !known && sizes.only_at_key_frames() && length > START_BYTES {
                add_start(file, position, length.min(LONG_START_BYTES), &mut sizes);
            }
        }
        if !sizes.several().is_empty() {
            video.frame_sizes = sizes.several().to_vec();
            video.parameter_changes = video.parameter_changes.max(Some(sizes.changes()));
        }
    }
}

/// Adds the first bytes of a sample. Returns whether they contain its size.
fn add_start(file: &File, position: u64, length: usize, sizes: &mut FrameSizes) -> bool {
    let mut bytes = vec![0; length];
    // A sample that cannot be read is missing data, which the index reports.
    file.read_exact_at(&mut bytes, position).is_ok() && sizes.add(&bytes)
}
