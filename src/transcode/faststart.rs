//! Moves `moov` in front of the media data, in place and without a second file.
//!
//! The muxer's own second pass reopens the file by name, which a sandboxed worker cannot do. Layout
//! before: `ftyp … mdat moov`; after: `ftyp moov … mdat`. Everything between the new and the old
//! position of `moov` moves back by its size, so every chunk offset grows by that size (ISO/IEC
//! 14496-12, 8.7.5). Offsets that no longer fit 32 bits turn `stco` into `co64`.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::probe::file_size;
use crate::probe::isobmff::{BoxHeader, boxes};

/// Maximum size of `moov`; greenlit would only exceed it for a video of several weeks.
const MAX_MOOV_BYTES: u64 = 256 << 20;
/// Maximum file size for reserving space; in larger files `moov` is moved instead.
const MAX_RESERVED_FILE_BYTES: u64 = 3 << 30;
/// Bytes moved per block.
const BLOCK_BYTES: usize = 1 << 20;
/// Container boxes on the path from `moov` to the chunk offsets.
const CONTAINERS: [&[u8; 4]; 5] = [b"moov", b"trak", b"mdia", b"minf", b"stbl"];

/// Why `moov` could not be moved.
#[derive(Debug, thiserror::Error)]
pub enum FaststartError {
    /// Reading or writing failed.
    #[error("cannot move the index (moov) to the front: reading or writing the output failed")]
    Io(#[from] io::Error),
    /// The boxes are not laid out as expected; the file is unchanged.
    #[error("cannot move the index (moov) of the output to the front: {0}")]
    Layout(String),
}

/// Moves `moov` to just behind `ftyp`. Returns whether anything was moved. Calls `on_block` after
/// every moved block of media data.
///
/// # Errors
///
/// [`FaststartError::Layout`] when the boxes do not fit the file or something follows `moov`; the
/// file is unchanged then. After [`FaststartError::Io`] the file must be discarded.
pub fn move_moov_first(file: &File, on_block: &mut dyn FnMut()) -> Result<bool, FaststartError> {
    let length = file_size(file)?;
    let boxes = top_level(file, length)?;
    let find = |kind: &[u8; 4]| boxes.iter().find(|b| &b.kind == kind).copied();
    let layout = |what: &str| FaststartError::Layout(what.to_owned());
    let moov = find(b"moov").ok_or_else(|| layout("the file has no `moov` box"))?;
    let Some(mdat) = find(b"mdat") else { return Ok(false) };
    if moov.start < mdat.start {
        return Ok(false);
    }
    if moov.end != length {
        return Err(layout("`moov` is not the last box"));
    }
    if moov.end - moov.start > MAX_MOOV_BYTES {
        return Err(layout("`moov` is too large"));
    }
    let insert = after_ftyp(&boxes);
    let new = moved_moov(&read_box(file, &moov)?, insert)?;
    let shift = new.len() as u64;
    shift_back(file, insert, moov.start, shift, on_block)?;
    file.write_all_at(&new, insert)?;
    file.set_len(moov.start + shift)?;
    Ok(true)
}

/// Returns the size of the `moov` that ends a file, from the first bytes of the file and its length.
/// Returns `None` where the layout or the size requires [`move_moov_first`].
#[must_use]
pub fn moov_size_from_head(head: &[u8], length: u64) -> Option<u64> {
    let boxes = boxes(head, 0, length).ok()?;
    let first = boxes.iter().find(|found| matches!(&found.kind, b"moov" | b"mdat"));
    let mdat = first.filter(|first| &first.kind == b"mdat")?;
    let bytes = length.checked_sub(mdat.end)?;
    (bytes >= 8 && can_reserve(bytes, length)).then_some(bytes)
}

/// Returns whether `bytes` may be reserved for `moov` in a file of `length` bytes. In a larger file shifted
/// offsets might exceed 32 bits, and `moov` would outgrow the reserved space.
#[must_use]
pub fn can_reserve(bytes: u64, length: u64) -> bool {
    bytes <= MAX_MOOV_BYTES && length <= MAX_RESERVED_FILE_BYTES
}

/// Returns the offset at which space for `moov` is reserved, from the first bytes of a file.
#[must_use]
pub fn moov_offset(head: &[u8]) -> u64 {
    boxes(head, 0, head.len() as u64).map_or(0, |boxes| after_ftyp(&boxes))
}

fn after_ftyp(boxes: &[BoxHeader]) -> u64 {
    boxes.first().filter(|first| &first.kind == b"ftyp").map_or(0, |first| first.end)
}

/// Moves the `moov` that ends a file into the space reserved for it and adds the reserved size to its chunk
/// offsets. Remaining space becomes a `free` box. If the space is too small, the media data is moved, and
/// `on_block` is called after every block.
///
/// # Errors
///
/// As [`move_moov_first`]. The file must be discarded then.
pub fn fill_reserved_moov(
    file: &File,
    reserved: u64,
    on_block: &mut dyn FnMut(),
) -> Result<(), FaststartError> {
    let layout = |what: &str| FaststartError::Layout(what.to_owned());
    let free = |bytes: u64| -> Result<[u8; 8], FaststartError> {
        let size = u32::try_from(bytes).map_err(|_| layout("`moov` is too large"))?.to_be_bytes();
        Ok([size[0], size[1], size[2], size[3], b'f', b'r', b'e', b'e'])
    };
    let mut head = [0; 8];
    file.read_exact_at(&mut head, 0)?;
    let at = moov_offset(&head);
    // The reserved bytes must form a box for `top_level` to parse the file.
    file.write_all_at(&free(reserved)?, at)?;
    let boxes = top_level(file, file_size(file)?)?;
    let moov = boxes
        .last()
        .filter(|last| &last.kind == b"moov")
        .ok_or_else(|| layout("`moov` is not the last box"))?;
    let old = read_box(file, moov)?;
    let new = rewrite(&old, Shift { by: reserved, from: at, wide: false })?
        .filter(|new| new.len() == old.len())
        .ok_or_else(|| layout("a chunk offset does not fit 32 bits"))?;
    match reserved.checked_sub(old.len() as u64) {
        Some(0) => file.write_all_at(&new, at)?,
        Some(rest @ 8..) => file.write_all_at(&[&new[..], &free(rest)?].concat(), at)?,
        _ => {
            file.write_all_at(&new, moov.start)?;
            return move_moov_first(file, on_block).map(drop);
        }
    }
    file.set_len(moov.start)?;
    Ok(())
}

/// Lists the top-level boxes.
fn top_level(file: &File, length: u64) -> Result<Vec<BoxHeader>, FaststartError> {
    let boxes = boxes(file, 0, length)?;
    let (end, last) = boxes.last().map_or((0, 0), |last| (last.end, last.start));
    if end == length {
        return Ok(boxes);
    }
    let at = if end > length { last } else { end };
    Err(FaststartError::Layout(format!("the box at byte {at} extends beyond the end of the file")))
}

fn read_box(file: &File, found: &BoxHeader) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; (found.end - found.start) as usize];
    file.read_exact_at(&mut bytes, found.start)?;
    Ok(bytes)
}

