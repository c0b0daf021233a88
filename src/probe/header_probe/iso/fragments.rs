//! Reads the samples that movie fragments list (ISO/IEC 14496-12, 8.8), with the times that the library gives them.

use super::super::cache::Cache;
use super::super::reason::{Reason, Stop};
use super::boxes::{allow, children, required};
use super::encryption::check_pssh;
use super::groups;
use super::index::{Index, MAX_ENTRIES, rescale_signed};
use super::movie::Movie;
use super::runs::{Header, Samples, Totals};
use super::segment_index::SegmentIndex;
use super::uuid;
use crate::probe::bytes::{Bytes, read_range};
use crate::probe::isobmff::BoxHeader;

/// The largest fragment header read, in bytes: hundreds of thousands of samples.
const MAX_FRAGMENT: u64 = 4 << 20;
/// Boxes between the header of a fragment and its data.
const MAX_BEFORE_DATA: usize = 16;

/// The text of the library's error for what it does not read.
const NOT_IMPLEMENTED: &str = "Not yet implemented in FFmpeg, patches welcome";

/// What a part of a fragment may contain that the library reads. It ignores encryption where the track has none.
const TRACK_BOXES: &[&[u8; 4]] =
    &[b"tfhd", b"tfdt", b"trun", b"sbgp", b"sgpd", b"sdtp", b"uuid", b"senc", b"saiz", b"saio"];

/// Reads the fragments of a movie into an index for each track.
pub(super) fn read(cache: &Cache<'_>, top: &[BoxHeader], movie: &Movie<'_>) -> Result<Vec<Index>, Stop> {
    let tracks: Result<Vec<_>, _> = movie.tracks.iter().map(|track| Samples::of(track, movie)).collect();
    let mut reader =
        Fragments { tracks: tracks?, has_segment_index: false, indexed: Vec::new(), starts: Vec::new() };
    let (mut has_movie, mut has_media, mut complete) = (false, false, false);
    let mut opened: Option<Vec<Totals>> = None;
    // How many fragments are read when the file is opened.
    let mut read_at_once = usize::MAX;
    for (at, found) in top.iter().enumerate() {
        match &found.kind {
            b"moov" => has_movie = true,
            b"mdat" => has_media |= found.end > found.content,
            b"moof" if !has_movie || found.content - found.start != 8 => return Err(Reason::Fragments.into()),
            b"moof" => {
                let content = read_box(cache, found)?;
                let end = data_end(&top[at..])?;
                reader.starts.push(found.start);
                let read = reader.read_fragment(cache, &content, (found.start, end));
                // The library may confuse later ones.
                refuse_at_opening(read, opened.is_none() && reader.starts.len() == 1)?;
            }
            b"sidx" if has_movie => {
                let content = read_box(cache, found)?;
                let read = reader.read_segment_index(cache, &content, found.end, movie);
                complete |= refuse_at_opening(read, opened.is_none())?;
            }
            _ => {}
        }
        // With an index of the whole file, the library reads further fragments only when it needs their samples.
        if opened.is_none() && has_movie && has_media && complete {
            opened = Some(reader.totals());
            read_at_once = reader.starts.len();
        }
    }
    // With several fragments in memory, versions of the library confuse the encryption of their samples.
    let is_encrypted = movie.tracks.iter().any(|track| track.entry.protection().is_some());
    let is_separate = reader.starts.len() == 1 && reader.indexed.is_empty()
        || read_at_once == 1 && reader.indexed == reader.starts;
    if is_encrypted && !is_separate && !reader.starts.is_empty() {
        return Err(Reason::Encrypted.into());
    }
    let last = reader.totals();
    let opened = opened.unwrap_or_else(|| last.clone());
    let is_same =
        |(opened, last): (&Totals, &Totals)| (opened.duration, opened.shift) == (last.duration, last.shift);
    if !opened.iter().zip(&last).all(is_same) {
        return Err(Reason::Fragments.into());
    }
    let size = cache.len()?;
    let indices = reader.tracks.into_iter().zip(opened).map(|(samples, totals)| {
        let mut index = samples.index(totals)?;
        // The library takes the start from the first sample that it reads.
        index.start = index.start.filter(|_| !index.is_without_data(size));
        Ok::<_, Reason>(index)
    });
    Ok(indices.collect::<Result<_, _>>()?)
}

/// Returns what was read. Where the library is not just opening the file, it does not refuse it.
fn refuse_at_opening<T>(read: Result<T, Stop>, is_opening: bool) -> Result<T, Stop> {
    match read {
        Err(Stop::Refused(_)) if !is_opening => Err(Reason::Fragments.into()),
        read => read,
    }
}

