//! Removes the metadata of JPEG and PNG files, and keeps the coded image and its colour profile.

use crate::job::JobError;
use crate::libav::error::failed;
use crate::plan::OutputContainer;

/// PNG chunks that only describe the image.
const PNG_METADATA: [&[u8; 4]; 5] = [b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"tIME"];
const PNG_SIGNATURE: usize = 8;

/// Returns the bytes of the file without metadata, and without what follows the image.
///
/// # Errors
///
/// [`JobError::Failed`] when the file has another structure.
pub(super) fn without_metadata(source: &[u8], container: OutputContainer) -> Result<Vec<u8>, JobError> {
    let kept = if container == OutputContainer::Png { png(source) } else { jpeg(source) };
    kept.ok_or_else(|| failed("the structure of the image is damaged, so its metadata cannot be removed"))
}

fn png(source: &[u8]) -> Option<Vec<u8>> {
    let mut kept = source.get(..PNG_SIGNATURE)?.to_vec();
    let mut at = PNG_SIGNATURE;
    loop {
        let length = u32::from_be_bytes(source.get(at..at + 4)?.try_into().ok()?) as usize;
        let end = at.checked_add(length)?.checked_add(12)?;
        let (chunk, kind) = (source.get(at..end)?, source.get(at + 4..at + 8)?);
        if !PNG_METADATA.iter().any(|dropped| kind == *dropped) {
            kept.extend_from_slice(chunk);
        }
        if kind == b"IEND" {
            return Some(kept);
        }
        at = end;
    }
}

fn jpeg(source: &[u8]) -> Option<Vec<u8>> {
    let mut kept = source.get(..2)?.to_vec();
    let mut at = 2;
    loop {
        let [0xff, kind] = source.get(at..at + 2)? else { return None };
        match kind {
            // A fill byte before the marker.
            0xff => {
                at += 1;
                continue;
            }
            0xd9 => {
                kept.extend_from_slice(&[0xff, 0xd9]);
                return Some(kept);
            }
            _ => {}
        }
        let length = usize::from(u16::from_be_bytes(source.get(at + 2..at + 4)?.try_into().ok()?));
        let mut end = at.checked_add(2 + length)?;
        if *kind == 0xda {
            end = scan_end(source, end)?;
        }
        let segment = source.get(at..end)?;
        if keeps(*kind, segment.get(4..)?) {
            kept.extend_from_slice(segment);
        }
        at = end;
    }
}

/// Returns whether the decoded image depends on a segment: JFIF, the colour profile, and Adobe's colour transform are
/// application segments too.
fn keeps(kind: u8, content: &[u8]) -> bool {
    match kind {
        0xe0 => content.starts_with(b"JFIF\0"),
        0xe2 => content.starts_with(b"ICC_PROFILE\0"),
        0xee => content.starts_with(b"Adobe"),
        0xe1..=0xef | 0xfe => false,
        _ => true,
    }
}

/// Returns where the coded data of a scan ends: at a marker that is neither a stuffed byte nor a restart.
fn scan_end(source: &[u8], from: usize) -> Option<usize> {
    let coded = source.get(from..)?;
    let is_end = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0xd0..=0xd7 | 0xff);
    Some(from + coded.windows(2).position(is_end)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keeps_what_the_pixels_depend_on() {
        let segment = |kind: u8, content: &[u8]| {
            [&[0xff, kind], &(content.len() as u16 + 2).to_be_bytes()[..], content].concat()
        };
        let start = [&[0xff, 0xd8][..], &segment(0xe0, b"JFIF\0\x01\x01")].concat();
        let (profile, table) = (segment(0xe2, b"ICC_PROFILE\0\x01\x01x"), segment(0xdb, b"table"));
        let scan = [&segment(0xda, b"head")[..], &[1, 0xff, 0, 2, 0xff, 0xd3, 3]].concat();
        let dropped = [segment(0xe1, b"Exif\0\0II*\0"), segment(0xfe, b"text"), segment(0xed, b"x")].concat();
        let file = [&start[..], &dropped, &profile, &table, &scan, &scan, &[0xff, 0xd9], b"a video"].concat();
        let kept = [&start[..], &profile, &table, &scan, &scan, &[0xff, 0xd9]].concat();
        assert_eq!(without_metadata(&file, OutputContainer::Jpeg).unwrap(), kept);
        for length in 0..file.len() - 9 {
            without_metadata(&file[..length], OutputContainer::Jpeg).unwrap_err();
        }
    }

    #[test]
    fn drops_the_text_of_a_png() {
        let chunk = |kind: &[u8; 4], content: &[u8]| {
            [&(content.len() as u32).to_be_bytes(), &kind[..], content, &[9; 4]].concat()
        };
        let (head, end) = (chunk(b"IHDR", &[1; 13]), chunk(b"IEND", &[]));
        let signature = b"\x89PNG\r\n\x1a\n";
        let file =
            [&signature[..], &head, &chunk(b"tEXt", b"who"), &chunk(b"eXIf", b"II*\0"), &end, b"x"].concat();
        let kept = [&signature[..], &head, &end].concat();
        assert_eq!(without_metadata(&file, OutputContainer::Png).unwrap(), kept);
        without_metadata(&file[..30], OutputContainer::Png).unwrap_err();
    }
}
