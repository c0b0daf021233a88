//! Boxes of ISO base media files (ISO/IEC 14496-12): only what FFmpeg hides.
//!
//! Works on hostile bytes: every size is checked, every loop bounded, nothing allocated by a number
//! from the file.

mod edits;
mod fragments;
mod samples;

use std::io;

pub use samples::Samples;

pub use super::bytes::Bytes;
use super::bytes::piece;
use crate::model::{Completeness, EditList};

/// Boxes looked at on one level.
const MAX_BOXES: usize = 20_000;
/// Bytes of a leaf box read into memory.
const MAX_LEAF: u64 = 1 << 20;

/// A box: its type, where its content lies, and where it says it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    kind: [u8; 4],
    start: u64,
    content: u64,
    end: u64,
}

/// The boxes between `from` and `to`; the last may end beyond.
fn boxes<B: Bytes + ?Sized>(bytes: &B, from: u64, to: u64) -> io::Result<Vec<Found>> {
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
        found.push(Found { kind: [k0, k1, k2, k3], start, content: start + header, end });
        start = end;
    }
    Ok(found)
}

/// What the boxes of a file say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// The first brand of `ftyp`.
    pub major_brand: Option<String>,
    /// Whether `moov` lies before the first `mdat`.
    pub fast_start: Option<bool>,
    /// Whether there are movie fragments.
    pub fragmented: bool,
    /// Whether the declared boxes, and what indices of fragments declare, are there.
    pub completeness: Completeness,
    /// Whether there is a `moov` box.
    pub indexed: bool,
    /// The tracks, in file order.
    pub tracks: Vec<Track>,
}

impl Layout {
    /// Why nothing of the video can be found, where that is so.
    pub fn without_index(&self) -> Option<String> {
        let cut = match &self.completeness {
            _ if self.indexed || self.fast_start.is_some() => return None,
            Completeness::Missing { reason, .. } => format!("the file is cut short: {reason}"),
            _ if self.fragmented => "this is a piece of a video, to be joined to its first piece".into(),
            _ => "the recording was not finished, or the end is lost".into(),
        };
        Some(format!("the index (`moov`) is missing: {cut}"))
    }
}

/// What is read of a track.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Track {
    /// Its position among the tracks, which is FFmpeg's stream index.
    pub position: u32,
    /// Its edit list, classified.
    pub edit_list: Option<EditList>,
    /// How many sample entries (codec set-ups) it declares; `None` where the box is not found.
    pub sample_entries: Option<u32>,
    /// When its samples are shown, for a picture track of an unfragmented file.
    pub samples: Option<Samples>,
}

/// Walks over the boxes; `None` when this is no ISO file.
///
/// # Errors
/// Only those of reading.
pub fn read<B: Bytes + ?Sized>(bytes: &B) -> io::Result<Option<Layout>> {
    let size = bytes.len()?;
    let top = boxes(bytes, 0, size)?;
    const KNOWN: [&[u8; 4]; 10] =
        [b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"styp", b"moof", b"sidx", b"uuid"];
    if !top.first().is_some_and(|first| KNOWN.contains(&&first.kind)) {
        return Ok(None);
    }
    let find = |kind: &[u8; 4]| top.iter().find(|found| &found.kind == kind);
    let mut layout = Layout::default();
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
    let cut = top.iter().find(|found| found.end > size);
    if let Some(moov) = moov {
        let inside = boxes(bytes, moov.content, moov.end.min(size))?;
        layout.fragmented |= inside.iter().any(|found| &found.kind == b"mvex");
        let movie_scale = match inside.iter().find(|found| &found.kind == b"mvhd") {
            Some(mvhd) => edits::timescale(&leaf(bytes, mvhd)?),
            None => None,
        };
        for trak in inside.iter().filter(|found| &found.kind == b"trak") {
            let position = layout.tracks.len() as u32;
            let edit_list = edits::read(bytes, trak, movie_scale, layout.fragmented)?;
            let table = sample_table(bytes, trak)?;
            let sample_entries = match &table {
                Some(table) => sample_entries(bytes, table)?,
                None => None,
            };
            let samples = match &table {
                Some(table) if !layout.fragmented && is_picture(bytes, trak)? => samples::read(bytes, table)?,
                _ => None,
            };
            layout.tracks.push(Track { position, edit_list, sample_entries, samples });
        }
    }
    let found = if layout.fragmented { fragments::read(bytes, &top, size)? } else { Completeness::Whole };
    layout.completeness = match (cut, found) {
        (Some(cut), found) => Completeness::Missing {
            first_missing_s: match found {
                Completeness::Missing { first_missing_s, .. } => first_missing_s,
                _ => None,
            },
            reason: format!(
                "box `{}` declares {} bytes, {} are there",
                cut.kind.escape_ascii(),
                cut.end - cut.start,
                size - cut.start
            ),
        },
        // Beyond the bound nobody looked.
        (None, Completeness::Whole) if top.len() == MAX_BOXES => Completeness::Unknown,
        (None, found) => found,
    };
    Ok(Some(layout))
}