/// Returns `moov` with every chunk offset increased by the size of the result.
fn moved_moov(old: &[u8], insert: u64) -> Result<Vec<u8>, FaststartError> {
    for wide in [false, true] {
        // The size does not depend on the offset values, so a first rewrite measures it.
        let size = rewrite(old, Shift { by: 0, from: insert, wide })?.map_or(0, |bytes| bytes.len());
        if let Some(new) = rewrite(old, Shift { by: size as u64, from: insert, wide })? {
            return Ok(new);
        }
    }
    Err(FaststartError::Layout("a chunk offset does not fit 64 bits".to_owned()))
}

/// A shift of chunk offsets: those at or after `from` grow by `by`; `wide` forces `co64`.
#[derive(Clone, Copy)]
struct Shift {
    by: u64,
    from: u64,
    wide: bool,
}

/// Rewrites the boxes in `bytes`. Returns `None` when an offset does not fit its box.
fn rewrite(bytes: &[u8], shift: Shift) -> Result<Option<Vec<u8>>, FaststartError> {
    let broken = || FaststartError::Layout("a box inside `moov` extends beyond its parent".to_owned());
    let boxes = boxes(bytes, 0, bytes.len() as u64)?;
    let end = boxes.last().map_or(0, |last| last.end);
    // QuickTime terminates some lists with four zero bytes.
    let rest = bytes.get(end as usize..).filter(|rest| rest.len() < 8).ok_or_else(broken)?;
    let mut out = Vec::with_capacity(bytes.len() + 16);
    for BoxHeader { kind, start, content, end } in boxes {
        let body = &bytes[content as usize..end as usize];
        if CONTAINERS.contains(&&kind) {
            let Some(inner) = rewrite(body, shift)? else { return Ok(None) };
            push_box(&mut out, kind, &inner)?;
        } else if &kind == b"stco" || &kind == b"co64" {
            let Some((kind, inner)) = shifted_offsets(kind, body, shift).ok_or_else(broken)? else {
                return Ok(None);
            };
            push_box(&mut out, kind, &inner)?;
        } else {
            out.extend_from_slice(&bytes[start as usize..end as usize]);
        }
    }
    out.extend_from_slice(rest);
    Ok(Some(out))
}

