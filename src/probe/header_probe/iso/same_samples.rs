//! Compares the samples of two tracks.

use super::super::cache::{ALWAYS_WALK_BYTES, Cache};
use super::super::reason::{Reason, Stop};
use super::index::Index;
use crate::probe::bytes::{Bytes, read_range};

/// Returns whether two tracks have the same samples.
pub(super) fn have_same_samples(
    cache: &Cache<'_>,
    indices: &[Index],
    first: u32,
    second: u32,
) -> Result<bool, Stop> {
    let [first, second] =
        [first, second].map(|index| indices.get(index as usize).map(|index| &index.entries[..]));
    let (first, second) = first.zip(second).ok_or(Reason::SeveralAudioStreams)?;
    let pairs = || first.iter().zip(second);
    let file_bytes = cache.len()?;
    let is_beyond = |end: u64| end > file_bytes;
    if pairs().any(|(a, b)| is_beyond(a.position.max(b.position) + u64::from(a.size.max(b.size)))) {
        return Err(Reason::MissingData.into());
    }
    if first.len() != second.len() || pairs().any(|(a, b)| a.size != b.size) {
        return Ok(false);
    }
    let total: u64 = first.iter().map(|entry| u64::from(entry.size)).sum();
    if file_bytes > ALWAYS_WALK_BYTES || total > file_bytes {
        return Err(Reason::SeveralAudioStreams.into());
    }
    for (a, b) in pairs().filter(|(a, b)| a.position != b.position) {
        let size = a.size as usize;
        if read_range(cache, a.position, size)? != read_range(cache, b.position, size)? {
            return Ok(false);
        }
    }
    Ok(!first.is_empty())
}
