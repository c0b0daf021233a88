//! Builds the index of a track from its tables: position, size and times of each sample, as its edit list shows them.

use super::super::reason::Reason;
use super::movie::{Edit, Track};
use super::tables::{Sizes, Tables};

/// Samples of PCM in one entry of the index.
const SAMPLES_PER_ENTRY: u32 = 1024;
/// Entries read per track: five hours of audio in frames of 1024 samples, at 48 kHz.
pub(super) const MAX_ENTRIES: usize = 1_000_000;

/// The duration that version 0 of a media header declares as unknown, which the library reads as a number.
pub(super) const UNKNOWN_DURATION: u64 = u32::MAX as u64;

/// An entry of the index: a sample, or a piece of PCM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) position: u64,
    pub(super) size: u32,
    /// Decode time in units of the track.
    pub(super) time: i64,
    /// From decoding to presentation, in the same units.
    pub(super) offset: i64,
    pub(super) key: bool,
    /// Whether the edit list hides it.
    pub(super) hidden: bool,
}

/// The index of a track.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    pub(super) entries: Vec<Entry>,
    /// How much decode times are moved so that no sample is presented before it is decoded.
    pub(super) shift: i64,
    /// The start of the track, in its units.
    pub(super) start: Option<i64>,
    /// The declared duration, as far as samples and edit list fill it.
    pub(super) duration: u64,
    /// Bits per second; `None` for PCM.
    pub(super) bit_rate: Option<u64>,
    /// The samples of which the library knows the duration when it has opened the file, and the sum of those durations.
    pub(super) timed_frames: u64,
    pub(super) timed_ticks: u64,
    /// The duration of every sample in fragments, in units of the track; zero if they differ.
    pub(super) frame_ticks: u32,
    /// Whether the samples are listed in fragments.
    pub(super) fragmented: bool,
}

/// How a track is indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Video,
    Audio,
    /// PCM with samples of this number of bytes.
    Pcm(u32),
    Other,
}

impl Index {
    /// Returns whether a file of this size contains nothing of the first sample, or there is none.
    pub(super) fn is_without_data(&self, size: u64) -> bool {
        self.entries.first().is_none_or(|first| first.position >= size)
    }

    /// Builds the index of a track.
    pub(super) fn build(track: &Track<'_>, kind: Kind, movie_scale: u32) -> Result<Index, Reason> {
        let tables = &track.tables;
        if tables.sync.as_ref().is_some_and(Vec::is_empty) {
            return Err(Reason::SampleTables);
        }
        if tables.sizes.count() == 0 || tables.chunks.is_empty() {
            let is_empty = tables.sizes.count() == 0 && tables.chunks.is_empty();
            let empty = Index { duration: track.duration, ..Index::default() };
            return if kind == Kind::Other && is_empty { Ok(empty) } else { Err(Reason::EmptyTrack) };
        }
        let sampled = tables.duration().ok_or(Reason::SampleTables)?;
        let duration = if sampled > 0 { track.duration.min(sampled) } else { track.duration };
        let mut index = Index {
            duration,
            timed_frames: tables.timed_samples(),
            timed_ticks: sampled,
            ..Index::default()
        };
        let single_ticks = matches!(tables.durations[..], [(_, 1)]);
        match kind {
            Kind::Audio | Kind::Pcm(_) if single_ticks => {
                let Kind::Pcm(bytes) = kind else { return Err(Reason::SampleTables) };
                index.entries = pieces(tables, bytes)?;
            }
            Kind::Pcm(_) => return Err(Reason::SampleTables),
            _ => {
                index.shift = shift(tables);
                index.entries = samples(tables, index.shift)?;
                let total: u64 = index.entries.iter().map(|entry| u64::from(entry.size)).sum();
                let bits = total.checked_mul(8 * u64::from(track.scale)).ok_or(Reason::SampleTables)?;
                index.bit_rate = bits.checked_div(duration).filter(|rate| *rate > 0);
            }
        }
        if !track.edits.is_empty() {
            index.apply(track, kind, movie_scale)?;
        } else {
            index.start = index.entries.first().map(|first| first.time + index.shift + first.offset);
        }
        Ok(index)
    }

