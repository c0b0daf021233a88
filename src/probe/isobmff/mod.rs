//! Reads boxes of ISO base media files (ISO/IEC 14496-12) that FFmpeg does not expose.
//!
//! Safe on hostile bytes: every size is checked, every loop is bounded, and no number from the file
//! determines an allocation.

mod durations;
mod edits;
mod empty_samples;
mod fragments;
mod joined;
mod protection;
mod samples;

use std::io;

pub use durations::{MovieDurations, TrackDurations};
pub use edits::PlayedParts;
pub use empty_samples::EmptySamples;
pub use samples::Samples;

pub use super::bytes::Bytes;
use super::bytes::read_range;
use crate::model::{Completeness, EditList};

/// Boxes read on one level.
const MAX_BOXES: usize = 20_000;
/// Bytes of the content of one box read into memory.
const MAX_CONTENT: u64 = 1 << 20;

/// A box: its type, the offsets of its header and content, and its declared end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct BoxHeader {
    kind: [u8; 4],
    start: u64,
    content: u64,
    end: u64,
}

/// Returns the boxes between the offsets `from` and `to`; the last may end beyond `to`.
fn boxes<B: Bytes + ?Sized>(bytes: &B, from: u64, to: u64) -> io::Result<Vec<BoxHeader>> {
    let mut found = Vec::new();
    let mut start = from;
    while start.saturating_add(8) <= to && found.len() < MAX_BOXES {
        let mut head = [0; 16];
        let count = bytes.read_at(start, &mut head)?;
        if count < 8 {
            break;
        }
        let [a, b, c, d, k0, k1, k2, k3, large @ ..] = head;
        let (header, size) = match u32::from_be_bytes([a, b, c, d]) {
            0 => (8, to - start),
            1 if count == 16 => (16, u64::from_be_bytes(large)),
            size => (8, u64::from(size)),
        };
        if size < header {
            break;
        }
        let end = start.saturating_add(size);
        found.push(BoxHeader { kind: [k0, k1, k2, k3], start, content: start + header, end });
        start = end;
    }
    Ok(found)
}

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

/// The facts of a track.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IsoTrack {
    /// Its position among the tracks, equal to FFmpeg's stream index.
    pub position: u32,
    /// Whether it is a video or audio track.
    pub is_media: bool,
    /// Whether the track header enables it (ISO/IEC 14496-12, 8.3.2); `None` when the box is missing.
    pub enabled: Option<bool>,
    /// Its edit list, classified.
    pub edit_list: Option<EditList>,
    /// Number of sample entries (codec configurations); `None` when the box is missing.
    pub sample_entries: Option<u32>,
    /// Its samples, for a video track of an unfragmented file.
    pub samples: Option<Samples>,
    /// The encryption scheme of its samples, if any are encrypted.
    pub encryption: Option<String>,
    /// Its declared and measured durations.
    pub durations: TrackDurations,
    /// Its samples without data.
    pub empty_samples: EmptySamples,
    /// Number of its samples, as far as the sample tables state it.
    pub sample_count: u64,
    /// What its edit list plays, for a video track of an unfragmented file with several parts.
    pub played: Option<PlayedParts>,
}

