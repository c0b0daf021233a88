//! Containers written in one pass, which declare little: FLV, Ogg and ASF.

use std::io;

use super::super::bytes::{Bytes, read_range};
use super::extent::{Extent, too_short};
use super::stream_marks::{Encryption, StreamSelector};
use crate::model::Completeness;

/// Tags read in one FLV file.
const MAX_TAGS: usize = 200_000;
/// Bytes of the script data tag (metadata) that are read.
const MAX_SCRIPT_BYTES: usize = 64 * 1024;
/// Two pages of an Ogg file; a page has at most 65307 bytes.
const TWO_PAGES: u64 = 128 * 1024;
const MAX_OBJECTS: usize = 256;

/// Checks the declared lengths of the tags, and the file size that `onMetaData` may declare.
pub(super) fn flv<B: Bytes + ?Sized>(bytes: &B) -> io::Result<Extent> {
    const SCRIPT_DATA: u8 = 18;
    let size = bytes.len()?;
    let head = read_range(bytes, 0, 9)?;
    let Some(Ok(offset)) = head.get(5..9).map(<[u8; 4]>::try_from) else {
        return Ok(Completeness::Unknown.into());
    };
    let mut at = u64::from(u32::from_be_bytes(offset)) + 4;
    let (mut declared, mut second_recording_byte) = (None, None);
    for number in 0..MAX_TAGS {
        let tag = read_range(bytes, at, 11)?;
        let [kind, a, b, c, t0, t1, t2, t3, ..] = tag[..] else {
            // At the end of a tag, only the declared file size shows whether another one is missing.
            let agrees = declared.is_some_and(|declared| declared <= size) && at >= size;
            let completeness = match declared {
                Some(declared) if declared > size => too_short(declared, size, None),
                _ if agrees => Completeness::Whole,
                _ => Completeness::Unknown,
            };
            return Ok(completeness.into());
        };
        if !matches!(kind & 0x1f, 8 | 9 | SCRIPT_DATA) {
            second_recording_byte = tag.starts_with(b"FLV\x01").then_some(at);
            break;
        }
        let length = u64::from(u32::from_be_bytes([0, a, b, c]));
        let end = at + 11 + length;
        if number == 0 && kind & 0x1f == SCRIPT_DATA {
            let script = read_range(bytes, at + 11, MAX_SCRIPT_BYTES.min(length as usize))?;
            declared = file_size(&script);
        }
        if end > size {
            let at = f64::from(u32::from_be_bytes([t3, t0, t1, t2])) / 1000.0;
            return Ok(too_short(declared.unwrap_or(end).max(end), size, Some(at)).into());
        }
        at = end + 4;
    }
    let completeness = match declared {
        Some(declared) if declared > size => too_short(declared, size, None),
        _ => Completeness::Unknown,
    };
    Ok(Extent { completeness, second_recording_byte })
}

/// Returns the duration that `onMetaData` declares, in seconds.
pub(super) fn flv_duration<B: Bytes + ?Sized>(bytes: &B) -> io::Result<Option<f64>> {
    let script = read_range(bytes, 0, MAX_SCRIPT_BYTES)?;
    let tag = script.get(13..).unwrap_or_default();
    if tag.first().is_none_or(|kind| kind & 0x1f != 18) {
        return Ok(None);
    }
    Ok(script_number(tag, b"\0\x08duration\0").filter(|seconds| seconds.is_finite() && *seconds >= 0.0))
}

/// Returns the streams with encrypted tags (Video File Format Specification 10.1, E.4.1 and annex F).
pub(super) fn flv_encryption<B: Bytes + ?Sized>(bytes: &B) -> io::Result<Vec<Encryption>> {
    const FILTER: u8 = 0x20;
    let mut encrypted = Vec::new();
    let mut at = 13_u64;
    for _ in 0..MAX_TAGS {
        let tag = read_range(bytes, at, 4)?;
        let [kind, a, b, c] = tag[..] else { break };
        let streams = match kind & 0x1f {
            8 => StreamSelector::Audio,
            9 => StreamSelector::Video,
            18 => StreamSelector::All,
            _ => break,
        };
        let mark = Encryption::new(streams, "flv");
        if kind & FILTER != 0 && kind & 0x1f != 18 && !encrypted.contains(&mark) {
            encrypted.push(mark);
        }
        at += 15 + u64::from(u32::from_be_bytes([0, a, b, c]));
    }
    Ok(encrypted)
}

/// Returns the number that follows a key of script data.
fn script_number(script: &[u8], key: &[u8]) -> Option<f64> {
    let after = script.windows(key.len()).position(|window| window == key)? + key.len();
    Some(f64::from_be_bytes(script.get(after..after + 8)?.try_into().ok()?))
}

/// Returns the value of the key `filesize` in bytes.
fn file_size(script: &[u8]) -> Option<u64> {
    let value = script_number(script, b"\0\x08filesize\0")?;
    // A larger float is not exact to the byte.
    (1.0..9e15).contains(&value).then_some(value as u64)
}

/// Checks the length of the last page and its end-of-stream flag.
pub(super) fn ogg<B: Bytes + ?Sized>(bytes: &B) -> io::Result<Completeness> {
    const END_OF_STREAM: u8 = 4;
    let size = bytes.len()?;
    let from = size.saturating_sub(TWO_PAGES);
    let tail = read_range(bytes, from, TWO_PAGES as usize)?;
    let Some(page) = tail.windows(5).rposition(|window| window == b"OggS\0") else {
        return Ok(Completeness::Unknown);
    };
    let lacing = tail.get(page + 26).and_then(|&count| {
        let lacing = tail.get(page + 27..page + 27 + usize::from(count))?;
        Some(27 + lacing.len() + lacing.iter().map(|&length| usize::from(length)).sum::<usize>())
    });
    // A page truncated within its header needs at least the rest of it.
    let end = from + (page + lacing.unwrap_or(27 + 255)) as u64;
    Ok(if end > size {
        let reason = "the last Ogg page is truncated".into();
        Completeness::Missing { first_missing_s: None, reason }
    } else if end == size && tail.get(page + 5).is_some_and(|flags| flags & END_OF_STREAM != 0) {
        Completeness::Whole
    } else {
        Completeness::Unknown
    })
}

