//! JPEG (ISO/IEC 10918-1, annex B): segments, then image data up to the end-of-image marker.

use std::io;

use super::super::bytes::{Bytes, read_range};
use crate::model::Completeness;

/// Larger files are not searched for the end of the image.
const MAX_BYTES: u64 = 256 << 20;
/// Camera files have a few dozen segments; some split a large profile or preview over hundreds.
const MAX_SEGMENTS: usize = 10_000;
const BUFFER: usize = 64 * 1024;

const START_OF_SCAN: u8 = 0xda;
const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];

/// Checks that the image has its end-of-image marker. The marker of a preview, which is inside a segment,
/// and data that cameras append (a video, a second image) do not count.
pub(super) fn read<B: Bytes + ?Sized>(bytes: &B) -> io::Result<Completeness> {
    let size = bytes.len()?;
    if size > MAX_BYTES {
        return Ok(Completeness::Unknown);
    }
    let mut at = 2;
    for _ in 0..MAX_SEGMENTS {
        let head = read_range(bytes, at, 4)?;
        // An end-of-image marker without an image before it.
        if head.starts_with(&END_OF_IMAGE) {
            return Ok(Completeness::Unknown);
        }
        let &[0xff, kind, high, low] = &head[..] else {
            return Ok(if at + 4 > size { missing_end() } else { Completeness::Unknown });
        };
        match kind {
            // A fill byte before the marker.
            0xff => at += 1,
            // Markers without a segment.
            0x01 | 0xd0..=0xd8 => at += 2,
            _ => at += 2 + u64::from(u16::from_be_bytes([high, low])),
        }
        if at > size {
            return Ok(missing_end());
        }
        if kind == START_OF_SCAN {
            return Ok(if has_end_marker(bytes, at)? { Completeness::Whole } else { missing_end() });
        }
    }
    Ok(Completeness::Unknown)
}

/// Returns whether the end-of-image marker follows `at`. Entropy-coded data never contains its bytes.
fn has_end_marker<B: Bytes + ?Sized>(bytes: &B, mut at: u64) -> io::Result<bool> {
    loop {
        let block = read_range(bytes, at, BUFFER)?;
        if block.windows(2).any(|pair| pair == END_OF_IMAGE) {
            return Ok(true);
        }
        // The marker may be split over two blocks.
        match block.len() {
            0 | 1 => return Ok(false),
            length => at += length as u64 - 1,
        }
    }
}

fn missing_end() -> Completeness {
    let reason = "the end-of-image marker of the JPEG is missing".into();
    Completeness::Missing { first_missing_s: None, reason }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn image(coded_bytes: usize) -> Vec<u8> {
        let preview = b"\xff\xe1\x00\x08\xff\xd8\xff\xd9\x00\x00";
        let scan = b"\xff\xda\x00\x04\x01\x00";
        [b"\xff\xd8\xff\xff\xdb\x00\x03\x07", &preview[..], scan, &vec![0x55; coded_bytes], &END_OF_IMAGE]
            .concat()
    }

    fn is_truncated(bytes: &[u8]) -> bool {
        matches!(read(bytes).unwrap(), Completeness::Missing { .. })
    }

    #[test]
    fn requires_the_end_marker_of_the_image_and_ignores_that_of_the_preview() {
        for coded_bytes in [0, 1, BUFFER - 2, BUFFER - 1, BUFFER, 3 * BUFFER] {
            let whole = image(coded_bytes);
            assert_eq!(read(&whole[..]).unwrap(), Completeness::Whole, "{coded_bytes}");
            assert_eq!(read(&[&whole[..], b"a video"].concat()[..]).unwrap(), Completeness::Whole);
            assert!(is_truncated(&whole[..whole.len() - 1]), "{coded_bytes}");
            assert!(is_truncated(&whole[..whole.len() - 2]), "{coded_bytes}");
        }
        let whole = image(5);
        for length in 4..whole.len() {
            assert!(is_truncated(&whole[..length]), "{length}");
        }
    }

    #[test]
    fn files_without_a_chain_of_segments_are_unknown() {
        assert_eq!(read(&b"\xff\xd8\xff\xd9"[..]).unwrap(), Completeness::Unknown);
        assert_eq!(read(&b"\xff\xd8\xff\xdb\x00\x03\x07garbage"[..]).unwrap(), Completeness::Unknown);
    }
}