/// The box at the end of a path of box types below `from`.
fn below<B: Bytes + ?Sized>(bytes: &B, from: &Found, path: &[&[u8; 4]]) -> io::Result<Option<Found>> {
    let size = bytes.len()?;
    let mut at = *from;
    for kind in path {
        let inside = boxes(bytes, at.content, at.end.min(size))?;
        let Some(found) = inside.into_iter().find(|found| &&found.kind == kind) else { return Ok(None) };
        at = found;
    }
    Ok(Some(at))
}

fn sample_table<B: Bytes + ?Sized>(bytes: &B, trak: &Found) -> io::Result<Option<Found>> {
    below(bytes, trak, &[b"mdia", b"minf", b"stbl"])
}

/// Whether the handler of a track is that of moving pictures.
fn is_picture<B: Bytes + ?Sized>(bytes: &B, trak: &Found) -> io::Result<bool> {
    let Some(handler) = below(bytes, trak, &[b"mdia", b"hdlr"])? else { return Ok(false) };
    Ok(leaf(bytes, &handler)?.get(8..12) == Some(b"vide"))
}

/// The entry count of the `stsd` box of a sample table.
fn sample_entries<B: Bytes + ?Sized>(bytes: &B, table: &Found) -> io::Result<Option<u32>> {
    let Some(entries) = below(bytes, table, &[b"stsd"])? else { return Ok(None) };
    let mut head = [0; 8];
    let count = bytes.read_at(entries.content, &mut head)?;
    let [.., a, b, c, d] = head;
    Ok((count == head.len()).then(|| u32::from_be_bytes([a, b, c, d])))
}

/// The content of a small box, cut at a bound.
fn leaf<B: Bytes + ?Sized>(bytes: &B, found: &Found) -> io::Result<Vec<u8>> {
    piece(bytes, found.content, found.end.saturating_sub(found.content).min(MAX_LEAF) as usize)
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
    fn order_of_boxes_is_fast_start() {
        let (ftyp, moov, mdat) = (make(b"ftyp", b"isom\0\0\0\0"), make(b"moov", &[]), make(b"mdat", &[1; 9]));
        let first = read(&[&ftyp[..], &moov, &mdat].concat()[..]).unwrap().unwrap();
        assert_eq!((first.fast_start, first.major_brand.as_deref()), (Some(true), Some("isom")));
        let last = read(&[&ftyp[..], &mdat, &moov].concat()[..]).unwrap().unwrap();
        assert_eq!((last.fast_start, last.completeness), (Some(false), Completeness::Whole));
    }

    #[test]
    fn a_cut_box_is_missing_data() {
        let whole = [make(b"ftyp", b"isom"), make(b"mdat", &[0; 100])].concat();
        assert_eq!(missing(&whole[..60]).unwrap(), "box `mdat` declares 108 bytes, 48 are there");
    }

    #[test]
    fn a_video_without_its_index_says_why() {
        let (ftyp, mdat) = (make(b"ftyp", b"isom"), make(b"mdat", &[0; 100]));
        let why = |file: &[u8]| read(file).unwrap().unwrap().without_index().unwrap_or_default();
        let whole = [&ftyp[..], &mdat].concat();
        assert!(why(&whole).ends_with("not finished, or the end is lost"), "{}", why(&whole));
        assert!(why(&whole[..60]).contains("cut short: box `mdat`"), "{}", why(&whole[..60]));
        assert!(why(&make(b"moof", &[0; 8])).contains("a piece of a video"));
        assert_eq!(why(&[&ftyp[..], &mdat, &make(b"moov", &[])].concat()), "");
        // Pictures have their index elsewhere.
        assert_eq!(why(&[&ftyp[..], &make(b"meta", &[]), &mdat].concat()), "");
    }

    #[test]
    fn large_and_open_sizes_are_understood() {
        let mut large = make(b"mdat", &[0; 16]);
        large[..4].copy_from_slice(&1_u32.to_be_bytes());
        large[8..16].copy_from_slice(&24_u64.to_be_bytes());
        let mut open = make(b"free", &[0; 5]);
        open[..4].fill(0);
        assert_eq!(missing(&[large, open].concat()), None);
    }

    #[test]
    fn sample_entries_of_a_track_are_counted() {
        let nest = |kind, content: Vec<u8>| make(kind, &content);
        let stsd = make(b"stsd", &[0, 0, 0, 0, 0, 0, 0, 2]);
        let trak = nest(b"trak", nest(b"mdia", nest(b"minf", nest(b"stbl", stsd))));
        let moov = nest(b"moov", [trak, make(b"trak", &[])].concat());
        let tracks = read(&moov[..]).unwrap().unwrap().tracks;
        assert_eq!(tracks.iter().map(|track| track.sample_entries).collect::<Vec<_>>(), [Some(2), None]);
    }

    #[test]
    fn absurd_sizes_end_the_walk() {
        assert!(read(&make(b"moov", &[0, 0, 0, 3, b't', b'r', b'a', b'k'])[..]).unwrap().is_some());
        let mut huge = make(b"mdat", &[255; 16]);
        huge[..4].copy_from_slice(&1_u32.to_be_bytes());
        assert!(missing(&huge).is_some());
    }
}