/// Shifts the offsets of a chunk offset box. The outer `None` means that the box is malformed, the inner
/// one that an offset needs more than 32 bits.
fn shifted_offsets(kind: [u8; 4], body: &[u8], shift: Shift) -> Option<Option<([u8; 4], Vec<u8>)>> {
    let width = if &kind == b"stco" { 4 } else { 8 };
    let count = u32::from_be_bytes(*body.get(4..)?.first_chunk()?) as usize;
    let table = body.get(8..8 + count.checked_mul(width)?)?;
    let wide = shift.wide || width == 8;
    let mut out = body[..8].to_vec();
    for entry in table.chunks_exact(width) {
        let value = entry.iter().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
        let shifted = if value >= shift.from { value.checked_add(shift.by)? } else { value };
        match (wide, u32::try_from(shifted)) {
            (true, _) => out.extend_from_slice(&shifted.to_be_bytes()),
            (false, Ok(narrow)) => out.extend_from_slice(&narrow.to_be_bytes()),
            (false, Err(_)) => return Some(None),
        }
    }
    Some(Some((if wide { *b"co64" } else { *b"stco" }, out)))
}

fn push_box(out: &mut Vec<u8>, kind: [u8; 4], body: &[u8]) -> Result<(), FaststartError> {
    let size = u32::try_from(body.len() + 8)
        .map_err(|_| FaststartError::Layout("a box inside `moov` is too large".to_owned()))?;
    out.extend_from_slice(&size.to_be_bytes());
    out.extend_from_slice(&kind);
    out.extend_from_slice(body);
    Ok(())
}

