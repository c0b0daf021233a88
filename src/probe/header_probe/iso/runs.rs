//! Reads the runs of samples of a track in a fragment (ISO/IEC 14496-12, 8.8.7 and 8.8.8).

use super::super::reason::Reason;
use super::boxes::{Node, only};
use super::index::{Entry, Index, MAX_ENTRIES, rescale};
use super::movie::{Extends, Movie, Track};
use super::sample_entry::EntryContent;
use super::uuid;
use crate::model::Codec;
use crate::probe::bitstream::aac;
use crate::probe::isobmff::FieldReader;

const BASE_OFFSET: u32 = 1;
const SAMPLE_ENTRY: u32 = 2;
const DEFAULT_DURATION: u32 = 8;
const DEFAULT_SIZE: u32 = 0x10;
const DEFAULT_FLAGS: u32 = 0x20;
const BASE_IS_FRAGMENT: u32 = 0x2_0000;
const DATA_OFFSET: u32 = 1;
const FIRST_FLAGS: u32 = 4;
const DURATIONS: u32 = 0x100;
const SIZES: u32 = 0x200;
const FLAGS: u32 = 0x400;
const OFFSETS: u32 = 0x800;
/// A sample that is no sync sample, or depends on others.
const NO_KEY: u32 = 0x0101_0000;

/// The defaults of the samples of a track in a fragment.
pub(super) struct Header {
    pub(super) id: u32,
    pub(super) base: u64,
    duration: Option<u32>,
    size: Option<u32>,
    flags: Option<u32>,
}

impl Header {
    /// Reads the content of `tfhd` in a fragment that begins at `start`; by default, samples begin at `next`.
    pub(super) fn read(tfhd: &[u8], start: u64, next: u64) -> Result<Header, Reason> {
        let parse = || {
            let mut fields = FieldReader(tfhd);
            let (_, flags) = fields.head()?;
            let id = fields.word()?;
            let base = match () {
                () if flags & BASE_OFFSET != 0 => fields.take(8)?,
                () if flags & BASE_IS_FRAGMENT != 0 => start,
                () => next,
            };
            let mut word = |flag: u32| (flags & flag != 0).then(|| fields.word().ok_or(())).transpose().ok();
            let entry = word(SAMPLE_ENTRY)?;
            let (duration, size) = (word(DEFAULT_DURATION)?, word(DEFAULT_SIZE)?);
            let flags = word(DEFAULT_FLAGS)?;
            (entry.is_none_or(|entry| entry == 1)).then_some(Header { id, base, duration, size, flags })
        };
        parse().ok_or(Reason::Fragments)
    }
}

/// What the library adds up over the samples of a track.
#[derive(Clone, Debug, Default)]
pub(super) struct Totals {
    frames: u64,
    ticks: u64,
    /// The duration of all samples; zero if they differ.
    frame_ticks: u32,
    /// Where the last sample ends, or what is declared of it, in units of the track.
    pub(super) duration: i64,
    /// By how much samples are presented later, so that none is presented before it is decoded.
    pub(super) shift: i64,
}

/// The samples of a track.
pub(super) struct Samples<'a> {
    pub(super) track: &'a Track<'a>,
    defaults: Extends,
    /// How much earlier than its decode time the edit list presents a sample.
    time_offset: i64,
    /// How much of the first audio is decoded only to prepare the decoder, in units of the track.
    priming: i64,
    /// Where the last run ends, in units of the track.
    pub(super) end: i64,
    pub(super) has_segment_index: bool,
    pub(super) totals: Totals,
    pub(super) entries: Vec<Entry>,
}

