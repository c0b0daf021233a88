//! Which samples of a truncated file the library reads: those before the first one without any data.

use super::super::reason::Reason;
use super::index::{Entry, Index};
use super::movie::Track;

const MICROSECONDS: i128 = 1_000_000;

/// Returns how many samples of each track the library reads of a file of this size.
pub(super) fn readable(tracks: &[Track<'_>], indices: &[Index], size: u64) -> Result<Vec<usize>, Reason> {
    let is_inside = |entry: &Entry| entry.position + u64::from(entry.size) <= size;
    if indices.iter().all(|index| index.entries.iter().all(is_inside)) {
        return Ok(indices.iter().map(|index| index.entries.len()).collect());
    }
    let mut read = vec![0; tracks.len()];
    while let Some(at) = next(tracks, indices, &read)? {
        if indices[at].entries[read[at]].position >= size {
            break;
        }
        read[at] += 1;
    }
    // The library may go on behind the first sample without data, if it finds that one while it analyses the streams.
    let is_readable =
        |(index, read): (&Index, &usize)| index.entries[*read..].iter().any(|entry| entry.position < size);
    if indices.iter().zip(&read).any(is_readable) {
        return Err(Reason::MissingData);
    }
    Ok(read)
}

/// Returns the track whose sample the library reads next: by their order in the file, but by decode times where those
/// are more than a second apart.
fn next(tracks: &[Track<'_>], indices: &[Index], read: &[usize]) -> Result<Option<usize>, Reason> {
    let mut found: Option<(usize, u64, i128)> = None;
    for (at, (track, index)) in tracks.iter().zip(indices).enumerate() {
        let Some(entry) = index.entries.get(read[at]) else { continue };
        let scaled = i128::from(entry.time) * MICROSECONDS;
        let scale = i128::from(track.scale);
        let dts = (scaled.abs() + scale / 2).checked_div(scale).ok_or(Reason::Malformed)? * scaled.signum();
        let is_earlier = found.is_none_or(|(_, position, best)| {
            if (best - dts).abs() <= MICROSECONDS { entry.position < position } else { dts < best }
        });
        if is_earlier {
            found = Some((at, entry.position, dts));
        }
    }
    Ok(found.map(|(at, ..)| at))
}
