//! The index of the packets of a stream, as the demuxer read it from the header.

use ffmpeg_next::ffi;

use super::input::Input;
use super::time::seconds;
use crate::job::JobError;

/// A packet in the index.
pub(crate) struct IndexedPacket {
    /// Its time in seconds from the start of the stream.
    pub(crate) at_s: f64,
    /// Its size in bytes.
    pub(crate) bytes: u64,
    /// Whether it is a key frame.
    pub(crate) is_key: bool,
}

/// Returns all packets of a stream; nothing for containers that have no index of every packet in the header.
pub(crate) fn packet_index(input: &mut Input, stream: u32) -> Result<Vec<IndexedPacket>, JobError> {
    if !input.is_repeatable() {
        return Ok(Vec::new());
    }
    let stream = input.stream(stream)?;
    // SAFETY: the stream belongs to the open input, which is not used meanwhile, so that its entries stay valid.
    unsafe {
        let base = (*stream).time_base;
        let entries = (0..ffi::avformat_index_get_entries_count(stream))
            .filter_map(|number| ffi::avformat_index_get_entry(stream, number).as_ref());
        let packets: Vec<_> = entries
            .map(|entry| {
                (entry.timestamp, entry.size().max(0) as u64, entry.flags() & ffi::AVINDEX_KEYFRAME != 0)
            })
            .collect();
        let first = packets.first().map_or(0, |(time, ..)| *time);
        let placed = packets.into_iter().map(|(time, bytes, is_key)| IndexedPacket {
            at_s: seconds(time.saturating_sub(first), base),
            bytes,
            is_key,
        });
        Ok(placed.collect())
    }
}
