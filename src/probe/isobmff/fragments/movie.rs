//! What the header of a fragmented movie declares about its tracks.

use std::collections::BTreeMap;
use std::io;

use super::super::boxes::{BoxHeader, boxes, descendant, read_content};
use super::super::edits;
use super::super::fields::FieldReader;
use crate::probe::bytes::Bytes;

/// The time scale of a track, and the default duration and size of its samples.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TrackDefaults {
    pub(super) scale: u32,
    pub(super) duration: u32,
    pub(super) size: u32,
}

/// Returns the tracks by id, and the declared duration including all fragments, in seconds.
pub(super) fn movie<B: Bytes + ?Sized>(
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

/// Returns the id in the content of a track header.
pub(crate) fn track_id(content: &[u8]) -> Option<u32> {
    let mut fields = FieldReader(content);
    let (version, _) = fields.head()?;
    fields.wide(version)?;
    fields.wide(version)?;
    fields.word()
}