/// Reads the boxes of a file; `None` when it is not an ISO file.
///
/// # Errors
/// Fails only when reading fails.
pub fn read<B: Bytes + ?Sized>(bytes: &B) -> io::Result<Option<IsoLayout>> {
    let size = bytes.len()?;
    let top = boxes(bytes, 0, size)?;
    const KNOWN: [&[u8; 4]; 10] =
        [b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"styp", b"moof", b"sidx", b"uuid"];
    if !top.first().is_some_and(|first| KNOWN.contains(&&first.kind)) {
        return Ok(None);
    }
    let find = |kind: &[u8; 4]| top.iter().find(|found| &found.kind == kind);
    let mut layout = IsoLayout::default();
    if let Some(ftyp) = find(b"ftyp").or_else(|| find(b"styp")) {
        let mut brand = [0; 4];
        if bytes.read_at(ftyp.content, &mut brand)? == 4 {
            layout.major_brand = Some(brand.iter().map(|&byte| char::from(byte)).collect());
        }
    }
    let (moov, mdat) = (find(b"moov"), find(b"mdat"));
    layout.fast_start = moov.zip(mdat).map(|(moov, mdat)| moov.start < mdat.start);
    layout.fragmented = find(b"moof").is_some();
    layout.indexed = moov.is_some() || find(b"meta").is_some();
    let truncated = top.iter().find(|found| found.end > size);
    let mut fragments_state = match (moov, layout.fragmented) {
        (None, true) => fragments::read(bytes, &top, size)?,
        _ => Completeness::Whole,
    };
    if let Some(moov) = moov {
        let inside = boxes(bytes, moov.content, moov.end.min(size))?;
        layout.fragmented |= inside.iter().any(|found| &found.kind == b"mvex");
        let movie_scale = match inside.iter().find(|found| &found.kind == b"mvhd") {
            Some(mvhd) => edits::timescale(&read_content(bytes, mvhd)?),
            None => None,
        };
        for trak in inside.iter().filter(|found| &found.kind == b"trak") {
            let position = layout.tracks.len() as u32;
            let edit_list = edits::read(bytes, trak, movie_scale, layout.fragmented)?;
            let handler = handler(bytes, trak)?;
            let table = sample_table(bytes, trak)?;
            let sample_entries = match &table {
                Some(table) => sample_entries(bytes, table)?,
                None => None,
            };
            let samples = match &table {
                Some(table) if !layout.fragmented && handler == Some(*b"vide") => {
                    samples::read(bytes, table)?
                }
                _ => None,
            };
            let played = match &table {
                Some(table) if !layout.fragmented && handler == Some(*b"vide") => {
                    let scale = movie_scale.map(|(scale, _)| scale);
                    edits::played_parts(bytes, trak, scale, samples::first_offset(bytes, table)?)?
                }
                _ => None,
            };
            let enabled = is_enabled(bytes, trak)?;
            let is_media = handler.is_some_and(|kind| matches!(&kind, b"vide" | b"soun"));
            let encryption = protection::read(bytes, trak)?;
            let durations = durations::read(bytes, trak, movie_scale, layout.fragmented)?;
            let (mut empty_samples, mut sample_count) = (EmptySamples::default(), 0);
            let scale = track_scale(bytes, trak)?;
            if let (Some(table), Some(scale), true) = (&table, scale, is_media && !layout.fragmented) {
                empty_samples = empty_samples::read(bytes, trak, table, scale)?;
                sample_count = samples::count(bytes, table)?.map_or(0, u64::from);
            }
            layout.tracks.push(IsoTrack {
                position,
                is_media,
                enabled,
                edit_list,
                sample_entries,
                samples,
                encryption,
                durations,
                empty_samples,
                sample_count,
                played,
            });
        }
        if layout.fragmented {
            mark_encrypted_fragments(bytes, &top, &inside, &mut layout.tracks)?;
            fragments_state = fragments::read(bytes, &top, size)?;
            let complete = truncated.is_none() && fragments_state == Completeness::Whole;
            layout.durations = fragments::durations(bytes, &top, size, complete)?;
            add_fragment_samples(bytes, &top, &inside, &mut layout.tracks)?;
        } else {
            layout.durations = durations::movie(bytes, moov, &layout.tracks)?;
        }
    }
    layout.second_recording_byte = joined::second_recording(bytes, &top)?;
    let hidden = layout.tracks.iter().find(|track| track.is_media && track.durations.hidden);
    layout.completeness = match (truncated, fragments_state) {
        (None, Completeness::Whole) if hidden.is_some() => Completeness::Missing {
            first_missing_s: Some(0.0),
            reason: format!(
                "the edit list of track {} shows nothing of it: its edits last no time or begin after the end",
                hidden.map_or(0, |track| track.position + 1)
            ),
        },
        (Some(truncated), completeness) => Completeness::Missing {
            first_missing_s: match completeness {
                Completeness::Missing { first_missing_s, .. } => first_missing_s,
                _ => None,
            },
            reason: format!(
                "box `{}` declares {} bytes, the file contains {}",
                truncated.kind.escape_ascii(),
                truncated.end - truncated.start,
                size - truncated.start
            ),
        },
        // Boxes beyond the limit were not read.
        (None, Completeness::Whole) if top.len() == MAX_BOXES => Completeness::Unknown,
        (None, completeness) => completeness,
    };
    Ok(Some(layout))
}

/// Marks the tracks whose fragments, but not sample entries, say that samples are encrypted.
fn mark_encrypted_fragments<B: Bytes + ?Sized>(
    bytes: &B,
    top: &[BoxHeader],
    movie: &[BoxHeader],
    tracks: &mut [IsoTrack],
) -> io::Result<()> {
    let encrypted = protection::encrypted_in_fragments(bytes, top)?;
    if encrypted.is_empty() {
        return Ok(());
    }
    for (trak, track) in movie.iter().filter(|found| &found.kind == b"trak").zip(tracks) {
        let Some(tkhd) = descendant(bytes, trak, &[b"tkhd"])? else { continue };
        if fragments::track_id(&read_content(bytes, &tkhd)?).is_some_and(|id| encrypted.contains(&id)) {
            track.encryption.get_or_insert_with(|| "cenc".to_owned());
        }
    }
    Ok(())
}

