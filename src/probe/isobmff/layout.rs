//! The facts from the boxes of a file.

use std::io;

use super::boxes::{BoxHeader, MAX_BOXES, boxes, read_content};
use super::durations::MovieDurations;
use super::track::{IsoTrack, Movie};
use super::{durations, edits, fragments, joined, protection};
use crate::model::Completeness;
use crate::probe::bytes::Bytes;

/// The facts from the boxes of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IsoLayout {
    /// The first brand of `ftyp`.
    pub major_brand: Option<String>,
    /// Whether `moov` is before the first `mdat`.
    pub fast_start: Option<bool>,
    /// Whether the file has movie fragments.
    pub fragmented: bool,
    /// Whether the file contains all declared boxes and all fragments listed in indices.
    pub completeness: Completeness,
    /// Where another recording begins that players do not show, in bytes.
    pub second_recording_byte: Option<u64>,
    /// Whether there is a `moov` box.
    pub indexed: bool,
    /// The tracks, in file order.
    pub tracks: Vec<IsoTrack>,
    /// The declared and the measured duration.
    pub durations: MovieDurations,
}

impl IsoLayout {
    /// Returns why the file has no index; `None` when it has one.
    pub fn missing_index_reason(&self) -> Option<String> {
        let cause = match &self.completeness {
            _ if self.indexed || self.fast_start.is_some() => return None,
            Completeness::Missing { reason, .. } => format!("the file is truncated: {reason}"),
            _ if self.fragmented => {
                "this is a segment of a video; join it to the initialization segment".into()
            }
            _ => "the recording was not finished, or the end of the file is missing".into(),
        };
        Some(format!("the index (`moov`) is missing: {cause}"))
    }
}

/// The boxes that a file may begin with.
const FIRST: [&[u8; 4]; 10] =
    [b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"styp", b"moof", b"sidx", b"uuid"];

/// Reads the boxes of a file; `None` when it is not an ISO file.
///
/// # Errors
/// Fails only when reading fails.
pub fn read<B: Bytes + ?Sized>(bytes: &B) -> io::Result<Option<IsoLayout>> {
    let size = bytes.len()?;
    let top = boxes(bytes, 0, size)?;
    if !top.first().is_some_and(|first| FIRST.contains(&&first.kind)) {
        return Ok(None);
    }
    let find = |kind: &[u8; 4]| top.iter().find(|found| &found.kind == kind);
    let (moov, mdat) = (find(b"moov"), find(b"mdat"));
    let mut layout = IsoLayout {
        major_brand: major_brand(bytes, &top)?,
        fast_start: moov.zip(mdat).map(|(moov, mdat)| moov.start < mdat.start),
        fragmented: find(b"moof").is_some(),
        indexed: moov.is_some() || find(b"meta").is_some(),
        ..IsoLayout::default()
    };
    let inside = match moov {
        Some(moov) => boxes(bytes, moov.content, moov.end.min(size))?,
        None => Vec::new(),
    };
    layout.fragmented |= inside.iter().any(|found| &found.kind == b"mvex");
    layout.tracks = tracks(bytes, &inside, layout.fragmented)?;
    let fragments = match layout.fragmented {
        true => fragments::read(bytes, &top, size)?,
        false => Completeness::Whole,
    };
    if let Some(moov) = moov {
        if layout.fragmented {
            mark_encrypted_fragments(bytes, &top, &mut layout.tracks)?;
            let complete = is_whole(&top, size) && fragments == Completeness::Whole;
            layout.durations = fragments::durations(bytes, &top, size, complete)?;
            add_fragment_samples(bytes, &top, &mut layout.tracks)?;
        } else {
            let tracks: Vec<_> = layout.tracks.iter().map(|track| &track.durations).collect();
            layout.durations = durations::movie(bytes, moov, &tracks)?;
        }
    }
    layout.second_recording_byte = joined::second_recording(bytes, &top)?;
    layout.completeness = completeness(&layout.tracks, &top, size, fragments);
    Ok(Some(layout))
}