    /// Applies the edit list of a track.
    fn apply(&mut self, track: &Track<'_>, kind: Kind, movie_scale: u32) -> Result<(), Reason> {
        let plays = |edit: &Edit| edit.media_time >= 0;
        let pauses = track.edits.iter().take_while(|edit| edit.media_time == -1).count();
        let [edit] = track.edits.get(pauses..).unwrap_or_default() else { return Err(Reason::EditList) };
        if !plays(edit) {
            return Err(Reason::EditList);
        }
        let ticks = |duration: u64| rescale(duration, u64::from(track.scale), u64::from(movie_scale));
        let pause = track.edits[..pauses]
            .iter()
            .try_fold(0_i64, |sum, pause| sum.checked_add(ticks(pause.duration)?));
        let (pause, length) = pause.zip(ticks(edit.duration)).ok_or(Reason::EditList)?;
        let end = edit.media_time.checked_add(length).ok_or(Reason::EditList)?;
        let is_audio = matches!(kind, Kind::Audio | Kind::Pcm(_));
        let has_offsets = track.tables.offsets.is_some();
        let wanted = closest(
            &self.entries,
            (self.shift, has_offsets),
            edit.media_time,
            is_audio.then_some(track.scale),
        );
        if length == 0 || wanted != 0 {
            return Err(Reason::EditList);
        }
        let mut shown =
            Shown { start: edit.media_time, end, pause, has_offsets, is_audio, first_presented: 0 };
        shown.place(self, length);
        if kind == Kind::Video && shown.first_presented > 0 {
            self.entries.iter_mut().for_each(|entry| entry.time -= shown.first_presented);
        }
        self.start = Some(pause);
        let played = pause.checked_add(length).and_then(|played| u64::try_from(played).ok());
        self.duration = self.duration.min(played.ok_or(Reason::EditList)?);
        Ok(())
    }
}

/// The part of a track that an edit shows.
struct Shown {
    start: i64,
    end: i64,
    pause: i64,
    has_offsets: bool,
    is_audio: bool,
    /// The earliest presentation time after the pause.
    first_presented: i64,
}

impl Shown {
    /// Moves the entries to the times at which the edit shows them, and leaves out those behind its end.
    fn place(&mut self, index: &mut Index, length: i64) {
        // The library counts from the moved decode time of the first sample.
        let mut time = self.pause - index.shift;
        let (mut first_presented, mut begun, mut found_key) = (None::<i64>, false, false);
        let mut kept = index.entries.len();
        // How long the samples before the first shown one last.
        let mut before = Vec::new();
        for at in 0..index.entries.len() {
            let entry = index.entries[at];
            let next = index.entries.get(at + 1).map(|next| next.time - entry.time);
            let lasts = next.unwrap_or(length);
            let presented = entry.time + index.shift + entry.offset;
            let is_shown = (self.start..self.end).contains(&presented);
            let primes =
                self.is_audio && presented < self.start && presented.saturating_add(lasts) > self.start;
            if is_shown {
                let at = time + entry.offset + index.shift;
                // The library forgets the times before the first decode time.
                first_presented = first_presented.filter(|first| *first >= 0);
                first_presented = Some(first_presented.map_or(at, |first| first.min(at)));
            } else if primes {
                time -= self.start - presented;
            }
            let hidden = !is_shown && !primes;
            if hidden && !begun {
                before.push(lasts);
            } else if !hidden && !begun {
                begun = true;
                let hidden = index.entries[..at].iter_mut().zip(&before).rev();
                hidden.fold(time, |end, (entry, lasts)| {
                    entry.time = end - lasts;
                    entry.time
                });
            }
            index.entries[at] = Entry { time, hidden, ..entry };
            if begun {
                time = time.saturating_add(lasts);
            }
            if presented.saturating_add(lasts) >= self.end && (entry.key || self.is_audio) {
                if self.has_offsets && !self.is_audio && !found_key {
                    found_key = true;
                    continue;
                }
                kept = at + 1;
                break;
            }
        }
        index.entries.truncate(kept);
        self.first_presented = first_presented.unwrap_or(-1) - self.pause;
    }
}

/// Returns the entry from which the library plays what begins at a time of the media.
fn closest(
    entries: &[Entry],
    (shift, has_offsets): (i64, bool),
    media_time: i64,
    audio_scale: Option<u32>,
) -> usize {
    // Decoders of audio need samples from before the start.
    let first = entries.first().map_or(0, |first| first.time);
    let wanted = audio_scale.map_or(media_time, |scale| (media_time - i64::from(scale)).max(first)) - shift;
    let until = entries.partition_point(|entry| entry.time <= wanted);
    let fits = |entry: &Entry| entry.key && (!has_offsets || entry.time + entry.offset <= wanted);
    let Some(mut found) = entries[..until].iter().rposition(fits) else { return 0 };
    while found > 0 && entries[found - 1].time == entries[found].time && entries[found - 1].key {
        found -= 1;
    }
    found
}

/// Returns how much the library moves decode times: by the most negative offset, of which it ignores the last two.
fn shift(tables: &Tables) -> i64 {
    let offsets = tables.offsets.as_deref().unwrap_or_default();
    let counted = &offsets[..offsets.len().saturating_sub(2)];
    counted.iter().map(|(_, offset)| -i64::from(*offset)).fold(0, i64::max)
}

/// Returns `value * num / den`, rounded to the nearest.
pub(super) fn rescale(value: u64, num: u64, den: u64) -> Option<i64> {
    let den = u128::from(den);
    let scaled = (u128::from(value) * u128::from(num) + den / 2).checked_div(den)?;
    i64::try_from(scaled).ok()
}

