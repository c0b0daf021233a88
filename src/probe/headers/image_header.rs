//! The metadata, the colour profile and the orientation of JPEG, PNG, WebP and AVIF files.

use std::io;

use super::super::bytes::{Bytes, read_range};
use super::super::isobmff::boxes;
use super::exif;
use super::icc;
use crate::model::{Flip, ImageHeader, ImageMetadata, ImageObstacle, Rotation};

/// Parts of a file that are read; more hold no new kind.
const MAX_PARTS: usize = 10_000;
/// Bytes of a part that are read: a JPEG segment has no more, and what is searched is at the start of the others.
const PART_BYTES: usize = 64 << 10;
/// Bytes of the item tables of an AVIF file that are searched.
const ITEM_BYTES: u64 = 1 << 20;
/// Boxes and item types of images that are composed, rotated, cropped, or have an auxiliary image.
const COMPOSED: [&[u8]; 6] = [b"irot", b"imir", b"clap", b"grid", b"iovl", b"auxC"];

const EXIF: &[u8] = b"Exif\0\0";
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const PHOTOSHOP: &[u8] = b"Photoshop 3.0\0";
const ICC: &[u8] = b"ICC_PROFILE\0";

/// What an image file declares of its display and its content.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeclaredImage {
    /// The declarations that become facts as they are.
    pub header: ImageHeader,
    /// The clockwise rotation that a viewer applies.
    pub rotation: Rotation,
    /// The reflection that a viewer applies before the rotation.
    pub flip: Option<Flip>,
}

impl DeclaredImage {
    fn add_exif(&mut self, tiff: &[u8]) {
        self.header.add_metadata(ImageMetadata::Exif);
        let exif = exif::read(tiff).unwrap_or_default();
        if exif.has_position {
            self.header.add_metadata(ImageMetadata::Gps);
        }
        // EXIF 3.0, 4.6.5.1: the rows and columns of the stored image, from the top left of the shown one.
        (self.flip, self.rotation) = match exif.orientation {
            Some(2) => (Some(Flip::Horizontal), Rotation::None),
            Some(3) => (None, Rotation::Half),
            Some(4) => (Some(Flip::Vertical), Rotation::None),
            Some(5) => (Some(Flip::Horizontal), Rotation::ThreeQuarters),
            Some(6) => (None, Rotation::Quarter),
            Some(7) => (Some(Flip::Horizontal), Rotation::Quarter),
            Some(8) => (None, Rotation::ThreeQuarters),
            _ => (self.flip, self.rotation),
        };
    }

    fn add_profile(&mut self, name: Option<String>) {
        self.header.color_profile.get_or_insert_with(|| name.unwrap_or_default());
    }
}

/// Reads the declarations of an image whose first bytes are `head`; `None` for other files.
pub(super) fn read<B: Bytes + ?Sized>(bytes: &B, head: &[u8]) -> io::Result<Option<DeclaredImage>> {
    let is_webp = head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP");
    if head.starts_with(b"\xff\xd8\xff") {
        jpeg(bytes).map(Some)
    } else if head.starts_with(b"\x89PNG\r\n\x1a\n") {
        png(bytes).map(Some)
    } else if is_webp {
        webp(bytes).map(Some)
    } else {
        Ok(None)
    }
}

fn jpeg<B: Bytes + ?Sized>(bytes: &B) -> io::Result<DeclaredImage> {
    const COMMENT: u8 = 0xfe;
    let mut image = DeclaredImage::default();
    let mut at = 2;
    for _ in 0..MAX_PARTS {
        let head = read_range(bytes, at, 4)?;
        let &[0xff, kind, high, low] = &head[..] else { break };
        let length = u64::from(u16::from_be_bytes([high, low]));
        match kind {
            0xff => at += 1,
            0x01 | 0xd0..=0xd8 => at += 2,
            // The scan, and the end of the image.
            0xda | 0xd9 => break,
            _ => {
                if matches!(kind, 0xc0..=0xc3 | 0xe1 | 0xe2 | 0xed | COMMENT) {
                    let content = read_range(bytes, at + 4, length.saturating_sub(2) as usize)?;
                    jpeg_segment(kind, &content, &mut image);
                }
                at += 2 + length;
            }
        }
    }
    Ok(image)
}

