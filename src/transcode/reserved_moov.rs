//! Estimates the size of `moov` from the sample index of a source whose packets are only copied.
//!
//! If space for `moov` is reserved in front, the output is written once and the source read once. The tables
//! are those of ISO/IEC 14496-12, 8.6 and 8.7, as FFmpeg's muxer fills them: packets interleaved by decode
//! time, one chunk for each run of packets of a track, up to 1 MiB.

use std::cmp::Ordering;

/// Maximum size of a chunk.
const MAX_CHUNK_BYTES: u64 = 1 << 20;
/// Bytes of `moov` beside the tracks and the metadata: `mvhd` and list terminators.
const MOVIE_BYTES: u64 = 1024;
/// Bytes of a track beside its tables and its sample description: headers, edit list, roll groups.
const TRACK_BYTES: u64 = 1024;

/// A packet that will be copied.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampleEntry {
    /// Decode time in the time base of the track.
    pub time: i64,
    /// Size in bytes.
    pub bytes: u32,
    /// Whether it is a key frame.
    pub key: bool,
}

/// A track that will be copied.
#[derive(Clone, Debug, PartialEq)]
pub struct CopiedTrack {
    /// Its packets in decode order.
    pub entries: Vec<SampleEntry>,
    /// Seconds per unit of time.
    pub unit_s: f64,
    /// Whether it is a video track, which may have `ctts` and `sdtp` tables.
    pub is_video: bool,
    /// Bytes of its sample description and its metadata.
    pub description: u64,
}

/// Estimates the size of `moov` in bytes, rounded up. If the estimate is too small, the media data must be
/// moved; if it is too large, a `free` box remains. `metadata_bytes` is the size of the file's metadata.
#[must_use]
pub fn estimate_moov_size(tracks: &[CopiedTrack], metadata_bytes: u64) -> u64 {
    let tables: u64 =
        tracks.iter().zip(chunk_layouts(tracks)).map(|(track, layout)| track_bytes(track, layout)).sum();
    // The order of packets with equal times depends on rounding.
    let slack = tables / 64;
    MOVIE_BYTES + metadata_bytes + tables + slack
}

fn track_bytes(track: &CopiedTrack, layout: ChunkLayout) -> u64 {
    let entries = track.entries.len() as u64;
    let keys = track.entries.iter().filter(|entry| entry.key).count() as u64;
    let steps = track.entries.windows(2).map(|pair| pair[1].time - pair[0].time);
    let (mut changes, mut last) = (1, None);
    for step in steps {
        changes += u64::from(last != Some(step));
        last = Some(step);
    }
    let sizes = 4 * entries;
    let times = 8 * changes;
    // `ctts`, `sdtp` and `stss`, which are optional.
    let order = if track.is_video { 9 * entries } else { 0 };
    let random = if keys < entries { 4 * keys } else { 0 };
    TRACK_BYTES + track.description + sizes + times + order + random + 4 * layout.chunks + 12 * layout.runs
}

/// The number of chunks of a track, and of runs of chunks with the same number of samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct ChunkLayout {
    chunks: u64,
    runs: u64,
}

/// Returns the chunks of each track as the muxer will write them.
fn chunk_layouts(tracks: &[CopiedTrack]) -> Vec<ChunkLayout> {
    let mut layouts = vec![(ChunkLayout::default(), 0_u64); tracks.len()];
    let mut close_chunk = |track: usize, samples: u64| {
        let (layout, last) = &mut layouts[track];
        layout.chunks += 1;
        layout.runs += u64::from(*last != samples);
        *last = samples;
    };
    let mut next = vec![0_usize; tracks.len()];
    let mut current: Option<(usize, u64, u64)> = None;
    let next_time = |next: &[usize], track: usize| {
        tracks[track].entries.get(next[track]).map(|entry| entry.time as f64 * tracks[track].unit_s)
    };
    loop {
        let candidates =
            (0..tracks.len()).filter_map(|track| next_time(&next, track).map(|next_time| (next_time, track)));
        let Some((_, track)) = candidates.min_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal))
        else {
            break;
        };
        let bytes = u64::from(tracks[track].entries[next[track]].bytes);
        next[track] += 1;
        current = match current {
            Some((same, samples, size)) if same == track && size + bytes < MAX_CHUNK_BYTES => {
                Some((track, samples + 1, size + bytes))
            }
            before => {
                if let Some((other, samples, _)) = before {
                    close_chunk(other, samples);
                }
                Some((track, 1, bytes))
            }
        };
    }
    if let Some((track, samples, _)) = current {
        close_chunk(track, samples);
    }
    layouts.into_iter().map(|(layout, _)| layout).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(unit_s: f64, count: i64, bytes: u32, is_video: bool) -> CopiedTrack {
        let entries =
            (0..count).map(|time| SampleEntry { time, bytes, key: !is_video || time % 30 == 0 }).collect();
        CopiedTrack { entries, unit_s, is_video, description: 100 }
    }

    #[test]
    fn packets_of_two_tracks_interleave_by_decode_time() {
        // One second of video at 10 and of audio at 20 packets a second: one video packet, then two of audio.
        let tracks = [track(0.1, 10, 500, true), track(0.05, 20, 50, false)];
        assert_eq!(
            chunk_layouts(&tracks),
            [ChunkLayout { chunks: 10, runs: 1 }, ChunkLayout { chunks: 10, runs: 1 }]
        );
    }

    #[test]
    fn a_single_track_has_chunks_of_up_to_one_mebibyte() {
        let alone = [track(0.1, 8, 400 << 10, true)];
        assert_eq!(chunk_layouts(&alone), [ChunkLayout { chunks: 4, runs: 1 }]);
        assert_eq!(chunk_layouts(&[]), []);
    }

    #[test]
    fn irregular_timestamps_increase_the_estimate() {
        let even = track(0.1, 100, 500, true);
        let mut uneven = even.clone();
        for (number, entry) in uneven.entries.iter_mut().enumerate() {
            entry.time = (number * number) as i64;
        }
        let [even, uneven] = [even, uneven].map(|track| estimate_moov_size(&[track], 0));
        // 99 different steps, so 99 `stts` entries instead of one.
        assert!(uneven >= even + 98 * 8, "{even} {uneven}");
    }
}
