//! The header of an image in JPEG (ITU-T T.81, B.2).

/// The comment of FFmpeg for images in the limited range.
const LIMITED_RANGE: &[u8] = b"CS=ITU601\0";

/// What the headers of a baseline image with three components say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// By how much chroma is smaller, horizontally and vertically.
    pub subsampling: (u8, u8),
    /// Whether the samples have the limited range.
    pub limited_range: bool,
    /// The shape of pixels in JFIF.
    pub aspect_ratio: Option<(u32, u32)>,
}

/// Parses the headers of an image; `None` for forms of which a decoder takes more than this.
pub fn parse(image: &[u8]) -> Option<Image> {
    let mut rest = image.strip_prefix(&[0xff, 0xd8])?;
    let (mut limited_range, mut aspect_ratio, mut found) = (false, None, None);
    loop {
        let [0xff, marker, length @ ..] = rest else { return None };
        let length = usize::from(u16::from_be_bytes([*length.first()?, *length.get(1)?]));
        let content = rest.get(4..2 + length)?;
        rest = rest.get(2 + length..)?;
        match marker {
            0xe0 if content.starts_with(b"JFIF\0") && content.len() == 14 => {
                let word = |at: usize| u32::from(content[at]) << 8 | u32::from(content[at + 1]);
                aspect_ratio = Some((word(8), word(10)));
            }
            0xfe if content == LIMITED_RANGE => limited_range = true,
            0xfe if content.starts_with(b"Lavc") => {}
            0xdb | 0xc4 | 0xdd => {}
            0xc0 if found.is_none() => found = Some(frame(content)?),
            0xda if content.first() == Some(&3) && is_scan(rest) => break,
            _ => return None,
        }
    }
    let (width, height, subsampling) = found?;
    Some(Image { width, height, subsampling, limited_range, aspect_ratio })
}

/// Returns whether bytes are the only scan of an image, without headers that a decoder would read after it.
fn is_scan(bytes: &[u8]) -> bool {
    let mut markers = bytes.windows(2).filter(|pair| pair[0] == 0xff).map(|pair| pair[1]);
    !bytes.is_empty() && markers.all(|marker| matches!(marker, 0 | 0xd0..=0xd7 | 0xd9 | 0xff))
}

/// Parses the header of a baseline frame.
fn frame(content: &[u8]) -> Option<(u32, u32, (u8, u8))> {
    let [8, h1, h0, w1, w0, 3, id, luma, _, second, 0x11, _, third, 0x11, _] = *content else { return None };
    let subsampling = (luma >> 4, luma & 15);
    let is_known =
        matches!(subsampling, (2, 2) | (2, 1)) && matches!([id, second, third], [0, 1, 2] | [1, 2, 3]);
    let side = |high: u8, low: u8| u32::from(high) << 8 | u32::from(low);
    is_known.then_some((side(w1, w0), side(h1, h0), subsampling))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_headers_before_the_scan() {
        let head = [0xff, 0xd8, 0xff, 0xfe, 0, 12];
        let frame = [0xff, 0xc0, 0, 17, 8, 0, 48, 0, 64, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1];
        let scan = [0xff, 0xda, 0, 12, 3, 1, 0, 2, 17, 3, 17, 0, 63, 0, 1];
        let image = [&head[..], LIMITED_RANGE, &frame, &scan].concat();
        let parsed =
            Image { width: 64, height: 48, subsampling: (2, 2), limited_range: true, aspect_ratio: None };
        assert_eq!(parse(&image), Some(parsed));
        assert_eq!(parse(&image[..40]), None);
        assert_eq!(parse(&[&image[..], &[0xff, 0xc3]].concat()), None, "a second frame");
        assert_eq!(parse(&[&head[..2], &scan].concat()), None, "a scan without a frame");
    }
}
