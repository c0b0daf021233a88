//! Finds another recording behind the first in containers that were joined as bytes: players show only the first.

use std::io;

use super::super::bytes::{Bytes, read_range};
use super::matroska;

const MATROSKA: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];
/// The first bytes of the header object of ASF.
pub(super) const ASF_HEADER: [u8; 8] = [0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11];
/// Objects at the top of an ASF file: header, data and indices.
const MAX_OBJECTS: usize = 64;

/// Returns where the second recording of a Matroska file begins, if its clock starts over: a recorder that writes a
/// header for each part of one video continues the clock, and players show all parts.
pub(super) fn matroska<B: Bytes + ?Sized>(bytes: &B, head: &[u8]) -> io::Result<Option<u64>> {
    let Some(end) = matroska::segment_end(head) else { return Ok(None) };
    if read_range(bytes, end, MATROSKA.len())? != MATROSKA {
        return Ok(None);
    }
    let last = matroska::last_block_before(bytes, end)?;
    let first = matroska::first_cluster_after(bytes, end)?;
    Ok(last.zip(first).is_some_and(|(last, first)| first < last).then_some(end))
}

/// Returns where the second recording of an ASF file begins.
pub(super) fn asf<B: Bytes + ?Sized>(bytes: &B) -> io::Result<Option<u64>> {
    let mut at = 0_u64;
    for _ in 0..MAX_OBJECTS {
        let object = read_range(bytes, at, 24)?;
        if at > 0 && object.starts_with(&ASF_HEADER) {
            return Ok(Some(at));
        }
        let Some(Ok(length)) = object.get(16..24).map(<[u8; 8]>::try_from) else { return Ok(None) };
        match u64::from_le_bytes(length) {
            // The data of a live recording has no length.
            0..24 => return Ok(None),
            length => at = at.saturating_add(length),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A Matroska file with one cluster that has this time.
    fn mkv(time: u8) -> Vec<u8> {
        let block = [0xa3, 0x84, 0x81, 0, 0, 0x80];
        let cluster = [&[0x1f, 0x43, 0xb6, 0x75, 0x89, 0xe7, 0x81, time][..], &block].concat();
        let segment = [&[0x18, 0x53, 0x80, 0x67, 0x80 | cluster.len() as u8][..], &cluster].concat();
        [&MATROSKA[..], &[0x84, 0x42, 0x82, 0x81, b'm'], &segment].concat()
    }

    #[test]
    fn a_second_matroska_file_counts_if_its_clock_starts_over() {
        let found = |parts: &[Vec<u8>]| {
            let file = parts.concat();
            matroska(&file[..], &file[..file.len().min(256)]).unwrap()
        };
        let length = mkv(9).len() as u64;
        assert_eq!(found(&[mkv(9)]), None);
        assert_eq!(found(&[mkv(9), mkv(0)]), Some(length));
        assert_eq!(found(&[mkv(9), mkv(10)]), None, "the clock continues");
        assert_eq!(found(&[mkv(9), vec![0; 40]]), None, "padding");
    }

    #[test]
    fn a_second_asf_header_begins_another_recording() {
        let object = |guid: &[u8], length: u64| {
            let mut object = vec![0; length as usize];
            object[..guid.len()].copy_from_slice(guid);
            object[16..24].copy_from_slice(&length.to_le_bytes());
            object
        };
        let file = [object(&ASF_HEADER, 40), object(&[1; 8], 60)].concat();
        assert_eq!(asf(&file[..]).unwrap(), None);
        assert_eq!(asf(&[&file[..], &file].concat()[..]).unwrap(), Some(100));
    }
}
