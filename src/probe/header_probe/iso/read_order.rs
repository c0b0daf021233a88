//! Whether the media library sees a packet of each stream of a fragmented file before it ends its analysis.

use super::super::effort::{ANALYSED_BYTES, ANALYSED_S};
use super::super::reason::Reason;
use super::index::Index;
use super::movie::Movie;
use super::sample_entry::EntryContent;

/// The library reads samples whose decode times differ by less in the order of their positions, in seconds.
const READ_TOGETHER_S: f64 = 1.0;

/// Checks that the analysis cannot end before a packet of each stream is read. It ends early where a video has few frames
/// for its duration, because the library takes each frame for as long as the average.
pub(super) fn check(movie: &Movie<'_>, indices: &[Index]) -> Result<(), Reason> {
    let tracks = || movie.tracks.iter().zip(indices).filter(|(_, index)| !index.entries.is_empty());
    if tracks().count() < 2 {
        return Ok(());
    }
    let seconds = |ticks: i64, scale: u32| ticks as f64 / f64::from(scale.max(1));
    let starts = tracks().map(|(track, index)| seconds(index.entries[0].time, track.scale));
    let last_start = starts.fold(f64::NEG_INFINITY, f64::max);
    let mut bytes = 0;
    for (track, index) in tracks() {
        let is_read = |time: i64| seconds(time, track.scale) <= last_start + READ_TOGETHER_S;
        let read = index.entries.iter().take_while(|entry| is_read(entry.time));
        let (mut count, mut last) = (0_u32, index.entries[0].time);
        for entry in read {
            (count, last) = (count + 1, entry.time);
            bytes += u64::from(entry.size);
        }
        let is_video = matches!(track.entry.content, EntryContent::Video(_));
        let frame_ticks = index.timed_ticks as f64 / index.timed_frames.max(1) as f64;
        let by_average =
            if is_video { f64::from(count) * frame_ticks / f64::from(track.scale.max(1)) } else { 0.0 };
        let by_times = seconds(last.saturating_sub(index.entries[0].time), track.scale);
        if by_average.max(by_times) >= ANALYSED_S || bytes >= ANALYSED_BYTES {
            return Err(Reason::Fragments);
        }
    }
    Ok(())
}
