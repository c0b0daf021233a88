//! Reads the frame sizes at the key frames of a track.

use std::io;

use super::super::cache::Cache;
use super::index::Entry;
use crate::model::{Codec, VideoStream};
use crate::probe::bitstream::frame_size::FrameSizes;

/// Bytes read of a key frame: enough for parameter sets, messages of an encoder and the start of a slice.
const START_BYTES: usize = 2048;
/// Bytes read where other units, such as long SEI messages, precede the slice.
const LONG_START_BYTES: usize = 64 << 10;
/// Key frames read of one stream: a stream of key frames only lasts over an hour at 60 frames/s.
const MAX_KEY_FRAMES: usize = 250_000;

/// Sets the frame sizes of a video stream, and counts each change of size as a change of parameters.
pub(super) fn read_sizes(
    cache: &Cache<'_>,
    codec: &Codec,
    config: &[u8],
    entries: &[Entry],
    video: &mut VideoStream,
) -> io::Result<()> {
    let Some(mut sizes) = FrameSizes::of(codec, config) else { return Ok(()) };
    for entry in entries.iter().filter(|entry| entry.key).take(MAX_KEY_FRAMES) {
        let length = entry.size as usize;
        let known = add_start(cache, entry, length.min(START_BYTES), &mut sizes)?;
        if !known && sizes.only_at_key_frames() && length > START_BYTES {
            add_start(cache, entry, length.min(LONG_START_BYTES), &mut sizes)?;
        }
    }
    if !sizes.several().is_empty() {
        video.frame_sizes = sizes.several().to_vec();
        video.parameter_changes = video.parameter_changes.max(Some(sizes.changes()));
    }
    Ok(())
}

/// Adds the first bytes of a sample. Returns whether they contain its size.
fn add_start(cache: &Cache<'_>, entry: &Entry, length: usize, sizes: &mut FrameSizes) -> io::Result<bool> {
    let mut bytes = vec![0; length];
    // A sample that ends early is missing data, which the index shows.
    Ok(cache.read_directly(entry.position, &mut bytes)? == length && sizes.add(&bytes))
}