/// Returns where the data of a fragment ends, which is the first of these boxes; none if the data is missing.
fn data_end(top: &[BoxHeader]) -> Result<u64, Reason> {
    let found = top.iter().take(MAX_BEFORE_DATA).find(|found| &found.kind == b"mdat");
    match found {
        Some(media) => Ok(media.end),
        None if top.len() <= MAX_BEFORE_DATA => Ok(u64::MAX),
        None => Err(Reason::Fragments),
    }
}

/// Returns the content of a box, which the file must contain.
fn read_box(cache: &Cache<'_>, found: &BoxHeader) -> Result<Vec<u8>, Stop> {
    let length = found.end - found.content;
    if found.end > cache.len()? {
        return Err(Reason::MissingData.into());
    }
    if length > MAX_FRAGMENT {
        return Err(Reason::TooLarge.into());
    }
    Ok(read_range(cache, found.content, length as usize)?)
}

/// The fragments read so far.
struct Fragments<'a> {
    tracks: Vec<Samples<'a>>,
    has_segment_index: bool,
    /// Where fragments begin by the index of segments.
    indexed: Vec<u64>,
    /// Where fragments begin.
    starts: Vec<u64>,
}

impl Fragments<'_> {
    fn totals(&self) -> Vec<Totals> {
        self.tracks.iter().map(|samples| samples.totals.clone()).collect()
    }

    /// Reads the content of `moof`, which begins at an offset of the file and whose samples end before another.
    fn read_fragment(
        &mut self,
        cache: &Cache<'_>,
        moof: &[u8],
        (start, end): (u64, u64),
    ) -> Result<(), Stop> {
        let nodes = children(moof)?;
        allow(&nodes, &[b"traf", b"pssh", b"uuid"])?;
        // Where the samples of a track without an explicit position begin.
        let mut next = start;
        let mut ids = Vec::new();
        for node in &nodes {
            match &node.kind {
                b"traf" => {
                    let nodes = children(node.content)?;
                    allow(&nodes, TRACK_BOXES)?;
                    groups::check_fragment(&nodes)?;
                    let header = Header::read(required(&nodes, b"tfhd")?, start, next)?;
                    let samples = self.tracks.iter_mut().find(|samples| samples.track.id == header.id);
                    let samples = samples.ok_or(Reason::Fragments)?;
                    if ids.contains(&header.id) {
                        return Err(Reason::Fragments.into());
                    }
                    ids.push(header.id);
                    let (base, before) = (header.base, samples.entries.len());
                    next =
                        samples.read(&nodes, header, self.has_segment_index, (start, end))?.unwrap_or(next);
                    if let Some(protection) = samples.track.entry.protection() {
                        let count = samples.entries.len() - before;
                        protection.check(cache, &nodes, base, count as u32)?;
                    }
                }
                b"pssh" => check_pssh(node.content)?,
                b"uuid" => uuid::check(node.content)?,
                _ => {}
            }
        }
        let entries: usize = self.tracks.iter().map(|samples| samples.entries.len()).sum();
        if entries > MAX_ENTRIES { Err(Reason::TooLarge.into()) } else { Ok(()) }
    }

    /// Reads the content of `sidx`, behind which its segments begin. Returns whether it lists all of the file.
    fn read_segment_index(
        &mut self,
        cache: &Cache<'_>,
        content: &[u8],
        end: u64,
        movie: &Movie<'_>,
    ) -> Result<bool, Stop> {
        let index = SegmentIndex::read(content, end).ok_or(Reason::Fragments)?;
        let Some(at) = movie.tracks.iter().position(|track| track.id == index.id) else { return Ok(false) };
        if index.refers_to_index {
            return Err(Stop::Refused(NOT_IMPLEMENTED));
        }
        self.has_segment_index = true;
        self.indexed.extend(&index.starts);
        let scale = movie.tracks[at].scale;
        if index.scale != scale {
            return Err(Reason::Fragments.into());
        }
        let indexed = &mut self.tracks[at];
        (indexed.totals.duration, indexed.end) = (index.end_time, index.end_time);
        indexed.has_segment_index = true;
        if !index.lists_all(cache)? {
            return Ok(false);
        }
        let known: Vec<usize> =
            (0..self.tracks.len()).filter(|at| self.tracks[*at].has_segment_index).collect();
        let [known] = known[..] else {
            // With several, the order of their entries decides.
            return if known.len() == self.tracks.len() { Ok(true) } else { Err(Reason::Fragments.into()) };
        };
        let (duration, scale) = (self.tracks[known].totals.duration, movie.tracks[known].scale);
        for (samples, track) in self.tracks.iter_mut().zip(&movie.tracks) {
            if !samples.has_segment_index {
                let ticks = rescale_signed(duration, track.scale, scale).ok_or(Reason::Fragments)?;
                (samples.totals.duration, samples.end) = (ticks, ticks);
            }
        }
        Ok(true)
    }
}