/// Returns whether the movie header says that samples are in movie fragments.
pub(crate) fn declares_fragments<B: Bytes + ?Sized>(bytes: &B) -> io::Result<bool> {
    let size = bytes.len()?;
    let top = boxes(bytes, 0, size)?;
    let Some(moov) = top.iter().find(|found| &found.kind == b"moov") else { return Ok(false) };
    Ok(boxes(bytes, moov.content, moov.end.min(size))?.iter().any(|found| &found.kind == b"mvex"))
}

fn major_brand<B: Bytes + ?Sized>(bytes: &B, top: &[BoxHeader]) -> io::Result<Option<String>> {
    let find = |kind: &[u8; 4]| top.iter().find(|found| &found.kind == kind);
    let Some(ftyp) = find(b"ftyp").or_else(|| find(b"styp")) else { return Ok(None) };
    let mut brand = [0; 4];
    let is_read = bytes.read_at(ftyp.content, &mut brand)? == brand.len();
    Ok(is_read.then(|| brand.iter().map(|&byte| char::from(byte)).collect()))
}

/// Reads the tracks of a movie with the boxes `movie`.
fn tracks<B: Bytes + ?Sized>(bytes: &B, movie: &[BoxHeader], fragmented: bool) -> io::Result<Vec<IsoTrack>> {
    let scale = match movie.iter().find(|found| &found.kind == b"mvhd") {
        Some(mvhd) => edits::timescale(&read_content(bytes, mvhd)?),
        None => None,
    };
    let traks = movie.iter().filter(|found| &found.kind == b"trak");
    traks
        .zip(0..)
        .map(|(trak, position)| IsoTrack::read(bytes, trak, position, Movie { scale, fragmented }))
        .collect()
}

fn is_whole(top: &[BoxHeader], size: u64) -> bool {
    top.iter().all(|found| found.end <= size)
}

/// Combines what boxes, fragments and edit lists say about missing data.
fn completeness(tracks: &[IsoTrack], top: &[BoxHeader], size: u64, fragments: Completeness) -> Completeness {
    if let Some(truncated) = top.iter().find(|found| found.end > size) {
        return Completeness::Missing {
            first_missing_s: match fragments {
                Completeness::Missing { first_missing_s, .. } => first_missing_s,
                _ => None,
            },
            reason: format!(
                "box `{}` declares {} bytes, the file contains {}",
                truncated.kind.escape_ascii(),
                truncated.end - truncated.start,
                size - truncated.start
            ),
        };
    }
    let hidden = tracks.iter().find(|track| track.is_media && track.durations.hidden);
    match (fragments, hidden) {
        (Completeness::Whole, Some(hidden)) => Completeness::Missing {
            first_missing_s: Some(0.0),
            reason: format!(
                "the edit list of track {} shows nothing of it: its edits last no time or begin after the end",
                hidden.position + 1
            ),
        },
        // Boxes beyond the limit were not read.
        (Completeness::Whole, None) if top.len() == MAX_BOXES => Completeness::Unknown,
        (fragments, _) => fragments,
    }
}

/// Marks the tracks whose fragments, but not sample entries, say that samples are encrypted.
fn mark_encrypted_fragments<B: Bytes + ?Sized>(
    bytes: &B,
    top: &[BoxHeader],
    tracks: &mut [IsoTrack],
) -> io::Result<()> {
    let encrypted = protection::encrypted_in_fragments(bytes, top)?;
    for track in tracks.iter_mut().filter(|track| track.id.is_some_and(|id| encrypted.contains(&id))) {
        track.encryption.get_or_insert_with(|| "cenc".to_owned());
    }
    Ok(())
}

