//! Compares the end of a fragmented file with its declared end (ISO/IEC 14496-12, 8.8 and 8.16).
//!
//! Only the last few fragments are read; `sidx`, `mfra` and `mehd` declare the sizes and times of the
//! others.

use std::collections::BTreeMap;
use std::io;

use super::{BoxHeader, Bytes, EmptySamples, MovieDurations, boxes, descendant, edits, read_content};
use crate::model::{Completeness, contradicts};

/// Fragments read at the end: audio and video may be in separate fragments.
const LAST_FRAGMENTS: usize = 8;
/// Fragments whose samples are counted.
const MAX_COUNTED: usize = 4096;
/// Samples read per run.
const MAX_SAMPLES: u32 = 1 << 20;
/// How much shorter the fragments may be than the duration in `mehd`, in seconds: tracks differ by a frame
/// or two.
const SLACK_S: f64 = 0.25;

/// The time scale of a track, and the default duration and size of its samples.
#[derive(Clone, Copy, Debug, Default)]
struct TrackDefaults {
    scale: u32,
    duration: u32,
    size: u32,
}

/// Reads the fields of a box in order.
struct FieldReader<'a>(&'a [u8]);

impl FieldReader<'_> {
    fn take(&mut self, bytes: usize) -> Option<u64> {
        let (number, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(number.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    fn word(&mut self) -> Option<u32> {
        self.take(4).map(|word| word as u32)
    }

    /// Reads version and flags, the start of a full box.
    fn head(&mut self) -> Option<(u8, u32)> {
        self.word().map(|word| ((word >> 24) as u8, word & 0xff_ffff))
    }

    /// Reads a number of four bytes in version 0 of a box, of eight bytes in later versions.
    fn wide(&mut self, version: u8) -> Option<u64> {
        self.take(if version == 0 { 4 } else { 8 })
    }
}

/// Where the samples of the tracks end.
#[derive(Debug, Default)]
struct FragmentEnds {
    /// The end of the last fragment read, in seconds, by track.
    by_track: BTreeMap<u32, f64>,
    /// The start of the first fragment read, in seconds.
    start_s: Option<f64>,
    /// The time of the first missing sample, in seconds.
    first_missing_s: Option<f64>,
    /// The number of samples by track, and those without data.
    samples: BTreeMap<u32, (u64, EmptySamples)>,
}

/// Compares the fragments with the declared end: `Whole` only when something declares an end.
pub(super) fn read<B: Bytes + ?Sized>(bytes: &B, top: &[BoxHeader], size: u64) -> io::Result<Completeness> {
    let moov = top.iter().find(|found| &found.kind == b"moov");
    let (tracks, declared) = match moov {
        Some(moov) => movie(bytes, moov, size)?,
        None => Default::default(),
    };
    let mut ends = FragmentEnds::default();
    let fragments: Vec<&BoxHeader> =
        top.iter().filter(|found| &found.kind == b"moof" && found.end <= size).collect();
    for moof in &fragments[fragments.len().saturating_sub(LAST_FRAGMENTS)..] {
        read_fragment(bytes, moof, size, &tracks, &mut ends)?;
    }
    let missing = |at: Option<f64>, reason: &str| {
        Ok(Completeness::Missing { first_missing_s: at, reason: reason.to_owned() })
    };
    if let Some(at) = ends.first_missing_s {
        return missing(Some(at), "the last fragment lists frames beyond the end of the file");
    }
    let first_end = ends.by_track.values().copied().reduce(f64::min);
    if top.last().is_some_and(|last| last.end > size) {
        return missing(first_end, "the last box is truncated");
    }
    let mut declares = false;
    // An index behind the last fragment shows that none is missing there. One in front may be that of a segment.
    let mut lists_end = false;
    for index in top.iter().filter(|found| &found.kind == b"sidx") {
        match missing_segment(&read_content(bytes, index)?, index.end, size) {
            Some(Some(at)) => {
                return missing(Some(at), "the index `sidx` lists segments beyond the end of the file");
            }
            listed => declares |= listed.is_some(),
        }
    }
    if let Some(mfra) = top.iter().find(|found| &found.kind == b"mfra") {
        declares = true;
        if let Some(at) = missing_random_access_point(bytes, mfra, &fragments, &tracks)? {
            return missing(Some(at), "the index `mfra` lists fragments that do not exist");
        }
        lists_end |= fragments.last().is_some_and(|last| last.end <= mfra.start);
    }
    let last_end = ends.by_track.values().copied().reduce(f64::max);
    let headers = match moov {
        Some(moov) => header_durations(bytes, moov, size)?,
        None => Vec::new(),
    };
    // Another header with the duration of the fragments shows which one lies.
    lists_end |= last_end.is_some_and(|end| headers.iter().any(|header| (header - end).abs() <= SLACK_S));
    if let Some((declared, end)) = declared.zip(last_end) {
        if end + SLACK_S < declared && !lists_end {
            let reason = format!("the declared duration is {declared:.3} s, the fragments end at {end:.3} s");
            return missing(Some(end), &reason);
        }
        declares = true;
    }
    Ok(if declares { Completeness::Whole } else { Completeness::Unknown })
}

/// Returns the id in the content of a track header.
pub(super) fn track_id(content: &[u8]) -> Option<u32> {
    let mut fields = FieldReader(content);
    let (version, _) = fields.head()?;
    fields.wide(version)?;
    fields.wide(version)?;
    fields.word()
}

/// Returns the declared duration and that of the fragments, if they contradict each other. A declared duration that is
/// too long is missing data unless the file is `complete`.
pub(super) fn durations<B: Bytes + ?Sized>(
    bytes: &B,
    top: &[BoxHeader],
    size: u64,
    complete: bool,
) -> io::Result<MovieDurations> {
    let Some(moov) = top.iter().find(|found| &found.kind == b"moov") else { return Ok(Default::default()) };
    let (tracks, declared) = movie(bytes, moov, size)?;
    // Other headers should hold zero, or the same. Their lies do not mean that data is missing.
    let others = if complete { header_durations(bytes, moov, size)? } else { Vec::new() };
    let fragments: Vec<_> = top.iter().filter(|found| &found.kind == b"moof" && found.end <= size).collect();
    let (mut first, mut last) = (FragmentEnds::default(), FragmentEnds::default());
    for moof in fragments.iter().take(LAST_FRAGMENTS) {
        read_fragment(bytes, moof, size, &tracks, &mut first)?;
    }
    for moof in &fragments[fragments.len().saturating_sub(LAST_FRAGMENTS)..] {
        read_fragment(bytes, moof, size, &tracks, &mut last)?;
    }
    let end_s = last.by_track.values().copied().reduce(f64::max);
    let start_s = first.start_s.unwrap_or(0.0);
    // A part of a longer video keeps its clock; either meaning of the declared duration is right.
    let Some(end_s) = end_s else { return Ok(Default::default()) };
    let is_wrong = |declared_s: &f64| {
        (complete || end_s - start_s > *declared_s)
            && contradicts(*declared_s, end_s)
            && contradicts(*declared_s, end_s - start_s)
    };
    // Other headers may only count the samples that the movie itself lists.
    let longer = others.into_iter().filter(|other| *other > end_s);
    Ok(match declared.into_iter().chain(longer).find(is_wrong) {
        Some(declared_s) => {
            MovieDurations { measured_s: Some(end_s - start_s), contradicted_s: Some(declared_s) }
        }
        None => MovieDurations::default(),
    })
}

/// Returns the durations above zero that the headers of the movie and of its tracks' media declare, in seconds.
fn header_durations<B: Bytes + ?Sized>(bytes: &B, moov: &BoxHeader, size: u64) -> io::Result<Vec<f64>> {
    let mut durations = Vec::new();
    let mut add = |content: &[u8]| {
        durations.extend(super::durations::declared_s(content).filter(|declared| *declared > 0.0));
    };
    let inside = boxes(bytes, moov.content, moov.end.min(size))?;
    if let Some(mvhd) = inside.iter().find(|found| &found.kind == b"mvhd") {
        add(&read_content(bytes, mvhd)?);
    }
    for trak in inside.iter().filter(|found| &found.kind == b"trak") {
        if let Some(mdhd) = descendant(bytes, trak, &[b"mdia", b"mdhd"])? {
            add(&read_content(bytes, &mdhd)?);
        }
    }
    Ok(durations)
}

/// The samples of a track in the fragments.
#[derive(Clone, Debug, Default)]
pub(super) struct CountedSamples {
    /// Their number.
    pub(super) count: u64,
    /// Those without data.
    pub(super) empty: EmptySamples,
    /// How long they last after the start of the first fragment in seconds, if all fragments were read.
    pub(super) duration_s: Option<f64>,
}

/// Returns the samples of the tracks by id.
pub(super) fn counted_samples<B: Bytes + ?Sized>(
    bytes: &B,
    top: &[BoxHeader],
) -> io::Result<BTreeMap<u32, CountedSamples>> {
    let size = bytes.len()?;
    let Some(moov) = top.iter().find(|found| &found.kind == b"moov") else { return Ok(BTreeMap::new()) };
    let (tracks, _) = movie(bytes, moov, size)?;
    let mut ends = FragmentEnds::default();
    let complete: Vec<_> = top.iter().filter(|found| &found.kind == b"moof" && found.end <= size).collect();
    for moof in complete.iter().take(MAX_COUNTED) {
        read_fragment(bytes, moof, size, &tracks, &mut ends)?;
    }
    let FragmentEnds { by_track, start_s, samples, .. } = ends;
    let end_of = |id: &u32| by_track.get(id).copied().filter(|_| complete.len() <= MAX_COUNTED);
    let counted = samples.into_iter().map(|(id, (count, empty))| {
        let duration_s = end_of(&id).map(|end| end - start_s.unwrap_or(0.0));
        (id, CountedSamples { count, empty, duration_s })
    });
    Ok(counted.collect())
}

/// Returns the tracks by id, and the declared duration including all fragments, in seconds.
fn movie<B: Bytes + ?Sized>(
    bytes: &B,
    moov: &BoxHeader,
    size: u64,
) -> io::Result<(BTreeMap<u32, TrackDefaults>, Option<f64>)> {
    let mut tracks = BTreeMap::<u32, TrackDefaults>::new();
    let mut declared: Option<u64> = None;
    let inside = boxes(bytes, moov.content, moov.end.min(size))?;
    for trak in inside.iter().filter(|found| &found.kind == b"trak") {
        let Some(tkhd) = descendant(bytes, trak, &[b"tkhd"])? else { continue };
        let Some(mdhd) = descendant(bytes, trak, &[b"mdia", b"mdhd"])? else { continue };
        let id = track_id(&read_content(bytes, &tkhd)?);
        if let Some((id, (scale, _))) = id.zip(edits::timescale(&read_content(bytes, &mdhd)?)) {
            tracks.insert(id, TrackDefaults { scale, ..TrackDefaults::default() });
        }
    }
    let Some(mvex) = inside.iter().find(|found| &found.kind == b"mvex") else { return Ok((tracks, None)) };
    for found in boxes(bytes, mvex.content, mvex.end.min(size))? {
        let content = read_content(bytes, &found)?;
        let mut fields = FieldReader(&content);
        let Some((version, _)) = fields.head() else { continue };
        if &found.kind == b"trex" {
            let mut word = || fields.word();
            let defaults = (word(), word(), word(), word());
            let (Some(id), _, Some(duration), Some(size)) = defaults else { continue };
            tracks.entry(id).and_modify(|track| (track.duration, track.size) = (duration, size));
        }
        if &found.kind == b"mehd" {
            declared = fields.wide(version).filter(|&duration| duration > 0);
        }
    }
    let scale = match inside.iter().find(|found| &found.kind == b"mvhd") {
        Some(mvhd) => edits::timescale(&read_content(bytes, mvhd)?).map(|(scale, _)| scale),
        None => None,
    };
    Ok((tracks, declared.zip(scale).map(|(declared, scale)| declared as f64 / f64::from(scale))))
}

/// Reads the runs of one fragment.
fn read_fragment<B: Bytes + ?Sized>(
    bytes: &B,
    moof: &BoxHeader,
    size: u64,
    tracks: &BTreeMap<u32, TrackDefaults>,
    ends: &mut FragmentEnds,
) -> io::Result<()> {
    for traf in boxes(bytes, moof.content, moof.end)? {
        if &traf.kind != b"traf" {
            continue;
        }
        let mut run: Option<SampleRun> = None;
        for found in boxes(bytes, traf.content, traf.end.min(moof.end))? {
            let content = read_content(bytes, &found)?;
            match (&found.kind, &mut run) {
                (b"tfhd", _) => run = SampleRun::new(&content, moof.start, tracks),
                (b"tfdt", Some(run)) => {
                    run.decode_time = start_time(&content);
                    let start_s = run.decode_time.map(|time| time as f64 / f64::from(run.track.scale));
                    ends.start_s = [ends.start_s, start_s].into_iter().flatten().reduce(f64::min);
                }
                (b"trun", Some(run)) => run.read(&content, size, ends),
                _ => {}
            }
        }
        if let Some(SampleRun { id, decode_time: Some(end), track, .. }) = run {
            ends.by_track.insert(id, end as f64 / f64::from(track.scale));
        }
    }
    Ok(())
}

/// Returns the start of each track in a fragment, in units of the track.
pub(super) fn start_times<B: Bytes + ?Sized>(bytes: &B, moof: &BoxHeader) -> io::Result<BTreeMap<u32, u64>> {
    let mut times = BTreeMap::new();
    for traf in boxes(bytes, moof.content, moof.end)?.iter().filter(|found| &found.kind == b"traf") {
        let (mut id, mut time) = (None, None);
        for found in boxes(bytes, traf.content, traf.end.min(moof.end))? {
            match &found.kind {
                b"tfhd" => id = track_id(&read_content(bytes, &found)?),
                b"tfdt" => time = start_time(&read_content(bytes, &found)?),
                _ => {}
            }
        }
        times.extend(id.zip(time));
    }
    Ok(times)
}

fn start_time(tfdt: &[u8]) -> Option<u64> {
    let mut fields = FieldReader(tfdt);
    let (version, _) = fields.head()?;
    fields.wide(version)
}

/// The samples of a track in a fragment.
struct SampleRun {
    id: u32,
    track: TrackDefaults,
    base: u64,
    /// Offset of the next sample in the file.
    offset: u64,
    /// Decode time of the next sample, when the fragment states it.
    decode_time: Option<u64>,
}

impl SampleRun {
    /// Creates a run from the content of `tfhd`.
    fn new(content: &[u8], moof: u64, tracks: &BTreeMap<u32, TrackDefaults>) -> Option<SampleRun> {
        let mut fields = FieldReader(content);
        let (_, flags) = fields.head()?;
        let id = fields.word()?;
        let mut track = *tracks.get(&id)?;
        let base = if flags & 1 != 0 { fields.take(8)? } else { moof };
        if flags & 2 != 0 {
            fields.word()?;
        }
        if flags & 8 != 0 {
            track.duration = fields.word()?;
        }
        if flags & 0x10 != 0 {
            track.size = fields.word()?;
        }
        Some(SampleRun { id, track, base, offset: base, decode_time: None })
    }

    /// Reads the samples of a `trun`.
    fn read(&mut self, content: &[u8], end_of_file: u64, ends: &mut FragmentEnds) {
        let mut fields = FieldReader(content);
        let Some(((_, flags), count)) = fields.head().zip(fields.word()) else { return };
        if flags & 1 != 0 {
            let Some(offset) = fields.word() else { return };
            self.offset = self.base.saturating_add_signed(i64::from(offset as i32));
        }
        if flags & 4 != 0 {
            fields.word();
        }
        for _ in 0..count.min(MAX_SAMPLES) {
            let mut listed = |flag: u32| if flags & flag != 0 { fields.word().map(Some) } else { Some(None) };
            let Some((duration, size)) = listed(0x100).zip(listed(0x200)) else { return };
            let Some(((), offset)) = listed(0x400).map(|_| ()).zip(listed(0x800)) else { return };
            let size = size.unwrap_or(self.track.size);
            let (count, empty) = ends.samples.entry(self.id).or_default();
            *count += 1;
            if size == 0 {
                let offset = i64::from(offset.unwrap_or(0) as i32);
                let time = self.decode_time.map(|time| time.saturating_add_signed(offset));
                empty.add(time.map(|time| time as f64 / f64::from(self.track.scale)));
            }
            self.offset = self.offset.saturating_add(u64::from(size));
            if self.offset > end_of_file {
                if let Some(time) = self.decode_time {
                    let at = time as f64 / f64::from(self.track.scale);
                    ends.first_missing_s = Some(ends.first_missing_s.map_or(at, |first| first.min(at)));
                }
                return;
            }
            let duration = u64::from(duration.unwrap_or(self.track.duration));
            self.decode_time = self.decode_time.map(|time| time.saturating_add(duration));
        }
    }
}

/// Returns the start time, in seconds, of the first incomplete segment that the content of `sidx` lists;
/// `Some(None)` when all are complete, `None` when the box lists no segment.
fn missing_segment(content: &[u8], anchor: u64, end_of_file: u64) -> Option<Option<f64>> {
    let mut fields = FieldReader(content);
    let (version, _) = fields.head()?;
    fields.word()?; // reference_ID
    let scale = fields.word().filter(|&scale| scale > 0)?;
    let mut time = fields.wide(version)?;
    let mut offset = anchor.saturating_add(fields.wide(version)?);
    let count = fields.word()? & 0xffff;
    for _ in 0..count {
        let (size, duration) = (fields.word()? & 0x7fff_ffff, fields.word()?);
        fields.word()?; // access points
        offset = offset.saturating_add(u64::from(size));
        if offset > end_of_file {
            return Some(Some(time as f64 / f64::from(scale)));
        }
        time = time.saturating_add(u64::from(duration));
    }
    (count > 0).then_some(None)
}

/// Returns the time, in seconds, of the first entry of `mfra` that does not point to a fragment.
fn missing_random_access_point<B: Bytes + ?Sized>(
    bytes: &B,
    mfra: &BoxHeader,
    fragments: &[&BoxHeader],
    tracks: &BTreeMap<u32, TrackDefaults>,
) -> io::Result<Option<f64>> {
    let mut first: Option<f64> = None;
    for tfra in boxes(bytes, mfra.content, mfra.end)?.iter().filter(|found| &found.kind == b"tfra") {
        let content = read_content(bytes, tfra)?;
        let Some((id, points)) = random_access_points(&content) else { continue };
        let Some(track) = tracks.get(&id) else { continue };
        // A header that was rewritten later moves all fragments by the same distance.
        let moved = points.first().zip(fragments.first());
        let moved = moved.map_or(0, |((_, offset), moof)| moof.start.wrapping_sub(*offset));
        let exists = |offset: u64| fragments.binary_search_by_key(&offset, |moof| moof.start).is_ok();
        let all_moved = points.iter().all(|(_, offset)| exists(offset.wrapping_add(moved)));
        for (time, offset) in points {
            if !all_moved && !exists(offset) {
                let at = time as f64 / f64::from(track.scale);
                first = Some(first.map_or(at, |first| first.min(at)));
            }
        }
    }
    Ok(first)
}

/// Returns the track id in the content of `tfra`, with the time and the offset of each entry.
fn random_access_points(content: &[u8]) -> Option<(u32, Vec<(u64, u64)>)> {
    let mut fields = FieldReader(content);
    let (version, _) = fields.head()?;
    let (id, lengths, count) = (fields.word()?, fields.word()?, fields.word()?);
    let rest = [lengths >> 4, lengths >> 2, lengths].map(|length| (length & 3) as usize + 1).iter().sum();
    let mut points = Vec::new();
    for _ in 0..count {
        let Some(point) = fields.wide(version).zip(fields.wide(version)) else { break };
        points.push(point);
        if fields.take(rest).is_none() {
            break;
        }
    }
    Some((id, points))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::read;
    use crate::model::Completeness;

    fn make(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32 + 8).to_be_bytes(), &kind[..], content].concat()
    }

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    /// A `moov` with one track of 10 ticks per second; `declared` is a duration in tenths of a second, 0 for none.
    fn moov(declared: u32) -> Vec<u8> {
        let mdhd = make(b"mdhd", &words(&[0, 0, 0, 10, 0, 0]));
        let trak = [make(b"tkhd", &words(&[0, 0, 0, 1])), make(b"mdia", &mdhd)].concat();
        let trex = make(b"trex", &words(&[0, 1, 1, 5, 100, 0]));
        let mehd = if declared > 0 { make(b"mehd", &words(&[0, declared])) } else { Vec::new() };
        let inside = [
            make(b"mvhd", &words(&[0, 0, 0, 10, 0])),
            make(b"trak", &trak),
            make(b"mvex", &[mehd, trex].concat()),
        ];
        make(b"moov", &inside.concat())
    }

    /// Two samples of half a second and 100 bytes each, from `at` tenths of a second on.
    fn fragment(at: u32) -> Vec<u8> {
        let run = |offset: u32| {
            [
                make(b"tfhd", &words(&[0, 1])),
                make(b"tfdt", &words(&[0, at])),
                make(b"trun", &words(&[1, 2, offset])),
            ]
            .concat()
        };
        let moof = |offset| make(b"moof", &make(b"traf", &run(offset)));
        let length = moof(0).len() as u32 + 8;
        [moof(length), make(b"mdat", &[0; 200])].concat()
    }

    fn completeness(file: &[u8]) -> Completeness {
        read(file).unwrap().unwrap().completeness
    }

    fn missing(file: &[u8]) -> Option<f64> {
        match completeness(file) {
            Completeness::Missing { first_missing_s, .. } => first_missing_s,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn finds_the_first_missing_sample_of_a_truncated_fragment() {
        let video = [moov(0), fragment(0), fragment(10), fragment(20)].concat();
        assert_eq!(missing(&video[..video.len() - 1]), Some(2.5));
        assert_eq!(missing(&video[..video.len() - 101]), Some(2.0));
        // Within the last `moof`.
        assert_eq!(missing(&video[..video.len() - 220]), Some(2.0));
        // A file that ends between two fragments looks complete.
        assert_eq!(completeness(&video), Completeness::Unknown);
    }

    #[test]
    fn compares_the_declared_duration() {
        assert_eq!(completeness(&[moov(20), fragment(0), fragment(10)].concat()), Completeness::Whole);
        assert_eq!(missing(&[moov(30), fragment(0), fragment(10)].concat()), Some(2.0));
    }

    #[test]
    fn an_index_at_the_end_shows_that_a_longer_duration_is_a_lie() {
        let index = |header: &[u8], moved: u32| {
            let offset = |number: usize| (header.len() + number * fragment(0).len()) as u32 + moved;
            let entries =
                [words(&[0, 1, 0, 2, 0, offset(0)]), vec![1; 3], words(&[10, offset(1)]), vec![1; 3]];
            make(b"mfra", &make(b"tfra", &entries.concat()))
        };
        let header = moov(900);
        for moved in [0, 12] {
            let video = [header.clone(), fragment(0), fragment(10), index(&header, moved)].concat();
            let layout = read(&video[..]).unwrap().unwrap();
            assert_eq!(layout.completeness, Completeness::Whole, "moved by {moved}");
            assert_eq!(
                (layout.durations.contradicted_s, layout.durations.measured_s),
                (Some(90.0), Some(2.0))
            );
        }
        // The last fragment is missing although the index lists it.
        let truncated = [header.clone(), fragment(0), index(&header, 0)].concat();
        assert_eq!(missing(&truncated), Some(1.0));
    }

    #[test]
    fn counts_samples_without_data() {
        let run = [
            make(b"tfhd", &words(&[0, 1])),
            make(b"tfdt", &words(&[0, 20])),
            make(b"trun", &words(&[0x201, 3, 100, 50, 0, 50])),
        ];
        let last = [make(b"moof", &make(b"traf", &run.concat())), make(b"mdat", &[0; 200])].concat();
        let video = [moov(0), fragment(0), last].concat();
        let top = super::boxes(&video[..], 0, video.len() as u64).unwrap();
        let counted = super::counted_samples(&video[..], &top).unwrap();
        let found = &counted[&1];
        assert_eq!((found.count, found.empty.count, &found.empty.at_s[..]), (5, 1, &[2.5][..]));
        assert_eq!(found.duration_s, Some(3.5));
    }

    #[test]
    fn compares_the_segment_index() {
        let length = fragment(0).len() as u32;
        let list = words(&[0, 1, 10, 0, 0, 2, length, 10, 0, length, 10, 0]);
        let video = [moov(0), make(b"sidx", &list), fragment(0), fragment(10)].concat();
        assert_eq!(completeness(&video), Completeness::Whole);
        assert_eq!(missing(&video[..video.len() - length as usize]), Some(1.0));
    }

    #[test]
    fn compares_the_random_access_index() {
        let video = [moov(0), fragment(0), fragment(10)].concat();
        let offset = |number: usize| (moov(0).len() + number * fragment(0).len()) as u32;
        let index = |second: u32| {
            let entries =
                [words(&[0, 1, 0, 2, 0, offset(0)]), vec![1; 3], words(&[10, second]), vec![1; 3]].concat();
            make(b"mfra", &make(b"tfra", &entries))
        };
        assert_eq!(completeness(&[video.clone(), index(offset(1))].concat()), Completeness::Whole);
        assert_eq!(missing(&[video, index(offset(2))].concat()), Some(1.0));
    }
}