/// Checks the file size in the file properties, which broadcast files do not state.
pub(super) fn asf<B: Bytes + ?Sized>(bytes: &B) -> io::Result<Completeness> {
    const PROPERTIES: [u8; 16] =
        [0xa1, 0xdc, 0xab, 0x8c, 0x47, 0xa9, 0xcf, 0x11, 0x8e, 0xe4, 0x00, 0xc0, 0x0c, 0x20, 0x53, 0x65];
    const BROADCAST: u8 = 1;
    let size = bytes.len()?;
    let mut at = 30_u64;
    for _ in 0..MAX_OBJECTS {
        let object = read_range(bytes, at, 92)?;
        let Some(Ok(length)) = object.get(16..24).map(<[u8; 8]>::try_from) else { break };
        if object.starts_with(&PROPERTIES) {
            let Some(Ok(declared)) = object.get(40..48).map(<[u8; 8]>::try_from) else { break };
            let declared = u64::from_le_bytes(declared);
            let broadcast = object.get(88).is_none_or(|flags| flags & BROADCAST != 0);
            return Ok(match declared {
                _ if broadcast => Completeness::Unknown,
                0 => Completeness::Unknown,
                _ if declared > size => too_short(declared, size, None),
                _ => Completeness::Whole,
            });
        }
        let length = u64::from_le_bytes(length);
        if length < 24 {
            break;
        }
        at = at.saturating_add(length);
    }
    Ok(Completeness::Unknown)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn tag(kind: u8, at_ms: u32, data: &[u8]) -> Vec<u8> {
        let [_, length @ ..] = (data.len() as u32).to_be_bytes();
        let [t3, t0, t1, t2] = at_ms.to_be_bytes();
        let head = [&[kind][..], &length, &[t0, t1, t2, t3, 0, 0, 0], data].concat();
        let back = (head.len() as u32).to_be_bytes();
        [head, back.to_vec()].concat()
    }

    fn video(script: &[u8]) -> Vec<u8> {
        let head = b"FLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec();
        [head, tag(18, 0, script), tag(9, 0, &[7; 50]), tag(9, 1500, &[7; 50])].concat()
    }

    #[test]
    fn an_flv_is_checked_by_tags_and_by_its_declared_size() {
        let plain = video(b"");
        assert_eq!(flv(&plain[..]).unwrap().completeness, Completeness::Unknown);
        let Completeness::Missing { first_missing_s, .. } =
            flv(&plain[..plain.len() - 20]).unwrap().completeness
        else {
            panic!("not detected")
        };
        assert_eq!(first_missing_s, Some(1.5));
        let size = |bytes: usize| video(&[b"\0\x08filesize\0", &(bytes as f64).to_be_bytes()[..]].concat());
        let declared = size(size(0).len());
        assert_eq!(flv(&declared[..]).unwrap().completeness, Completeness::Whole);
        // Truncated exactly between two tags.
        let truncated = flv(&declared[..declared.len() - 65]).unwrap().completeness;
        assert!(matches!(truncated, Completeness::Missing { .. }), "{truncated:?}");
    }

    #[test]
    fn a_second_flv_header_begins_another_recording() {
        let file = video(b"");
        let second = |after: &[u8]| flv(&[&file[..], after].concat()[..]).unwrap().second_recording_byte;
        assert_eq!(second(&[]), None);
        assert_eq!(second(&[0; 40]), None, "padding");
        assert_eq!(second(&file), Some(file.len() as u64));
    }

    #[test]
    fn an_ogg_ends_with_an_end_of_stream_page() {
        let page = |flags: u8| [b"OggS\0", &[flags][..], &[0; 20], &[2, 255, 10], &[1; 265]].concat();
        assert_eq!(ogg(&[page(2), page(4)].concat()[..]).unwrap(), Completeness::Whole);
        assert_eq!(ogg(&[page(2), page(0)].concat()[..]).unwrap(), Completeness::Unknown);
        let whole = [page(2), page(4)].concat();
        for length in whole.len() - 280..whole.len() {
            assert!(matches!(ogg(&whole[..length]).unwrap(), Completeness::Missing { .. }), "{length}");
        }
    }

    #[test]
    fn an_asf_is_checked_by_its_declared_size_unless_broadcast() {
        let file = |declared: u64, flags: u8| {
            let mut object = vec![0; 104];
            object[..16].copy_from_slice(&[
                0xa1, 0xdc, 0xab, 0x8c, 0x47, 0xa9, 0xcf, 0x11, 0x8e, 0xe4, 0x00, 0xc0, 0x0c, 0x20, 0x53,
                0x65,
            ]);
            object[16] = 104;
            object[40..48].copy_from_slice(&declared.to_le_bytes());
            object[88] = flags;
            asf(&[vec![0; 30], object].concat()[..]).unwrap()
        };
        assert_eq!(file(134, 2), Completeness::Whole);
        assert!(matches!(file(200, 2), Completeness::Missing { .. }));
        assert_eq!(file(200, 1), Completeness::Unknown);
    }
}
