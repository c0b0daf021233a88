//! JPEG (ISO/IEC 10918-1, annex B): segments, then the picture up to the mark at its end.

use std::io;

use super::super::bytes::{Bytes, piece};
use crate::model::Completeness;

/// Pictures beyond this are not searched for their end.
const MAX_BYTES: u64 = 256 << 20;
/// Headers of cameras have a few dozen; some split a large profile or preview over hundreds.
const MAX_SEGMENTS: usize = 10_000;
const BUFFER: usize = 64 * 1024;

const START_OF_SCAN: u8 = 0xda;
const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];

/// Whether the picture is there to its end. Its preview, which lies in a segment, has an end of its own,
/// and what cameras append (a video, a second picture) comes after it: neither is taken for it.
pub(super) fn read<B: Bytes + ?Sized>(bytes: &B) -> io::Result<Completeness> {
    let size = bytes.len()?;
    if size > MAX_BYTES {
        return Ok(Completeness::Unknown);
    }
    let mut at = 2;
    for _ in 0..MAX_SEGMENTS {
        let head = piece(bytes, at, 4)?;
        // An end without a picture before it.
        if head.starts_with(&END_OF_IMAGE) {
            return Ok(Completeness::Unknown);
        }
        let &[0xff, kind, high, low] = &head[..] else {
            return Ok(if at + 4 > size { cut() } else { Completeness::Unknown });
        };
        match kind {
            // A fill byte before the mark.
            0xff => at += 1,
            // Marks without a segment.
            0x01 | 0xd0..=0xd8 => at += 2,
            _ => at += 2 + u64::from(u16::from_be_bytes([high, low])),
        }
        if at > size {
            return Ok(cut());
        }
        if kind == START_OF_SCAN {
            return Ok(if ends(bytes, at)? { Completeness::Whole } else { cut() });
        }
    }
    Ok(Completeness::Unknown)
}

/// Whether the mark of the end comes after `at`. Packed picture data never holds its bytes.
fn ends<B: Bytes + ?Sized>(bytes: &B, mut at: u64) -> io::Result<bool> {
    loop {
        let block = piece(bytes, at, BUFFER)?;
        if block.windows(2).any(|pair| pair == END_OF_IMAGE) {
            return Ok(true);
        }
        // The mark may lie across two blocks.
        match block.len() {
            0 | 1 => return Ok(false),
            length => at += length as u64 - 1,
        }
    }
}

fn cut() -> Completeness {
    let reason = "the mark at the end of the picture is missing".into();
    Completeness::Missing { first_missing_s: None, reason }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn picture(packed: usize) -> Vec<u8> {
        let preview = b"\xff\xe1\x00\x08\xff\xd8\xff\xd9\x00\x00";
        let scan = b"\xff\xda\x00\x04\x01\x00";
        [b"\xff\xd8\xff\xff\xdb\x00\x03\x07", &preview[..], scan, &vec![0x55; packed], &END_OF_IMAGE].concat()
    }

    fn is_cut(bytes: &[u8]) -> bool {
        matches!(read(bytes).unwrap(), Completeness::Missing { .. })
    }

    #[test]
    fn a_picture_ends_with_its_mark_and_not_with_that_of_its_preview() {
        for packed in [0, 1, BUFFER - 2, BUFFER - 1, BUFFER, 3 * BUFFER] {
            let whole = picture(packed);
            assert_eq!(read(&whole[..]).unwrap(), Completeness::Whole, "{packed}");
            assert_eq!(read(&[&whole[..], b"a video"].concat()[..]).unwrap(), Completeness::Whole);
            assert!(is_cut(&whole[..whole.len() - 1]), "{packed}");
            assert!(is_cut(&whole[..whole.len() - 2]), "{packed}");
        }
        let whole = picture(5);
        for cut in 4..whole.len() {
            assert!(is_cut(&whole[..cut]), "{cut}");
        }
    }

    #[test]
    fn what_is_no_chain_of_segments_is_not_judged() {
        assert_eq!(read(&b"\xff\xd8\xff\xd9"[..]).unwrap(), Completeness::Unknown);
        assert_eq!(read(&b"\xff\xd8\xff\xdb\x00\x03\x07garbage"[..]).unwrap(), Completeness::Unknown);
    }
}