/// Sets the number of samples, those without data, duration and bit rate of the tracks of a fragmented file.
fn add_fragment_samples<B: Bytes + ?Sized>(
    bytes: &B,
    top: &[BoxHeader],
    tracks: &mut [IsoTrack],
) -> io::Result<()> {
    let mut counted = fragments::counted_samples(bytes, top)?;
    for track in tracks {
        let found = track.id.and_then(|id| counted.remove(&id));
        if let Some(found) = found.filter(|_| track.is_media) {
            (track.sample_count, track.empty_samples) = (found.count, found.empty);
            (track.durations.measured_s, track.durations.bit_rate) = (found.duration_s, found.bit_rate);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::boxes::make;
    use super::*;

    fn missing(file: &[u8]) -> Option<String> {
        match read(file).unwrap().unwrap().completeness {
            Completeness::Missing { reason, .. } => Some(reason),
            _ => None,
        }
    }

    #[test]
    fn fast_start_follows_the_order_of_boxes() {
        let (ftyp, moov, mdat) = (make(b"ftyp", b"isom\0\0\0\0"), make(b"moov", &[]), make(b"mdat", &[1; 9]));
        let first = read(&[&ftyp[..], &moov, &mdat].concat()[..]).unwrap().unwrap();
        assert_eq!((first.fast_start, first.major_brand.as_deref()), (Some(true), Some("isom")));
        let last = read(&[&ftyp[..], &mdat, &moov].concat()[..]).unwrap().unwrap();
        assert_eq!((last.fast_start, last.completeness), (Some(false), Completeness::Whole));
    }

    #[test]
    fn a_truncated_box_is_missing_data() {
        let whole = [make(b"ftyp", b"isom"), make(b"mdat", &[0; 100])].concat();
        assert_eq!(missing(&whole[..60]).unwrap(), "box `mdat` declares 108 bytes, the file contains 48");
    }

    #[test]
    fn explains_a_missing_index() {
        let (ftyp, mdat) = (make(b"ftyp", b"isom"), make(b"mdat", &[0; 100]));
        let reason = |file: &[u8]| read(file).unwrap().unwrap().missing_index_reason().unwrap_or_default();
        let whole = [&ftyp[..], &mdat].concat();
        assert!(
            reason(&whole).ends_with("not finished, or the end of the file is missing"),
            "{}",
            reason(&whole)
        );
        assert!(reason(&whole[..60]).contains("truncated: box `mdat`"), "{}", reason(&whole[..60]));
        assert!(reason(&make(b"moof", &[0; 8])).contains("a segment of a video"));
        assert_eq!(reason(&[&ftyp[..], &mdat, &make(b"moov", &[])].concat()), "");
        // Still images have their index in `meta`.
        assert_eq!(reason(&[&ftyp[..], &make(b"meta", &[]), &mdat].concat()), "");
    }

    #[test]
    fn reads_64_bit_and_open_ended_sizes() {
        let mut large = make(b"mdat", &[0; 16]);
        large[..4].copy_from_slice(&1_u32.to_be_bytes());
        large[8..16].copy_from_slice(&24_u64.to_be_bytes());
        let mut open = make(b"free", &[0; 5]);
        open[..4].fill(0);
        assert_eq!(missing(&[large, open].concat()), None);
    }

    #[test]
    fn counts_the_sample_entries_of_a_track() {
        let nest = |kind, content: Vec<u8>| make(kind, &content);
        let stsd = make(b"stsd", &[0, 0, 0, 0, 0, 0, 0, 2]);
        let trak = nest(b"trak", nest(b"mdia", nest(b"minf", nest(b"stbl", stsd))));
        let moov = nest(b"moov", [trak, make(b"trak", &[])].concat());
        let tracks = read(&moov[..]).unwrap().unwrap().tracks;
        assert_eq!(tracks.iter().map(|track| track.sample_entries).collect::<Vec<_>>(), [Some(2), None]);
    }

    #[test]
    fn reads_whether_a_track_is_enabled() {
        let track = |flags: u8| make(b"trak", &make(b"tkhd", &[0, 0, 0, flags, 1, 2, 3, 4]));
        let moov = make(b"moov", &[track(7), track(2), make(b"trak", &[])].concat());
        let tracks = read(&moov[..]).unwrap().unwrap().tracks;
        let enabled: Vec<_> = tracks.iter().map(|track| track.enabled).collect();
        assert_eq!(enabled, [Some(true), Some(false), None]);
    }

    #[test]
    fn stops_at_invalid_sizes() {
        assert!(read(&make(b"moov", &[0, 0, 0, 3, b't', b'r', b'a', b'k'])[..]).unwrap().is_some());
        let mut huge = make(b"mdat", &[255; 16]);
        huge[..4].copy_from_slice(&1_u32.to_be_bytes());
        assert!(missing(&huge).is_some());
    }
}