fn jpeg_segment(kind: u8, content: &[u8], image: &mut DeclaredImage) {
    match kind {
        // Precision, height, width, number of components.
        0xc0..=0xc3 if content.get(5) == Some(&4) => image.header.obstacle = Some(ImageObstacle::Cmyk),
        0xc0..=0xc3 => {}
        0xe1 if content.starts_with(EXIF) => image.add_exif(&content[EXIF.len()..]),
        0xe1 if content.starts_with(XMP) => image.header.add_metadata(ImageMetadata::Xmp),
        // The number of the part and the number of all parts follow.
        0xe2 if content.starts_with(ICC) => {
            image.add_profile(icc::name(content.get(ICC.len() + 2..).unwrap_or_default()));
        }
        0xed if content.starts_with(PHOTOSHOP) => image.header.add_metadata(ImageMetadata::Iptc),
        0xfe => image.header.add_metadata(ImageMetadata::Text),
        _ => {}
    }
}

fn png<B: Bytes + ?Sized>(bytes: &B) -> io::Result<DeclaredImage> {
    let mut image = DeclaredImage::default();
    let mut at = 8_u64;
    for _ in 0..MAX_PARTS {
        let head = read_range(bytes, at, 8)?;
        let Some((length, kind)) = head.split_first_chunk::<4>() else { break };
        let length = u64::from(u32::from_be_bytes(*length));
        let content = || read_range(bytes, at + 8, length.min(PART_BYTES as u64) as usize);
        match kind {
            b"IEND" => break,
            b"eXIf" => image.add_exif(&content()?),
            b"iCCP" => image.add_profile(content()?.split(|byte| *byte == 0).next().map(icc::printable)),
            b"iTXt" if content()?.starts_with(b"XML:com.adobe.xmp\0") => {
                image.header.add_metadata(ImageMetadata::Xmp);
            }
            b"tEXt" | b"zTXt" | b"iTXt" => image.header.add_metadata(ImageMetadata::Text),
            _ => {}
        }
        at += 12 + length;
    }
    Ok(image)
}

fn webp<B: Bytes + ?Sized>(bytes: &B) -> io::Result<DeclaredImage> {
    let mut image = DeclaredImage::default();
    let mut at = 12_u64;
    for _ in 0..MAX_PARTS {
        let head = read_range(bytes, at, 8)?;
        let Some((kind, length)) = head.split_first_chunk::<4>() else { break };
        let Ok(length) = <[u8; 4]>::try_from(length).map(u32::from_le_bytes) else { break };
        let content = || read_range(bytes, at + 8, (length as usize).min(PART_BYTES));
        match kind {
            // WebP container specification, "Extended File Format": bit 4 of the flags.
            b"VP8X" => image.header.alpha = content()?.first().map(|flags| flags & 0x10 != 0),
            // WebP lossless bitstream specification, 3: a signature, twice 14 bits, and the flag.
            b"VP8L" if image.header.alpha.is_none() => {
                image.header.alpha = content()?.get(4).map(|byte| byte & 0x10 != 0);
            }
            b"EXIF" => {
                let content = content()?;
                image.add_exif(content.strip_prefix(EXIF).unwrap_or(&content));
            }
            b"XMP " => image.header.add_metadata(ImageMetadata::Xmp),
            b"ICCP" => image.add_profile(icc::name(&content()?)),
            _ => {}
        }
        // Chunks have an even length.
        at += 8 + u64::from(length) + u64::from(length % 2);
    }
    Ok(image)
}

/// Reads the declarations of an image in an ISO base media file.
pub(super) fn items<B: Bytes + ?Sized>(bytes: &B) -> io::Result<DeclaredImage> {
    let mut image = DeclaredImage::default();
    let all = boxes(bytes, 0, bytes.len()?)?;
    for meta in all.iter().filter(|found| &found.kind == b"meta") {
        let length = meta.end.saturating_sub(meta.content).min(ITEM_BYTES);
        let tables = read_range(bytes, meta.content, length as usize)?;
        if tables.windows(4).any(|word| COMPOSED.contains(&word)) {
            image.header.obstacle = Some(ImageObstacle::ComposedItems);
        }
        if let Some(profile) = item_profile(&tables) {
            image.add_profile(icc::name(profile));
        }
        if tables.windows(4).any(|word| word == b"Exif") {
            image.header.add_metadata(ImageMetadata::Exif);
        }
    }
    Ok(image)
}

