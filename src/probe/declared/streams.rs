//! Containers made to be written in one go, which declare little: FLV, Ogg and ASF.

use std::io;

use super::super::bytes::{Bytes, piece};
use super::short;
use crate::model::Completeness;

/// Tags of one FLV file that are stepped over.
const MAX_TAGS: usize = 200_000;
/// The largest tag of words about the video that is read.
const MAX_WORDS: usize = 64 * 1024;
/// No page of an Ogg file is longer than 65307 bytes.
const TWO_PAGES: u64 = 128 * 1024;
const MAX_OBJECTS: usize = 256;

/// A tag says how long it is; `onMetaData` may say how long the file is.
pub(super) fn flv<B: Bytes + ?Sized>(bytes: &B) -> io::Result<Completeness> {
    const WORDS: u8 = 18;
    let size = bytes.len()?;
    let head = piece(bytes, 0, 9)?;
    let Some(Ok(offset)) = head.get(5..9).map(<[u8; 4]>::try_from) else { return Ok(Completeness::Unknown) };
    let mut at = u64::from(u32::from_be_bytes(offset)) + 4;
    let mut declared = None;
    for number in 0..MAX_TAGS {
        let tag = piece(bytes, at, 11)?;
        let [kind, a, b, c, t0, t1, t2, t3, ..] = tag[..] else {
            // Between two tags nothing tells whether there should be another.
            let agrees = declared.is_some_and(|declared| declared <= size) && at >= size;
            return Ok(match declared {
                Some(declared) if declared > size => short(declared, size, None),
                _ if agrees => Completeness::Whole,
                _ => Completeness::Unknown,
            });
        };
        if !matches!(kind & 0x1f, 8 | 9 | WORDS) {
            break;
        }
        let length = u64::from(u32::from_be_bytes([0, a, b, c]));
        let end = at + 11 + length;
        if number == 0 && kind & 0x1f == WORDS {
            let words = piece(bytes, at + 11, MAX_WORDS.min(length as usize))?;
            declared = file_size(&words);
        }
        if end > size {
            let at = f64::from(u32::from_be_bytes([t3, t0, t1, t2])) / 1000.0;
            return Ok(short(declared.unwrap_or(end).max(end), size, Some(at)));
        }
        at = end + 4;
    }
    Ok(match declared {
        Some(declared) if declared > size => short(declared, size, None),
        _ => Completeness::Unknown,
    })
}

/// The value beside the key `filesize`.
fn file_size(words: &[u8]) -> Option<u64> {
    const KEY: &[u8] = b"\0\x08filesize\0";
    let after = words.windows(KEY.len()).position(|window| window == KEY)? + KEY.len();
    let value = f64::from_be_bytes(words.get(after..after + 8)?.try_into().ok()?);
    // Beyond this a float no longer counts single bytes.
    (1.0..9e15).contains(&value).then_some(value as u64)
}

/// The last page says how long it is and whether it is meant to be the last.
pub(super) fn ogg<B: Bytes + ?Sized>(bytes: &B) -> io::Result<Completeness> {
    const LAST: u8 = 4;
    let size = bytes.len()?;
    let from = size.saturating_sub(TWO_PAGES);
    let tail = piece(bytes, from, TWO_PAGES as usize)?;
    let Some(page) = tail.windows(5).rposition(|window| window == b"OggS\0") else {
        return Ok(Completeness::Unknown);
    };
    let lacing = tail.get(page + 26).and_then(|&count| {
        let lacing = tail.get(page + 27..page + 27 + usize::from(count))?;
        Some(27 + lacing.len() + lacing.iter().map(|&length| usize::from(length)).sum::<usize>())
    });
    // A page that does not even say how long it is needs at least its own head.
    let end = from + (page + lacing.unwrap_or(27 + 255)) as u64;
    Ok(if end > size {
        let reason = "the last page is cut short".into();
        Completeness::Missing { first_missing_s: None, reason }
    } else if end == size && tail.get(page + 5).is_some_and(|flags| flags & LAST != 0) {
        Completeness::Whole
    } else {
        Completeness::Unknown
    })
}

/// The file properties say how long the file is, unless it was broadcast.
pub(super) fn asf<B: Bytes + ?Sized>(bytes: &B) -> io::Result<Completeness> {
    const PROPERTIES: [u8; 16] =
        [0xa1, 0xdc, 0xab, 0x8c, 0x47, 0xa9, 0xcf, 0x11, 0x8e, 0xe4, 0x00, 0xc0, 0x0c, 0x20, 0x53, 0x65];
    const BROADCAST: u8 = 1;
    let size = bytes.len()?;
    let mut at = 30_u64;
    for _ in 0..MAX_OBJECTS {
        let object = piece(bytes, at, 92)?;
        let Some(Ok(length)) = object.get(16..24).map(<[u8; 8]>::try_from) else { break };
        if object.starts_with(&PROPERTIES) {
            let Some(Ok(declared)) = object.get(40..48).map(<[u8; 8]>::try_from) else { break };
            let declared = u64::from_le_bytes(declared);
            let broadcast = object.get(88).is_none_or(|flags| flags & BROADCAST != 0);
            return Ok(match declared {
                _ if broadcast => Completeness::Unknown,
                0 => Completeness::Unknown,
                _ if declared > size => short(declared, size, None),
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

    fn video(words: &[u8]) -> Vec<u8> {
        let head = b"FLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec();
        [head, tag(18, 0, words), tag(9, 0, &[7; 50]), tag(9, 1500, &[7; 50])].concat()
    }

    #[test]
    fn an_flv_is_measured_by_tags_and_by_its_own_words() {
        let plain = video(b"");
        assert_eq!(flv(&plain[..]).unwrap(), Completeness::Unknown);
        let Completeness::Missing { first_missing_s, .. } = flv(&plain[..plain.len() - 20]).unwrap() else {
            panic!("not noticed")
        };
        assert_eq!(first_missing_s, Some(1.5));
        let size = |bytes: usize| video(&[b"\0\x08filesize\0", &(bytes as f64).to_be_bytes()[..]].concat());
        let told = size(size(0).len());
        assert_eq!(flv(&told[..]).unwrap(), Completeness::Whole);
        // Cut right between two tags.
        let cut = flv(&told[..told.len() - 65]).unwrap();
        assert!(matches!(cut, Completeness::Missing { .. }), "{cut:?}");
    }

    #[test]
    fn an_ogg_ends_with_a_page_that_says_so() {
        let page = |flags: u8| [b"OggS\0", &[flags][..], &[0; 20], &[2, 255, 10], &[1; 265]].concat();
        assert_eq!(ogg(&[page(2), page(4)].concat()[..]).unwrap(), Completeness::Whole);
        assert_eq!(ogg(&[page(2), page(0)].concat()[..]).unwrap(), Completeness::Unknown);
        let whole = [page(2), page(4)].concat();
        for cut in whole.len() - 280..whole.len() {
            assert!(matches!(ogg(&whole[..cut]).unwrap(), Completeness::Missing { .. }), "{cut}");
        }
    }

    #[test]
    fn an_asf_declares_its_size_unless_it_was_broadcast() {
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
