//! Looks in the indices `sidx` and `mfra` for fragments that the file lacks.

use std::collections::BTreeMap;
use std::io;

use super::super::boxes::{BoxHeader, boxes, read_content};
use super::super::fields::FieldReader;
use super::movie::TrackDefaults;
use crate::probe::bytes::Bytes;

/// Returns the start time, in seconds, of the first incomplete segment that the content of `sidx` lists;
/// `Some(None)` when all are complete, `None` when the box lists no segment.
pub(super) fn missing_segment(content: &[u8], anchor: u64, end_of_file: u64) -> Option<Option<f64>> {
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
pub(super) fn missing_random_access_point<B: Bytes + ?Sized>(
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
