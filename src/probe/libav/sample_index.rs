//! Reads frame timing from the sample index of an ISO file, without reading packets.

use ffmpeg_next::ffi;

use super::streams::{seconds, time_base};
use crate::model::{Codec, Completeness, MediaFacts};
use crate::probe::isobmff::IsoTrack;
use crate::probe::timing::{Cadence, write_timing};

/// Entries read per stream: 23 hours at 60 frames/s.
const MAX_ENTRIES: i32 = 5_000_000;

/// Sets cadence, GOP facts and missing data from the index and from the sample tables. Returns whether the
/// video timing is complete, so that no packet need be read.
///
/// # Safety
/// `context` is an open demuxer of an unfragmented ISO file, not used by other code during the call.
pub(super) unsafe fn read_index(
    context: *mut ffi::AVFormatContext,
    tracks: &[IsoTrack],
    facts: &mut MediaFacts,
) -> bool {
    let mut complete = true;
    let size = i64::try_from(facts.size_bytes).unwrap_or(i64::MAX);
    let mut missing: Option<f64> = None;
    let mut has_entries = false;
    // SAFETY: FFmpeg keeps `nb_streams` valid pointers; an entry is read before the next call.
    unsafe {
        for position in 0..(*context).nb_streams as usize {
            let stream = *(*context).streams.add(position);
            let base = (*stream).time_base;
            let mut cadence = Cadence::default();
            let mut lowest: Option<i64> = None;
            let mut hidden = false;
            let count = ffi::avformat_index_get_entries_count(stream).min(MAX_ENTRIES);
            for number in 0..count {
                let Some(entry) = ffi::avformat_index_get_entry(stream, number).as_ref() else { break };
                has_entries = true;
                lowest = Some(lowest.map_or(entry.timestamp, |low| low.min(entry.timestamp)));
                if entry.pos.saturating_add(i64::from(entry.size())) > size {
                    let at = seconds(entry.timestamp, base).unwrap_or(0.0).max(0.0);
                    missing = Some(missing.map_or(at, |first| first.min(at)));
                }
                // An edit list hides these frames.
                if entry.flags() & ffi::AVINDEX_DISCARD_FRAME != 0 {
                    hidden = true;
                } else {
                    cadence.add(entry.timestamp, entry.flags() & ffi::AVINDEX_KEYFRAME != 0);
                }
            }
            let index = (*stream).index as u32;
            if let Some(video) = facts.video.iter_mut().find(|video| video.index == index) {
                let track = tracks.iter().find(|track| track.position == index);
                let samples = track.and_then(|track| track.samples.as_ref());
                // Several edits can show samples twice or in another order.
                match samples.filter(|samples| !hidden && samples.timestamps.len() as i64 == i64::from(count))
                {
                    Some(samples) => {
                        let leading = samples.has_leading_samples();
                        write_timing(&mut samples.timestamps.clone(), time_base(base), video);
                        // In HEVC, only the packets show whether leading pictures need the previous GOP.
                        video.closed_gop = (!leading || video.codec != Some(Codec::Hevc)).then_some(!leading);
                        complete &= video.closed_gop.is_some();
                    }
                    None => {
                        cadence.write_to(time_base(base), video);
                        complete = false;
                    }
                }
                if let Some(timing) = &mut video.timing {
                    timing.negative_dts_s = lowest.and_then(|dts| seconds(dts, base)).filter(|&s| s < 0.0);
                }
            }
        }
    }
    set_completeness(facts, has_entries, missing);
    complete
}

/// Writes whether the file holds all frames that its index lists; the first second that is `missing`, if any.
fn set_completeness(facts: &mut MediaFacts, has_entries: bool, missing: Option<f64>) {
    if let Some(at) = missing {
        facts.completeness = Completeness::Missing {
            first_missing_s: Some(at),
            reason: "the index lists frames beyond the end of the file".into(),
        };
    } else if has_entries && facts.completeness == Completeness::Unknown {
        facts.completeness = Completeness::Whole;
    }
}
