//! Reads the headers and the content of boxes.

use std::io;

use crate::probe::bytes::{Bytes, read_range};

/// Boxes read on one level.
pub(super) const MAX_BOXES: usize = 20_000;
/// Bytes of the content of one box read into memory.
const MAX_CONTENT: u64 = 1 << 20;

/// A box: its type, the offsets of its header and content, and its declared end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BoxHeader {
    pub(crate) kind: [u8; 4],
    pub(crate) start: u64,
    pub(crate) content: u64,
    pub(crate) end: u64,
}

/// Returns the boxes between the offsets `from` and `to`; the last may end beyond `to`.
pub(crate) fn boxes<B: Bytes + ?Sized>(bytes: &B, from: u64, to: u64) -> io::Result<Vec<BoxHeader>> {
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
        found.push(BoxHeader { kind: [k0, k1, k2, k3], start, content: start + header, end });
        start = end;
    }
    Ok(found)
}

/// Returns the box at the end of a path of box types inside `from`.
pub(super) fn descendant<B: Bytes + ?Sized>(
    bytes: &B,
    from: &BoxHeader,
    path: &[&[u8; 4]],
) -> io::Result<Option<BoxHeader>> {
    let size = bytes.len()?;
    let mut current = *from;
    for kind in path {
        let inside = boxes(bytes, current.content, current.end.min(size))?;
        let Some(found) = inside.into_iter().find(|found| &&found.kind == kind) else { return Ok(None) };
        current = found;
    }
    Ok(Some(current))
}

/// Returns the content of a box, at most [`MAX_CONTENT`] bytes.
pub(super) fn read_content<B: Bytes + ?Sized>(bytes: &B, found: &BoxHeader) -> io::Result<Vec<u8>> {
    read_range(bytes, found.content, found.end.saturating_sub(found.content).min(MAX_CONTENT) as usize)
}

/// Returns the bytes of a box.
#[cfg(test)]
pub(crate) fn make(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 8).to_be_bytes(), &kind[..], content].concat()
}