/// Moves the bytes `from..to` back by `by`, last block first.
fn shift_back(file: &File, from: u64, to: u64, by: u64, on_block: &mut dyn FnMut()) -> io::Result<()> {
    let mut block = vec![0; BLOCK_BYTES];
    let mut end = to;
    while end > from {
        let size = (end - from).min(BLOCK_BYTES as u64) as usize;
        let start = end - size as u64;
        file.read_exact_at(&mut block[..size], start)?;
        file.write_all_at(&block[..size], start + by)?;
        end = start;
        on_block();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write;

    use super::*;

    fn bx(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        push_box(&mut out, *kind, body).unwrap();
        out
    }

    fn moov(kind: &[u8; 4], offsets: &[u64]) -> Vec<u8> {
        let mut body = vec![0; 4];
        body.extend((offsets.len() as u32).to_be_bytes());
        for offset in offsets {
            let bytes = offset.to_be_bytes();
            body.extend(if kind == b"stco" { &bytes[4..] } else { &bytes[..] });
        }
        let stbl = bx(b"stbl", &[bx(b"stsd", b"xx"), bx(kind, &body)].concat());
        bx(b"moov", &bx(b"trak", &bx(b"mdia", &bx(b"minf", &stbl))))
    }

    fn file_of(parts: &[&[u8]]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&parts.concat()).unwrap();
        file
    }

    fn content(file: &File) -> Vec<u8> {
        let mut bytes = vec![0; file.metadata().unwrap().len() as usize];
        file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    #[test]
    fn chunk_offsets_point_at_the_same_bytes_after_the_move() {
        let ftyp = bx(b"ftyp", b"isom0000");
        // More than one block, so that the source and target ranges overlap.
        let media: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
        let mdat = bx(b"mdat", &media);
        let first = ftyp.len() as u64 + 8;
        let old = moov(b"stco", &[first, first + 2_000_000]);
        let file = file_of(&[&ftyp, &mdat, &old]);
        assert!(move_moov_first(&file, &mut || ()).unwrap());
        let by = old.len() as u64;
        let expected = [ftyp, moov(b"stco", &[first + by, first + 2_000_000 + by]), mdat].concat();
        assert!(content(&file) == expected);
        assert!(!move_moov_first(&file, &mut || ()).unwrap(), "a second run moves nothing");
    }

    /// Returns a file with reserved space for `moov`, and its boxes.
    fn file_with_reserved(reserved: usize, media: &[u8]) -> (File, Vec<u8>, Vec<u8>, Vec<u8>) {
        let ftyp = bx(b"ftyp", b"isom0000");
        let mdat = bx(b"mdat", media);
        let first = ftyp.len() as u64 + 8;
        let old = moov(b"stco", &[first, first + media.len() as u64 / 2]);
        (file_of(&[&ftyp, &vec![0; reserved], &mdat, &old]), ftyp, mdat, old)
    }

    #[test]
    fn filling_reserved_space_gives_the_same_bytes_as_moving() {
        let (_, ftyp, mdat, old) = file_with_reserved(0, &[7; 5000]);
        let unmoved = [&ftyp[..], &mdat, &old].concat();
        let reserved = moov_size_from_head(&unmoved[..100], unmoved.len() as u64).unwrap();
        assert_eq!((reserved, moov_offset(&unmoved)), (old.len() as u64, ftyp.len() as u64));
        let (file, ..) = file_with_reserved(reserved as usize, &[7; 5000]);
        fill_reserved_moov(&file, reserved, &mut || ()).unwrap();
        let moved = file_of(&[&unmoved]);
        assert!(move_moov_first(&moved, &mut || ()).unwrap());
        assert!(content(&file) == content(&moved));
    }

    #[test]
    fn reserved_space_of_any_size_gives_a_valid_file() {
        let media: Vec<u8> = (0..5000u32).map(|i| (i % 251) as u8).collect();
        let needed = file_with_reserved(0, &media).3.len();
        for reserved in [needed + 8, needed + 500, needed + 3, needed - 1, 8] {
            let (file, ftyp, mdat, _) = file_with_reserved(reserved, &media);
            fill_reserved_moov(&file, reserved as u64, &mut || ()).unwrap();
            let bytes = content(&file);
            let boxes = top_level(&file, bytes.len() as u64).unwrap();
            let kinds: Vec<_> = boxes.iter().map(|one| &one.kind).collect();
            assert_eq!(kinds, [b"ftyp", b"moov", b"free", b"mdat"], "{reserved}");
            let [first, second] = [0, media.len() / 2].map(|at| boxes[3].start + 8 + at as u64);
            let expected = moov(b"stco", &[first, second]);
            assert!(bytes[ftyp.len()..ftyp.len() + needed] == expected, "{reserved}");
            assert!(bytes[boxes[3].start as usize..] == mdat, "{reserved}");
        }
    }

    #[test]
    fn reports_no_moov_size_for_other_layouts() {
        assert_eq!(moov_size_from_head(&moov(b"stco", &[20]), 1000), None, "moov is already first");
        assert_eq!(moov_size_from_head(&[0xff; 64], 64), None);
    }

    #[test]
    fn stco_becomes_co64_when_an_offset_exceeds_32_bits() {
        let old = moov(b"stco", &[100, u64::from(u32::MAX) - 10]);
        let new = moved_moov(&old, 16).unwrap();
        let by = new.len() as u64;
        assert_eq!(new, moov(b"co64", &[100 + by, u64::from(u32::MAX) - 10 + by]));
    }

    #[test]
    fn rejects_an_unexpected_layout_and_leaves_the_file_unchanged() {
        let parts = [bx(b"ftyp", b"isom"), bx(b"mdat", b"data"), moov(b"stco", &[20]), bx(b"free", b"")];
        let file = file_of(&parts.each_ref().map(Vec::as_slice));
        assert!(matches!(move_moov_first(&file, &mut || ()), Err(FaststartError::Layout(_))));
        assert_eq!(content(&file), parts.concat());
        let short = file_of(&[&bx(b"ftyp", b"isom"), &[0, 0, 9, 9, b'm', b'd', b'a', b't']]);
        assert!(matches!(move_moov_first(&short, &mut || ()), Err(FaststartError::Layout(_))));
    }

    #[test]
    fn rejects_a_chunk_count_beyond_the_box() {
        let mut bytes = moov(b"stco", &[20]);
        let at = bytes.len() - 5;
        bytes[at] = 99;
        assert!(matches!(moved_moov(&bytes, 8), Err(FaststartError::Layout(_))));
    }
}
