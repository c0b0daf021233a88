//! What a container says about itself before anything of it is decoded.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::isobmff::{self, Track};
use crate::model::Completeness;

/// The container's own words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Declared {
    /// Whether it consists of ISO boxes.
    pub iso: bool,
    /// The major brand.
    pub major_brand: Option<String>,
    /// Matroska's document type.
    pub doc_type: Option<String>,
    /// Whether `moov` comes first.
    pub fast_start: Option<bool>,
    /// Whether the samples lie in fragments.
    pub fragmented: Option<bool>,
    /// Whether the container declares its size at all.
    pub sized: bool,
    /// Whether the declared bytes are there.
    pub completeness: Completeness,
    /// The tracks of an ISO file.
    pub tracks: Vec<Track>,
}

/// Reads what a file declares.
///
/// # Errors
/// Only those of reading.
pub fn read(file: &File) -> io::Result<Declared> {
    let mut declared = Declared::default();
    if let Some(layout) = isobmff::read(file)? {
        declared.iso = true;
        declared.major_brand = layout.major_brand;
        declared.fast_start = layout.fast_start;
        declared.fragmented = Some(layout.fragmented);
        declared.sized = layout.missing.is_none();
        if let Some(reason) = layout.missing {
            declared.completeness = Completeness::Missing { first_missing_s: None, reason };
        }
        declared.tracks = layout.tracks;
        return Ok(declared);
    }
    let size = file.metadata()?.len();
    let mut head = [0; 256];
    let count = file.read_at(&mut head, 0)?;
    let head = &head[..count];
    let end = if head.starts_with(b"RIFF") {
        head.get(4..8).and_then(|b| b.try_into().ok()).map(|b| u64::from(u32::from_le_bytes(b)) + 8)
    } else if head.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]) {
        declared.doc_type = doc_type(head);
        segment_end(head)
    } else {
        None
    };
    match end.filter(|&end| end > 8) {
        Some(end) if end > size => {
            let reason = format!("the file declares {end} bytes, {size} are there");
            declared.completeness = Completeness::Missing { first_missing_s: None, reason };
        }
        Some(_) => declared.sized = true,
        None => {}
    }
    Ok(declared)
}

/// A variable-length number of EBML and how many bytes it takes; `None` for "unknown".
fn number(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let length = first.leading_zeros() as usize + 1;
    if length > 8 {
        return None;
    }
    let mask = (1_u64 << (7 * length)) - 1;
    let value = bytes.get(..length)?.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)) & mask;
    (value != mask).then_some((value, length))
}

fn doc_type(head: &[u8]) -> Option<String> {
    let at = head.windows(2).position(|pair| pair == [0x42, 0x82])? + 2;
    let (length, used) = number(&head[at..])?;
    let text = head.get(at + used..at + used + usize::try_from(length).ok()?)?;
    Some(String::from_utf8_lossy(text).trim_end_matches('\0').to_owned())
}

/// Where the first segment ends, by its declared size.
fn segment_end(head: &[u8]) -> Option<u64> {
    let (length, used) = number(head.get(4..)?)?;
    let segment = usize::try_from(length).ok()?.checked_add(4 + used)?;
    if head.get(segment..segment.checked_add(4)?)? != [0x18, 0x53, 0x80, 0x67] {
        return None;
    }
    let (length, used) = number(head.get(segment + 4..)?)?;
    length.checked_add((segment + 4 + used) as u64)
}

/// Our short name for what FFmpeg's demuxer of this name read.
pub fn container_name(demuxer: &str, declared: &Declared) -> String {
    let name = match demuxer.split(',').next().unwrap_or_default() {
        "mov" => match declared.major_brand.as_deref() {
            Some("qt  ") => "mov",
            Some(brand) if brand.starts_with("3g") => "3gp",
            Some(_) => "mp4",
            None => "mov",
        },
        "matroska" if declared.doc_type.as_deref() == Some("webm") => "webm",
        "mpeg" => "mpegps",
        other => other,
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_brand_and_document_type() {
        let iso = |brand: &str| Declared { major_brand: Some(brand.into()), ..Declared::default() };
        assert_eq!(container_name("mov,mp4,m4a,3gp,3g2,mj2", &iso("qt  ")), "mov");
        assert_eq!(container_name("mov,mp4,m4a,3gp,3g2,mj2", &iso("isom")), "mp4");
        assert_eq!(container_name("mov,mp4,m4a,3gp,3g2,mj2", &iso("3gp4")), "3gp");
        let webm = Declared { doc_type: Some("webm".into()), ..Declared::default() };
        assert_eq!(container_name("matroska,webm", &webm), "webm");
        assert_eq!(container_name("matroska,webm", &Declared::default()), "matroska");
    }

    #[test]
    fn unknown_sizes_are_unknown() {
        assert_eq!(number(&[0xff]), None);
        assert_eq!(number(&[0x40, 0x02]), Some((2, 2)));
        assert_eq!(number(&[0]), None);
    }
}
