//! Films in fragments (ISO/IEC 14496-12, 8.8 and 8.16): how far they go, and how far they should.
//!
//! Only the last few fragments are read; the sizes and times of the others follow from `sidx`, `mfra`
//! and `mehd`, which are what such a video declares about itself.

use std::collections::BTreeMap;
use std::io;

use super::{Bytes, Found, boxes, edits, leaf};
use crate::model::Completeness;

/// Fragments read: audio and picture may each have their own.
const LAST_FRAGMENTS: usize = 8;
/// Samples of one run looked at.
const MAX_SAMPLES: u32 = 1 << 20;
/// How much shorter the fragments may be than `mehd` says, in seconds: tracks differ by a frame or two.
const SLACK_S: f64 = 0.25;

/// What `moov` says about a track.
#[derive(Clone, Copy, Debug, Default)]
struct Track {
    scale: u32,
    duration: u32,
    size: u32,
}

/// Numbers of a box, one after the other.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn take(&mut self, bytes: usize) -> Option<u64> {
        let (number, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(number.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    fn word(&mut self) -> Option<u32> {
        self.take(4).map(|word| word as u32)
    }

    /// Version and flags, with which a full box begins.
    fn head(&mut self) -> Option<(u8, u32)> {
        self.word().map(|word| ((word >> 24) as u8, word & 0xff_ffff))
    }

    /// A number of eight bytes in later versions of a box.
    fn wide(&mut self, version: u8) -> Option<u64> {
        self.take(if version == 0 { 4 } else { 8 })
    }
}

/// How far the tracks go.
#[derive(Debug, Default)]
struct Reach {
    /// The end of the last fragment read, by track.
    ends: BTreeMap<u32, f64>,
    /// The first sample that is not there.
    missing: Option<f64>,
}

/// Compares what there is with what is declared: `Whole` only where something declares an end.
pub(super) fn read<B: Bytes + ?Sized>(bytes: &B, top: &[Found], size: u64) -> io::Result<Completeness> {
    let moov = top.iter().find(|found| &found.kind == b"moov");
    let (tracks, declared) = match moov {
        Some(moov) => movie(bytes, moov, size)?,
        None => Default::default(),
    };
    let mut reach = Reach::default();
    let fragments: Vec<&Found> =
        top.iter().filter(|found| &found.kind == b"moof" && found.end <= size).collect();
    for moof in &fragments[fragments.len().saturating_sub(LAST_FRAGMENTS)..] {
        fragment(bytes, moof, size, &tracks, &mut reach)?;
    }
    let lost = |at: Option<f64>, reason: &str| {
        Ok(Completeness::Missing { first_missing_s: at, reason: reason.to_owned() })
    };
    if let Some(at) = reach.missing {
        return lost(Some(at), "the last fragment lists frames beyond the end of the file");
    }
    let first_end = reach.ends.values().copied().reduce(f64::min);
    if top.last().is_some_and(|last| last.end > size) {
        return lost(first_end, "the last box is cut short");
    }
    let mut declares = false;
    for index in top.iter().filter(|found| &found.kind == b"sidx") {
        match segments(&leaf(bytes, index)?, index.end, size) {
            Some(Some(at)) => {
                return lost(Some(at), "the index `sidx` lists segments beyond the end of the file");
            }
            found => declares |= found.is_some(),
        }
    }
    if let Some(mfra) = top.iter().find(|found| &found.kind == b"mfra") {
        declares = true;
        if let Some(at) = random_access(bytes, mfra, &fragments, &tracks)? {
            return lost(Some(at), "the index `mfra` lists fragments that are not there");
        }
    }
    let last_end = reach.ends.values().copied().reduce(f64::max);
    if let Some((declared, end)) = declared.zip(last_end) {
        if end + SLACK_S < declared {
            let reason = format!("the file declares {declared:.3} s, its fragments end at {end:.3} s");
            return lost(Some(end), &reason);
        }
        declares = true;
    }
    Ok(if declares { Completeness::Whole } else { Completeness::Unknown })
}

fn child<B: Bytes + ?Sized>(bytes: &B, of: &Found, kind: &[u8; 4], size: u64) -> io::Result<Option<Found>> {
    let inside = boxes(bytes, of.content, of.end.min(size))?;
    Ok(inside.into_iter().find(|found| &found.kind == kind))
}

/// The tracks by their ids, and the duration with all fragments in seconds.
fn movie<B: Bytes + ?Sized>(
    bytes: &B,
    moov: &Found,
    size: u64,
) -> io::Result<(BTreeMap<u32, Track>, Option<f64>)> {
    let mut tracks = BTreeMap::<u32, Track>::new();
    let mut declared: Option<u64> = None;
    let inside = boxes(bytes, moov.content, moov.end.min(size))?;
    for trak in inside.iter().filter(|found| &found.kind == b"trak") {
        let Some(tkhd) = child(bytes, trak, b"tkhd", size)? else { continue };
        let Some(mdia) = child(bytes, trak, b"mdia", size)? else { continue };
        let Some(mdhd) = child(bytes, &mdia, b"mdhd", size)? else { continue };
        let content = leaf(bytes, &tkhd)?;
        let id = || {
            let mut numbers = Numbers(&content);
            let (version, _) = numbers.head()?;
            numbers.wide(version)?;
            numbers.wide(version)?;
            numbers.word()
        };
        if let Some((id, (scale, _))) = id().zip(edits::timescale(&leaf(bytes, &mdhd)?)) {
            tracks.insert(id, Track { scale, ..Track::default() });
        }
    }
    let Some(mvex) = inside.iter().find(|found| &found.kind == b"mvex") else { return Ok((tracks, None)) };
    for found in boxes(bytes, mvex.content, mvex.end.min(size))? {
        let content = leaf(bytes, &found)?;
        let mut numbers = Numbers(&content);
        let Some((version, _)) = numbers.head() else { continue };
        if &found.kind == b"trex" {
            let mut word = || numbers.word();
            let defaults = (word(), word(), word(), word());
            let (Some(id), _, Some(duration), Some(size)) = defaults else { continue };
            tracks.entry(id).and_modify(|track| (track.duration, track.size) = (duration, size));
        }
        if &found.kind == b"mehd" {
            declared = numbers.wide(version).filter(|&duration| duration > 0);
        }
    }
    let scale = match inside.iter().find(|found| &found.kind == b"mvhd") {
        Some(mvhd) => edits::timescale(&leaf(bytes, mvhd)?).map(|(scale, _)| scale),
        None => None,
    };
    Ok((tracks, declared.zip(scale).map(|(declared, scale)| declared as f64 / f64::from(scale))))
}

/// Follows the runs of one fragment.
fn fragment<B: Bytes + ?Sized>(
    bytes: &B,
    moof: &Found,
    size: u64,
    tracks: &BTreeMap<u32, Track>,
    reach: &mut Reach,
) -> io::Result<()> {
    for traf in boxes(bytes, moof.content, moof.end)? {
        if &traf.kind != b"traf" {
            continue;
        }
        let mut run: Option<Run> = None;
        for found in boxes(bytes, traf.content, traf.end.min(moof.end))? {
            let content = leaf(bytes, &found)?;
            match (&found.kind, &mut run) {
                (b"tfhd", _) => run = Run::begin(&content, moof.start, tracks),
                (b"tfdt", Some(run)) => run.at = start(&content),
                (b"trun", Some(run)) => run.follow(&content, size, reach),
                _ => {}
            }
        }
        if let Some(Run { id, at: Some(at), track, .. }) = run {
            reach.ends.insert(id, at as f64 / f64::from(track.scale));
        }
    }
    Ok(())
}

fn start(tfdt: &[u8]) -> Option<u64> {
    let mut numbers = Numbers(tfdt);
    let (version, _) = numbers.head()?;
    numbers.wide(version)
}

/// The samples of a track in a fragment, one after the other.
struct Run {
    id: u32,
    track: Track,
    base: u64,
    /// Where the next sample lies.
    place: u64,
    /// When it is decoded, where the fragment says so.
    at: Option<u64>,
}

impl Run {
    /// By the content of `tfhd`.
    fn begin(content: &[u8], moof: u64, tracks: &BTreeMap<u32, Track>) -> Option<Run> {
        let mut numbers = Numbers(content);
        let (_, flags) = numbers.head()?;
        let id = numbers.word()?;
        let mut track = *tracks.get(&id)?;
        let base = if flags & 1 != 0 { numbers.take(8)? } else { moof };
        if flags & 2 != 0 {
            numbers.word()?;
        }
        if flags & 8 != 0 {
            track.duration = numbers.word()?;
        }
        if flags & 0x10 != 0 {
            track.size = numbers.word()?;
        }
        Some(Run { id, track, base, place: base, at: None })
    }

    /// Goes over the samples of a `trun`.
    fn follow(&mut self, content: &[u8], end_of_file: u64, reach: &mut Reach) {
        let mut numbers = Numbers(content);
        let Some(((_, flags), count)) = numbers.head().zip(numbers.word()) else { return };
        if flags & 1 != 0 {
            let Some(offset) = numbers.word() else { return };
            self.place = self.base.saturating_add_signed(i64::from(offset as i32));
        }
        if flags & 4 != 0 {
            numbers.word();
        }
        for _ in 0..count.min(MAX_SAMPLES) {
            let mut listed =
                |flag: u32| if flags & flag != 0 { numbers.word().map(Some) } else { Some(None) };
            let Some((duration, size)) = listed(0x100).zip(listed(0x200)) else { return };
            if listed(0x400).is_none() || listed(0x800).is_none() {
                return;
            }
            self.place = self.place.saturating_add(u64::from(size.unwrap_or(self.track.size)));
            if self.place > end_of_file {
                if let Some(at) = self.at {
                    let at = at as f64 / f64::from(self.track.scale);
                    reach.missing = Some(reach.missing.map_or(at, |first| first.min(at)));
                }
                return;
            }
            let duration = u64::from(duration.unwrap_or(self.track.duration));
            self.at = self.at.map(|at| at.saturating_add(duration));
        }
    }
}

/// By the content of `sidx`: when the first segment begins that is not all there. `None` when the
/// box lists nothing.
fn segments(content: &[u8], anchor: u64, end_of_file: u64) -> Option<Option<f64>> {
    let mut numbers = Numbers(content);
    let (version, _) = numbers.head()?;
    numbers.word()?; // reference_ID
    let scale = numbers.word().filter(|&scale| scale > 0)?;
    let mut at = numbers.wide(version)?;
    let mut place = anchor.saturating_add(numbers.wide(version)?);
    let count = numbers.word()? & 0xffff;
    for _ in 0..count {
        let (size, duration) = (numbers.word()? & 0x7fff_ffff, numbers.word()?);
        numbers.word()?; // access points
        place = place.saturating_add(u64::from(size));
        if place > end_of_file {
            return Some(Some(at as f64 / f64::from(scale)));
        }
        at = at.saturating_add(u64::from(duration));
    }
    (count > 0).then_some(None)
}

/// The time of the first entry of `mfra` that points to no fragment.
fn random_access<B: Bytes + ?Sized>(
    bytes: &B,
    mfra: &Found,
    fragments: &[&Found],
    tracks: &BTreeMap<u32, Track>,
) -> io::Result<Option<f64>> {
    let mut first: Option<f64> = None;
    for tfra in boxes(bytes, mfra.content, mfra.end)?.iter().filter(|found| &found.kind == b"tfra") {
        let content = leaf(bytes, tfra)?;
        let mut numbers = Numbers(&content);
        let Some((version, _)) = numbers.head() else { continue };
        let Some((id, (lengths, count))) = numbers.word().zip(numbers.word().zip(numbers.word())) else {
            continue;
        };
        let Some(track) = tracks.get(&id) else { continue };
        let rest = [lengths >> 4, lengths >> 2, lengths].map(|length| (length & 3) as usize + 1).iter().sum();
        for _ in 0..count {
            let Some((time, place)) = numbers.wide(version).zip(numbers.wide(version)) else { break };
            if fragments.binary_search_by_key(&place, |moof| moof.start).is_err() {
                let at = time as f64 / f64::from(track.scale);
                first = Some(first.map_or(at, |first| first.min(at)));
            }
            if numbers.take(rest).is_none() {
                break;
            }
        }
    }
    Ok(first)
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

    /// One track of 10 ticks a second; `declared` in tenths of a second, 0 for nothing.
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

    fn found(file: &[u8]) -> Completeness {
        read(file).unwrap().unwrap().completeness
    }

    fn missing(file: &[u8]) -> Option<f64> {
        match found(file) {
            Completeness::Missing { first_missing_s, .. } => first_missing_s,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_cut_fragment_ends_where_its_samples_do() {
        let video = [moov(0), fragment(0), fragment(10), fragment(20)].concat();
        assert_eq!(missing(&video[..video.len() - 1]), Some(2.5));
        assert_eq!(missing(&video[..video.len() - 101]), Some(2.0));
        // Within the last `moof`.
        assert_eq!(missing(&video[..video.len() - 220]), Some(2.0));
        // Between two fragments nothing shows.
        assert_eq!(found(&video), Completeness::Unknown);
    }

    #[test]
    fn the_declared_duration_is_compared() {
        assert_eq!(found(&[moov(20), fragment(0), fragment(10)].concat()), Completeness::Whole);
        assert_eq!(missing(&[moov(30), fragment(0), fragment(10)].concat()), Some(2.0));
    }

    #[test]
    fn the_segment_index_is_compared() {
        let length = fragment(0).len() as u32;
        let list = words(&[0, 1, 10, 0, 0, 2, length, 10, 0, length, 10, 0]);
        let video = [moov(0), make(b"sidx", &list), fragment(0), fragment(10)].concat();
        assert_eq!(found(&video), Completeness::Whole);
        assert_eq!(missing(&video[..video.len() - length as usize]), Some(1.0));
    }

    #[test]
    fn the_random_access_index_is_compared() {
        let video = [moov(0), fragment(0), fragment(10)].concat();
        let place = |number: usize| (moov(0).len() + number * fragment(0).len()) as u32;
        let index = |second: u32| {
            let entries =
                [words(&[0, 1, 0, 2, 0, place(0)]), vec![1; 3], words(&[10, second]), vec![1; 3]].concat();
            make(b"mfra", &make(b"tfra", &entries))
        };
        assert_eq!(found(&[video.clone(), index(place(1))].concat()), Completeness::Whole);
        assert_eq!(missing(&[video, index(place(2))].concat()), Some(1.0));
    }
}