/// Sets the number of samples, those without data, and the duration of the tracks of a fragmented file.
fn add_fragment_samples<B: Bytes + ?Sized>(
    bytes: &B,
    top: &[BoxHeader],
    movie: &[BoxHeader],
    tracks: &mut [IsoTrack],
) -> io::Result<()> {
    let mut counted = fragments::counted_samples(bytes, top)?;
    for (trak, track) in movie.iter().filter(|found| &found.kind == b"trak").zip(tracks) {
        let Some(tkhd) = descendant(bytes, trak, &[b"tkhd"])? else { continue };
        let id = fragments::track_id(&read_content(bytes, &tkhd)?);
        if let Some(found) = id.and_then(|id| counted.remove(&id)).filter(|_| track.is_media) {
            (track.sample_count, track.empty_samples) = (found.count, found.empty);
            track.durations.measured_s = found.duration_s;
        }
    }
    Ok(())
}

/// Returns the box at the end of a path of box types inside `from`.
fn descendant<B: Bytes + ?Sized>(
    bytes: &B,
    from: &BoxHeader,
    path: &[&[u8; 4]],
) -> io::Result<Option<BoxHeader>> {
    let size = bytes.len()?;
    let mut current = *from;
    for kind in path {
        let inside = boxes(bytes, current.content, current.end.min(size))?;
        let Some(found) = inside.into_iter().find(|found| &&found.kind == kind) else { return Ok(None) };
        current = found;
    }
    Ok(Some(current))
}

/// Returns the time scale of a track.
fn track_scale<B: Bytes + ?Sized>(bytes: &B, trak: &BoxHeader) -> io::Result<Option<u32>> {
    let Some(mdhd) = descendant(bytes, trak, &[b"mdia", b"mdhd"])? else { return Ok(None) };
    Ok(edits::timescale(&read_content(bytes, &mdhd)?).map(|(scale, _)| scale))
}

fn sample_table<B: Bytes + ?Sized>(bytes: &B, trak: &BoxHeader) -> io::Result<Option<BoxHeader>> {
    descendant(bytes, trak, &[b"mdia", b"minf", b"stbl"])
}

/// Returns the flag `track_enabled` of the track header.
fn is_enabled<B: Bytes + ?Sized>(bytes: &B, trak: &BoxHeader) -> io::Result<Option<bool>> {
    let Some(header) = descendant(bytes, trak, &[b"tkhd"])? else { return Ok(None) };
    let mut version_and_flags = [0; 4];
    let read = bytes.read_at(header.content, &mut version_and_flags)?;
    Ok((read == version_and_flags.len()).then_some(version_and_flags[3] & 1 == 1))
}

/// Returns the handler type of a track: `vide`, `soun`, …
fn handler<B: Bytes + ?Sized>(bytes: &B, trak: &BoxHeader) -> io::Result<Option<[u8; 4]>> {
    let Some(handler) = descendant(bytes, trak, &[b"mdia", b"hdlr"])? else { return Ok(None) };
    Ok(read_content(bytes, &handler)?.get(8..12).and_then(|kind| kind.try_into().ok()))
}

/// Returns the entry count of the `stsd` box of a sample table.
fn sample_entries<B: Bytes + ?Sized>(bytes: &B, table: &BoxHeader) -> io::Result<Option<u32>> {
    let Some(entries) = descendant(bytes, table, &[b"stsd"])? else { return Ok(None) };
    let mut head = [0; 8];
    let count = bytes.read_at(entries.content, &mut head)?;
    let [.., a, b, c, d] = head;
    Ok((count == head.len()).then(|| u32::from_be_bytes([a, b, c, d])))
}

/// Returns the content of a box, at most [`MAX_CONTENT`] bytes.
fn read_content<B: Bytes + ?Sized>(bytes: &B, found: &BoxHeader) -> io::Result<Vec<u8>> {
    read_range(bytes, found.content, found.end.saturating_sub(found.content).min(MAX_CONTENT) as usize)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn missing(file: &[u8]) -> Option<String> {
        match read(file).unwrap().unwrap().completeness {
            Completeness::Missing { reason, .. } => Some(reason),
            _ => None,
        }
    }

    fn make(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32 + 8).to_be_bytes(), &kind[..], content].concat()
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
