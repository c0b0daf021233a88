//! Matroska and WebM: the segment declares its size, or that it is unknown.

use std::io;

use super::super::bytes::{Bytes, read_range};
use super::extent::too_short;
use crate::model::Completeness;

/// Bytes at the end that are searched for the last cluster; clusters hold a few seconds or megabytes.
const TAIL: u64 = 8 << 20;
const CLUSTER: [u8; 4] = [0x1f, 0x43, 0xb6, 0x75];
const TIMESTAMP: u8 = 0xe7;
const SIMPLE_BLOCK: u8 = 0xa3;
const BLOCK_GROUP: u8 = 0xa0;
const BLOCK: u8 = 0xa1;

/// Compares the segment size declared in the first bytes with the size of the file.
pub(super) fn read(head: &[u8], size: u64) -> Completeness {
    match segment_end(head) {
        Some(end) if end > size => too_short(end, size, None),
        Some(_) => Completeness::Whole,
        None => Completeness::Unknown,
    }
}

/// Parses an EBML variable-size integer; returns it with its length in bytes, `None` for "unknown".
fn vint(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let length = first.leading_zeros() as usize + 1;
    if length > 8 {
        return None;
    }
    let mask = (1_u64 << (7 * length)) - 1;
    let value = bytes.get(..length)?.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)) & mask;
    (value != mask).then_some((value, length))
}

/// Returns the document type from the EBML header.
pub(super) fn doc_type(head: &[u8]) -> Option<String> {
    let at = head.windows(2).position(|pair| pair == [0x42, 0x82])? + 2;
    let (length, used) = vint(head.get(at..)?)?;
    let start = at + used;
    let text = head.get(start..start.checked_add(usize::try_from(length).ok()?)?)?;
    Some(String::from_utf8_lossy(text).trim_end_matches('\0').to_owned())
}

/// Returns the declared end of the first segment as an offset in the file.
pub(super) fn segment_end(head: &[u8]) -> Option<u64> {
    let (length, used) = vint(head.get(4..)?)?;
    let segment = usize::try_from(length).ok()?.checked_add(4 + used)?;
    if head.get(segment..segment.checked_add(4)?)? != [0x18, 0x53, 0x80, 0x67] {
        return None;
    }
    let (length, used) = vint(head.get(segment + 4..)?)?;
    length.checked_add((segment + 4 + used) as u64)
}

/// Returns the time of the last complete block near the end of the file, in units of the segment's time
/// scale.
///
/// Reads only a few megabytes at the end, for files whose packets are too many to read.
///
/// # Errors
/// Fails only when reading fails.
pub(crate) fn last_block<B: Bytes + ?Sized>(bytes: &B) -> io::Result<Option<u64>> {
    last_block_before(bytes, bytes.len()?)
}

/// Returns the time of the last complete block near the end of a segment that ends at this offset.
pub(super) fn last_block_before<B: Bytes + ?Sized>(bytes: &B, size: u64) -> io::Result<Option<u64>> {
    let from = size.saturating_sub(TAIL);
    let tail = read_range(bytes, from, (size - from) as usize)?;
    let mut end = tail.len();
    while let Some(at) = tail[..end].windows(4).rposition(|window| window == CLUSTER) {
        if let Some(time) = latest_time(&tail[at + 4..]) {
            return Ok(Some(time));
        }
        end = at + 3;
    }
    Ok(None)
}

/// Returns the time of the first cluster after an offset, which is near.
pub(super) fn first_cluster_after<B: Bytes + ?Sized>(bytes: &B, offset: u64) -> io::Result<Option<u64>> {
    const NEAR: usize = 1 << 20;
    let head = read_range(bytes, offset, NEAR)?;
    let at = head.windows(4).position(|window| window == CLUSTER);
    Ok(at.and_then(|at| cluster_time(head.get(at + 4..)?)))
}

/// Returns the time that a cluster declares.
fn cluster_time(bytes: &[u8]) -> Option<u64> {
    let size_bytes = bytes.first()?.leading_zeros() as usize + 1;
    let at = bytes.get(size_bytes..)?.iter().take(64).position(|&byte| byte == TIMESTAMP)? + size_bytes + 1;
    let (length, used) = vint(bytes.get(at..)?)?;
    let from = at + used;
    let value = bytes.get(from..from.checked_add(usize::try_from(length).ok()?)?)?;
    Some(value.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
}

/// Returns the latest time in a cluster, which may be truncated.
fn latest_time(bytes: &[u8]) -> Option<u64> {
    let size_bytes = bytes.first()?.leading_zeros() as usize + 1;
    let mut rest = bytes.get(size_bytes..).filter(|_| size_bytes <= 8)?;
    let (mut begin, mut last) = (None, None);
    while let Some((&id, after)) = rest.split_first() {
        // Elements after the cluster have longer ids, except padding and checksums.
        if id < 0x80 {
            break;
        }
        let Some((length, used)) = vint(after) else { break };
        let content = after.get(used..).unwrap_or_default();
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        // A truncated block does not count.
        let Some((content, next)) = content.split_at_checked(length) else { break };
        let time = |block: &[u8]| {
            let (_, used) = vint(block)?;
            let relative = block.get(used..used + 2)?;
            let relative = i64::from(i16::from_be_bytes([relative[0], relative[1]]));
            begin.and_then(|begin: u64| begin.checked_add_signed(relative))
        };
        match id {
            TIMESTAMP if length <= 8 => {
                begin = Some(content.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)));
            }
            SIMPLE_BLOCK => last = last.max(time(content)),
            BLOCK_GROUP if content.first() == Some(&BLOCK) => {
                let inner = vint(&content[1..]).and_then(|(_, used)| content.get(1 + used..));
                last = last.max(inner.and_then(time));
            }
            _ => {}
        }
        rest = next;
    }
    last.or(begin)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn parses_variable_size_integers() {
        assert_eq!(vint(&[0xff]), None);
        assert_eq!(vint(&[0x40, 0x02]), Some((2, 2)));
        assert_eq!(vint(&[0]), None);
    }

    #[test]
    fn compares_the_segment_size_with_the_file() {
        let head = |length: &[u8]| {
            [&[0x1a, 0x45, 0xdf, 0xa3, 0x84, 1, 2, 3, 4, 0x18, 0x53, 0x80, 0x67], length].concat()
        };
        assert_eq!(read(&head(&[0x85]), 19), Completeness::Whole);
        assert!(matches!(read(&head(&[0x85]), 18), Completeness::Missing { .. }));
        assert_eq!(read(&head(&[0xff]), 18), Completeness::Unknown);
    }

    #[test]
    fn finds_the_last_complete_block() {
        let cluster = |time: u16| {
            let [high, low] = time.to_be_bytes();
            let open = [0x01, 255, 255, 255, 255, 255, 255, 255];
            let group = [BLOCK_GROUP, 0x88, BLOCK, 0x86, 0x82, 0, 50, 0, 1, 2];
            let block = [SIMPLE_BLOCK, 0x86, 0x81, 0, 40, 0, 1, 2];
            [&CLUSTER[..], &open, &[TIMESTAMP, 0x82, high, low], &group, &block].concat()
        };
        // The last cluster is truncated before its timestamp.
        let file = [cluster(10), cluster(2000), cluster(4000), CLUSTER.to_vec()].concat();
        assert_eq!(last_block(&file[..]).unwrap(), Some(4050));
        // Both blocks of the last cluster are truncated, so only its timestamp is known.
        assert_eq!(last_block(&file[..file.len() - 14]).unwrap(), Some(4000));
        assert_eq!(last_block(&[7; 100][..]).unwrap(), None);
    }
}