impl<'a> Samples<'a> {
    pub(super) fn of(track: &'a Track<'a>, movie: &Movie<'_>) -> Result<Samples<'a>, Reason> {
        let mut defaults = movie.extends.iter().filter(|extends| extends.id == track.id);
        let found = defaults.next().copied().filter(|extends| extends.entry == 1).ok_or(Reason::Fragments)?;
        // An empty table of key frames lets the library look for them, as it does in H.264 anyway.
        let finds_keys = match &track.entry.content {
            EntryContent::Video(entry) => entry.codec == Codec::H264,
            EntryContent::Audio(_) | EntryContent::Other(..) => false,
        };
        if defaults.next().is_some() || !track.tables.is_empty() || track.tables.sync.is_some() && !finds_keys
        {
            return Err(Reason::Fragments);
        }
        // An unknown duration is shorter than any.
        let duration = match track.duration {
            u64::MAX => -1,
            declared => i64::try_from(declared).map_err(|_| Reason::Duration)?,
        };
        Ok(Samples {
            track,
            defaults: found,
            time_offset: time_offset(track, movie.scale)?,
            priming: priming(track)?,
            end: 0,
            has_segment_index: false,
            totals: Totals { duration, ..Totals::default() },
            entries: Vec::new(),
        })
    }

    /// Reads the boxes of `traf`. Returns where its samples end.
    pub(super) fn read(
        &mut self,
        nodes: &[Node<'_>],
        header: Header,
        has_segment_index: bool,
        media: (u64, u64),
    ) -> Result<Option<u64>, Reason> {
        let at = |kind: &[u8; 4]| nodes.iter().position(|node| &node.kind == kind);
        let first_run = at(b"trun");
        if first_run.is_some_and(|run| at(b"tfhd") > Some(run) || at(b"tfdt") > Some(run)) {
            return Err(Reason::Fragments);
        }
        match only(nodes, b"tfdt")? {
            Some(tfdt) => self.end = decode_time(tfdt).ok_or(Reason::Fragments)?,
            // Then the library uses the times in the index.
            None if has_segment_index => return Err(Reason::Fragments),
            None => {}
        }
        let mut last = None;
        for node in nodes {
            match &node.kind {
                b"trun" => last = self.read_run(node.content, &header, media)?.or(last),
                b"uuid" => uuid::check(node.content)?,
                _ => {}
            }
        }
        Ok(last)
    }

    /// Reads the content of `trun`. Returns where its samples end.
    fn read_run(
        &mut self,
        trun: &[u8],
        header: &Header,
        (media_start, media_end): (u64, u64),
    ) -> Result<Option<u64>, Reason> {
        let mut fields = FieldReader(trun);
        let mut word = || fields.word().ok_or(Reason::Fragments);
        let (flags, count) = (word()? & 0xff_ffff, word()?);
        let offset = if flags & DATA_OFFSET != 0 { i64::from(word()? as i32) } else { 0 };
        let mut position = header.base.checked_add_signed(offset).ok_or(Reason::Fragments)?;
        let usual_flags = header.flags.unwrap_or(self.defaults.flags);
        let first_flags = if flags & FIRST_FLAGS != 0 { word()? } else { usual_flags };
        if count == 0 {
            return Ok(None);
        }
        let mut time = self.end.checked_sub(self.time_offset).ok_or(Reason::Fragments)?;
        let is_audio = self.track.entry.is_audio();
        // The library hides frames of fragments that overlap in time.
        if !is_audio && self.entries.last().is_some_and(|last| last.time >= time) {
            return Err(Reason::Fragments);
        }
        for number in 0..count {
            let mut listed = |flag: u32, usual: u32| if flags & flag != 0 { word() } else { Ok(usual) };
            let duration = listed(DURATIONS, header.duration.unwrap_or(self.defaults.duration))?;
            let size = listed(SIZES, header.size.unwrap_or(self.defaults.size))?;
            let sample_flags = listed(FLAGS, if number == 0 { first_flags } else { usual_flags })?;
            let offset = i64::from(listed(OFFSETS, 0)? as i32);
            let end = position.checked_add(u64::from(size)).ok_or(Reason::Fragments)?;
            // The library changes the lowest offset.
            let is_lowest = offset == i64::from(i32::MIN);
            if size == 0 || is_lowest || position < media_start || i32::try_from(size.max(duration)).is_err()
            {
                return Err(Reason::Fragments);
            }
            if end > media_end {
                return Err(Reason::Fragments);
            }
            if self.entries.len() == MAX_ENTRIES {
                return Err(Reason::TooLarge);
            }
            let key = is_audio || sample_flags & NO_KEY == 0;
            self.entries.push(Entry { position, size, time, offset, key, hidden: false });
            time = time.checked_add(i64::from(duration)).ok_or(Reason::Fragments)?;
            position = end;
            let totals = &mut self.totals;
            let is_same = totals.frames == 0 || totals.frame_ticks.abs_diff(duration) <= 1;
            totals.frame_ticks = if is_same { duration } else { 0 };
            (totals.frames, totals.ticks) = (totals.frames + 1, totals.ticks + u64::from(duration));
            totals.shift = totals.shift.max(-offset);
        }
        self.end = time.checked_add(self.time_offset).ok_or(Reason::Fragments)?;
        self.totals.duration = self.totals.duration.max(self.end);
        Ok(Some(position))
    }

    /// Returns the index, for which the library has added up these totals when it has opened the file.
    pub(super) fn index(self, opened: Totals) -> Result<Index, Reason> {
        let duration = u64::try_from(opened.duration).map_err(|_| Reason::Duration)?;
        let start = |first: &Entry| {
            let parts = [opened.shift, first.offset, self.priming];
            parts.iter().try_fold(first.time, |start, part| start.checked_add(*part)).ok_or(Reason::Duration)
        };
        let start = self.entries.first().map(start).transpose()?;
        Ok(Index {
            start,
            entries: self.entries,
            shift: opened.shift,
            duration,
            bit_rate: None,
            timed_frames: opened.frames,
            timed_ticks: opened.ticks,
            frame_ticks: self.totals.frame_ticks,
            fragmented: true,
        })
    }
}

fn decode_time(tfdt: &[u8]) -> Option<i64> {
    let mut fields = FieldReader(tfdt);
    let (version, _) = fields.head()?;
    i64::try_from(fields.wide(version)?).ok()
}

/// Returns how much earlier than its decode time an edit list presents a sample: by the start of the media, less a
/// pause before.
fn time_offset(track: &Track<'_>, movie_scale: u32) -> Result<i64, Reason> {
    let (pause, edits) = match &track.edits[..] {
        [pause, rest @ ..] if pause.media_time == -1 => (pause.duration, rest),
        edits => (0, edits),
    };
    let pause = rescale(pause, u64::from(track.scale), u64::from(movie_scale));
    match edits {
        [] => Ok(-pause.ok_or(Reason::EditList)?),
        [edit] if edit.media_time >= 0 => {
            pause.and_then(|pause| edit.media_time.checked_sub(pause)).ok_or(Reason::EditList)
        }
        _ => Err(Reason::EditList),
    }
}

/// Returns how much of AAC the library skips: what its only edit begins with. It counts samples, and units of the track must
/// be the same.
fn priming(track: &Track<'_>) -> Result<i64, Reason> {
    let EntryContent::Audio(entry) = &track.entry.content else { return Ok(0) };
    let (Some(Codec::Aac), Some(edit)) = (&entry.codec, track.edits.last()) else { return Ok(0) };
    let skipped = edit.media_time.max(0);
    let rate = aac::declared(&entry.config).map(|config| config.sample_rate);
    if skipped == 0 || rate == Some(track.scale) { Ok(skipped) } else { Err(Reason::EditList) }
}
