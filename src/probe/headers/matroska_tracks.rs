//! The flags of Matroska tracks that FFmpeg does not report (RFC 9559, 5.1.4.1).

use std::io;

use super::super::bytes::{Bytes, read_range};

const EBML: u64 = 0x1a45_dfa3;
const SEGMENT: u64 = 0x1853_8067;
const CLUSTER: u64 = 0x1f43_b675;
const TRACKS: u64 = 0x1654_ae6b;
const TRACK_ENTRY: u64 = 0xae;
const TRACK_TYPE: u64 = 0x83;
const FLAG_ENABLED: u64 = 0xb9;
/// Types of tracks that FFmpeg makes streams of: video, audio, subtitles, metadata.
const STREAM_TYPES: [u64; 4] = [1, 2, 0x11, 0x21];
/// At most this many bytes of the track list are read, and elements before it.
const MAX_TRACKS: usize = 4 << 20;
const MAX_ELEMENTS: usize = 256;

/// An element: its id, and where its content begins and how long it is.
struct Element {
    id: u64,
    content: u64,
    length: u64,
}

/// Returns whether each track is enabled, in the order of FFmpeg's streams; empty if the list of tracks is not in
/// front of the media.
///
/// # Errors
/// Fails only when reading fails.
pub(super) fn enabled<B: Bytes + ?Sized>(bytes: &B) -> io::Result<Vec<bool>> {
    let mut at = 0;
    for _ in 0..MAX_ELEMENTS {
        let head = read_range(bytes, at, 12)?;
        let Some(element) = element(&head, at) else { break };
        at = match element.id {
            EBML => element.content.saturating_add(element.length),
            SEGMENT => element.content,
            CLUSTER => break,
            TRACKS => {
                let length = usize::try_from(element.length).unwrap_or(MAX_TRACKS).min(MAX_TRACKS);
                return Ok(entries(&read_range(bytes, element.content, length)?));
            }
            _ => element.content.saturating_add(element.length),
        };
    }
    Ok(Vec::new())
}

fn entries(tracks: &[u8]) -> Vec<bool> {
    let numbers = |entry: &[u8], id: u64| {
        let found = children(entry).find(|(found, _)| *found == id);
        found.map(|(_, value)| value.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    };
    let entries = children(tracks).filter(|(id, _)| *id == TRACK_ENTRY);
    let streams = entries
        .filter(|(_, entry)| numbers(entry, TRACK_TYPE).is_some_and(|kind| STREAM_TYPES.contains(&kind)));
    streams.map(|(_, entry)| numbers(entry, FLAG_ENABLED) != Some(0)).collect()
}

/// Returns the complete elements within a parent.
fn children(parent: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let found = element(parent.get(at..)?, at as u64)?;
        let begin = usize::try_from(found.content).ok()?;
        let end = begin.checked_add(usize::try_from(found.length).ok()?)?;
        at = end;
        Some((found.id, parent.get(begin..end)?))
    })
}

/// Parses the head of an element; an unknown length counts as zero, because only the segment may have one here.
fn element(head: &[u8], at: u64) -> Option<Element> {
    let id_length = head.first()?.leading_zeros() as usize + 1;
    let id = head.get(..id_length).filter(|_| id_length <= 4)?;
    let id = id.iter().fold(0, |id, byte| id << 8 | u64::from(*byte));
    let rest = head.get(id_length..)?;
    let size_length = rest.first()?.leading_zeros() as usize + 1;
    let size = rest.get(..size_length).filter(|_| size_length <= 8)?;
    let mask = (1_u64 << (7 * size_length)) - 1;
    let length = size.iter().fold(0, |size, byte| size << 8 | u64::from(*byte)) & mask;
    let length = if length == mask { 0 } else { length };
    Some(Element { id, content: at.checked_add((id_length + size_length) as u64)?, length })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn make(id: &[u8], content: &[u8]) -> Vec<u8> {
        [id, &[0x80 | content.len() as u8], content].concat()
    }

    #[test]
    fn reads_the_enabled_flag_of_every_stream() {
        let entry = |kind: u8, flag: &[u8]| make(&[0xae], &[&make(&[0x83], &[kind])[..], flag].concat());
        let off = make(&[0xb9], &[0]);
        let on = make(&[0xb9], &[1]);
        // A button track is no stream.
        let list = [entry(1, &on), entry(0x12, &off), entry(2, &off), entry(2, &[])].concat();
        let header = make(&[0x1a, 0x45, 0xdf, 0xa3], &[1, 2, 3]);
        let segment = [0x18, 0x53, 0x80, 0x67, 0x01, 255, 255, 255, 255, 255, 255, 255];
        let info = make(&[0x15, 0x49, 0xa9, 0x66], &[0; 20]);
        let file = [&header[..], &segment, &info, &make(&[0x16, 0x54, 0xae, 0x6b], &list)].concat();
        assert_eq!(enabled(&file[..]).unwrap(), [true, false, true]);
        assert!(enabled(&file[..20]).unwrap().is_empty());
    }
}