/// Returns the first ICC profile among the properties of image items (ISO/IEC 14496-12, 12.1.5).
pub(crate) fn item_profile(tables: &[u8]) -> Option<&[u8]> {
    let kinds: [&[u8]; 2] = [b"colrprof", b"colrrICC"];
    let at = tables.windows(8).position(|words| kinds.contains(&words))?;
    let size = tables.get(at.checked_sub(4)?..at)?.try_into().map(u32::from_be_bytes).ok()?;
    tables.get(at + 8..(at - 4).checked_add(size as usize)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Returns a TIFF header with an orientation and a GPS directory.
    fn tiff(orientation: u8) -> Vec<u8> {
        let entry = |tag: u16, kind: u16, value: u32| {
            [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &1_u32.to_le_bytes(), &value.to_le_bytes()].concat()
        };
        let entries = [entry(0x112, 3, u32::from(orientation)), entry(0x8825, 4, 26)].concat();
        [b"II*\0\x08\0\0\0\x02\0", &entries[..], &[0; 4]].concat()
    }

    fn segment(kind: u8, content: &[u8]) -> Vec<u8> {
        [&[0xff, kind], &(content.len() as u16 + 2).to_be_bytes()[..], content].concat()
    }

    #[test]
    fn jpeg_segments_show_orientation_position_and_other_metadata() {
        let file = |orientation| {
            let exif = segment(0xe1, &[EXIF, &tiff(orientation)].concat());
            let xmp = segment(0xe1, &[XMP, b"<x/>"].concat());
            let frame = segment(0xc0, &[8, 0, 4, 0, 4, 3]);
            [&[0xff, 0xd8][..], &exif, &xmp, &segment(0xfe, b"text"), &frame, &segment(0xda, &[])].concat()
        };
        let image = jpeg(&file(6)[..]).unwrap();
        let kinds = [ImageMetadata::Exif, ImageMetadata::Gps, ImageMetadata::Xmp, ImageMetadata::Text];
        assert_eq!((image.rotation, image.flip, image.header.obstacle), (Rotation::Quarter, None, None));
        assert_eq!(image.header.metadata, kinds);
        let turned: Vec<_> = (1..=8).map(|value| jpeg(&file(value)[..]).unwrap()).collect();
        let degrees: Vec<u16> = turned.iter().map(|image| image.rotation.degrees()).collect();
        assert_eq!(degrees, [0, 0, 180, 0, 270, 90, 90, 270]);
        let flips = |flip| turned.iter().filter(|image| image.flip == flip).count();
        assert_eq!((flips(Some(Flip::Horizontal)), flips(Some(Flip::Vertical))), (3, 1));
    }

    #[test]
    fn a_jpeg_with_four_components_is_cmyk() {
        let file = [&[0xff, 0xd8][..], &segment(0xc2, &[8, 0, 4, 0, 4, 4])].concat();
        assert_eq!(jpeg(&file[..]).unwrap().header.obstacle, Some(ImageObstacle::Cmyk));
    }

    #[test]
    fn png_and_webp_chunks_show_profile_alpha_and_metadata() {
        let chunk = |kind: &[u8; 4], content: &[u8]| {
            [&(content.len() as u32).to_be_bytes(), &kind[..], content, &[0; 4]].concat()
        };
        let file = [
            &b"\x89PNG\r\n\x1a\n"[..],
            &chunk(b"iCCP", b"Display P3\0\0zip"),
            &chunk(b"tEXt", b"Comment\0x"),
            &chunk(b"eXIf", &tiff(3)),
            &chunk(b"IEND", b""),
        ]
        .concat();
        let image = png(&file[..]).unwrap();
        assert_eq!(image.header.color_profile.as_deref(), Some("Display P3"));
        assert_eq!(image.header.metadata, [ImageMetadata::Text, ImageMetadata::Exif, ImageMetadata::Gps]);
        assert_eq!(image.rotation, Rotation::Half);
        let chunk = |kind: &[u8; 4], content: &[u8]| {
            [&kind[..], &(content.len() as u32).to_le_bytes(), content].concat()
        };
        let file =
            [&b"RIFF\0\0\0\0WEBP"[..], &chunk(b"VP8X", &[0x10, 0, 0, 0]), &chunk(b"XMP ", b"<x/>")].concat();
        let image = read(&file[..], &file).unwrap().unwrap();
        assert_eq!((image.header.alpha, image.header.metadata), (Some(true), vec![ImageMetadata::Xmp]));
    }

    #[test]
    fn the_profile_of_an_item_ends_with_its_box() {
        let file = b"ipco\0\0\0\x0fcolrprofabcnext";
        assert_eq!(item_profile(file), Some(&b"abc"[..]));
        assert_eq!(item_profile(&file[..17]), None);
        assert_eq!(item_profile(b"\0\0\0\x0bcolrnclxabc"), None);
    }

    #[test]
    fn truncated_and_wrong_lengths_end_the_search() {
        let whole = segment(0xe1, &[EXIF, &tiff(6)].concat());
        let file = [&[0xff, 0xd8][..], &whole].concat();
        for length in 0..file.len() {
            read(&file[..length], &file[..length]).unwrap();
        }
    }
}
