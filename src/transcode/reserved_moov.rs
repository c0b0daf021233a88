//! How large `moov` will be, told by the sample index of a source whose packets are only copied.
//!
//! With room kept for it in front, a file is written once and its source read once. The tables are
//! those of ISO/IEC 14496-12, 8.6 and 8.7, as FFmpeg's muxer fills them: packets interleaved by decode time, a
//! chunk for each row of one track up to 1 MiB.

use std::cmp::Ordering;

/// Chunks grow no larger.
const MAX_CHUNK_BYTES: u64 = 1 << 20;
/// What a video has beside its tables and its words: `mvhd`, and some ends of lists.
const VIDEO_BYTES: u64 = 1024;
/// What a track has beside its tables and its sample description: headers, edit list, roll groups.
const TRACK_BYTES: u64 = 1024;

/// A packet that will be copied.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    /// Decode time in units of the track.
    pub time: i64,
    /// Bytes.
    pub bytes: u32,
    /// Whether it can be decoded alone.
    pub key: bool,
}

/// A track that will be copied.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// Its packets in decode order.
    pub entries: Vec<Entry>,
    /// Seconds a unit of time.
    pub unit_s: f64,
    /// Whether it is a picture: these may have tables of reordering and of dependence.
    pub picture: bool,
    /// Bytes of its sample description and its words.
    pub description: u64,
}

/// Bytes that `moov` will take at the most, or nearly so: who has guessed too little must move the media
/// data, who has guessed too much leaves a `free` box. `words` is the size of the video's metadata.
#[must_use]
pub fn room_for_moov(tracks: &[Track], words: u64) -> u64 {
    let tables: u64 = tracks.iter().zip(chunks(tracks)).map(|(track, layout)| bytes_of(track, layout)).sum();
    // Where packets with equal times go depends on roundings.
    let slack = tables / 64;
    VIDEO_BYTES + words + tables + slack
}

fn bytes_of(track: &Track, layout: Layout) -> u64 {
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
    // `ctts`, `sdtp` and `stss`, where there is any need of them.
    let order = if track.picture { 9 * entries } else { 0 };
    let random = if keys < entries { 4 * keys } else { 0 };
    TRACK_BYTES + track.description + sizes + times + order + random + 4 * layout.chunks + 12 * layout.runs
}

/// Chunks of a track, and the rows of chunks with equally many samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Layout {
    chunks: u64,
    runs: u64,
}

/// Lays packets out as the muxer will.
fn chunks(tracks: &[Track]) -> Vec<Layout> {
    let mut layouts = vec![(Layout::default(), 0_u64); tracks.len()];
    let mut end = |track: usize, samples: u64| {
        let (layout, last) = &mut layouts[track];
        layout.chunks += 1;
        layout.runs += u64::from(*last != samples);
        *last = samples;
    };
    let mut next = vec![0_usize; tracks.len()];
    let mut open: Option<(usize, u64, u64)> = None;
    let due = |next: &[usize], track: usize| {
        tracks[track].entries.get(next[track]).map(|entry| entry.time as f64 * tracks[track].unit_s)
    };
    loop {
        let waiting = (0..tracks.len()).filter_map(|track| due(&next, track).map(|due| (due, track)));
        let Some((_, track)) = waiting.min_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal)) else {
            break;
        };
        let bytes = u64::from(tracks[track].entries[next[track]].bytes);
        next[track] += 1;
        open = match open {
            Some((same, samples, size)) if same == track && size + bytes < MAX_CHUNK_BYTES => {
                Some((track, samples + 1, size + bytes))
            }
            before => {
                if let Some((other, samples, _)) = before {
                    end(other, samples);
                }
                Some((track, 1, bytes))
            }
        };
    }
    if let Some((track, samples, _)) = open {
        end(track, samples);
    }
    layouts.into_iter().map(|(layout, _)| layout).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(unit_s: f64, count: i64, bytes: u32, picture: bool) -> Track {
        let entries = (0..count).map(|time| Entry { time, bytes, key: !picture || time % 30 == 0 }).collect();
        Track { entries, unit_s, picture, description: 100 }
    }

    #[test]
    fn packets_of_two_tracks_take_turns_by_their_times() {
        // One second of picture at 10, of audio at 20 packets a second: a picture, then two sounds.
        let tracks = [track(0.1, 10, 500, true), track(0.05, 20, 50, false)];
        assert_eq!(chunks(&tracks), [Layout { chunks: 10, runs: 1 }, Layout { chunks: 10, runs: 1 }]);
    }

    #[test]
    fn a_lone_track_is_cut_into_chunks_of_a_mebibyte() {
        let alone = [track(0.1, 8, 400 << 10, true)];
        assert_eq!(chunks(&alone), [Layout { chunks: 4, runs: 1 }]);
        assert_eq!(chunks(&[]), []);
    }

    #[test]
    fn uneven_times_need_more_room() {
        let even = track(0.1, 100, 500, true);
        let mut uneven = even.clone();
        for (number, entry) in uneven.entries.iter_mut().enumerate() {
            entry.time = (number * number) as i64;
        }
        let [even, uneven] = [even, uneven].map(|track| room_for_moov(&[track], 0));
        // A step of its own for each of the 99, instead of one for all; a change of the first is counted.
        assert!(uneven >= even + 98 * 8, "{even} {uneven}");
    }
}