/// Returns `ticks * num / den`, rounded to the nearest, and away from zero between two.
pub(super) fn rescale_signed(ticks: i64, num: u32, den: u32) -> Option<i64> {
    let scaled = rescale(ticks.unsigned_abs(), u64::from(num), u64::from(den))?;
    Some(if ticks < 0 { -scaled } else { scaled })
}

/// Returns an entry for each sample.
fn samples(tables: &Tables, shift: i64) -> Result<Vec<Entry>, Reason> {
    let count = tables.sizes.count() as usize;
    let offset_count = tables.offsets.iter().flatten().map(|(count, _)| u64::from(*count)).sum::<u64>();
    let fits = |number: u64| number == count as u64;
    if count > MAX_ENTRIES || !fits(tables.timed_samples()) || tables.offsets.is_some() && !fits(offset_count)
    {
        return Err(Reason::SampleTables);
    }
    let durations = Runs::of(&tables.durations);
    let mut offsets = Runs::of(tables.offsets.as_deref().unwrap_or_default());
    let mut positions = Positions::new(tables);
    let mut sync = tables.sync.as_deref().unwrap_or_default().iter().peekable();
    let mut entries = Vec::with_capacity(count);
    let mut time = -shift;
    for (number, duration) in (0_usize..count).zip(durations) {
        let size = tables.sizes.get(number).ok_or(Reason::SampleTables)?;
        let position = positions.next(size).ok_or(Reason::SampleTables)?;
        let is_sync = sync.next_if(|next| **next as usize == number + 1).is_some();
        entries.push(Entry {
            position,
            size,
            time,
            offset: i64::from(offsets.next().unwrap_or(0)),
            key: is_sync || tables.sync.is_none(),
            hidden: false,
        });
        time = time.checked_add(i64::from(duration)).ok_or(Reason::SampleTables)?;
    }
    if positions.is_at_end() { Ok(entries) } else { Err(Reason::SampleTables) }
}

/// Repeats each value of a table as often as it says.
struct Runs<'a, T> {
    rest: &'a [(u32, T)],
    /// How many values of the first run were returned.
    returned: u32,
}

impl<'a, T> Runs<'a, T> {
    fn of(runs: &'a [(u32, T)]) -> Runs<'a, T> {
        Runs { rest: runs, returned: 0 }
    }
}

impl<T: Copy> Iterator for Runs<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        while let Some(((count, value), rest)) = self.rest.split_first() {
            if self.returned < *count {
                self.returned += 1;
                return Some(*value);
            }
            (self.rest, self.returned) = (rest, 0);
        }
        None
    }
}

/// Returns an entry for each piece of PCM, whose samples each last one unit.
fn pieces(tables: &Tables, frame_bytes: u32) -> Result<Vec<Entry>, Reason> {
    let Sizes::Same { count, .. } = tables.sizes else { return Err(Reason::SampleTables) };
    let mut entries = Vec::new();
    let (mut time, mut run) = (0_i64, 0);
    for (number, &chunk) in (1_u32..).zip(&tables.chunks) {
        while tables.runs.get(run + 1).is_some_and(|(first, _)| *first <= number) {
            run += 1;
        }
        let (mut left, mut position) = (tables.runs.get(run).ok_or(Reason::SampleTables)?.1, chunk);
        while left > 0 {
            let taken = left.min(SAMPLES_PER_ENTRY);
            let size = taken.checked_mul(frame_bytes).ok_or(Reason::SampleTables)?;
            if entries.len() == MAX_ENTRIES {
                return Err(Reason::TooLarge);
            }
            entries.push(Entry { position, size, time, offset: 0, key: true, hidden: false });
            position = position.checked_add(u64::from(size)).ok_or(Reason::SampleTables)?;
            time += i64::from(taken);
            left -= taken;
        }
    }
    if time == i64::from(count) { Ok(entries) } else { Err(Reason::SampleTables) }
}

/// Assigns positions to samples.
struct Positions<'a> {
    tables: &'a Tables,
    chunk: usize,
    run: usize,
    left: u32,
    position: u64,
}

impl<'a> Positions<'a> {
    fn new(tables: &'a Tables) -> Positions<'a> {
        Positions { tables, chunk: 0, run: 0, left: 0, position: 0 }
    }

    /// Returns the position of the next sample, which has this size.
    fn next(&mut self, size: u32) -> Option<u64> {
        if self.left == 0 {
            self.position = *self.tables.chunks.get(self.chunk)?;
            self.chunk += 1;
            let next = self.tables.runs.get(self.run + 1);
            if next.is_some_and(|(first, _)| *first as usize == self.chunk) {
                self.run += 1;
            }
            self.left = self.tables.runs.get(self.run)?.1;
        }
        self.left -= 1;
        let position = self.position;
        self.position = position.checked_add(u64::from(size)).filter(|end| i64::try_from(*end).is_ok())?;
        Some(position)
    }

    /// Returns whether every chunk is used up.
    fn is_at_end(&self) -> bool {
        self.left == 0 && self.chunk == self.tables.chunks.len()
    }
}
