//! The header of a frame of Apple ProRes (SMPTE RDD 36, 5.1).

/// Bytes of a frame before its header: size and identifier.
const FRAME_FIELDS: usize = 4 + 4;
/// Bytes of a header without quantization matrices, each of which has 64.
const HEADER: usize = 20;
const MATRIX: usize = 64;
const FULL_CHROMA: u8 = 3;

/// What the header of a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Width in pixels.
    pub(crate) width: u32,
    /// Height in pixels.
    pub(crate) height: u32,
    /// Whether chroma has the resolution of luma, instead of half its width.
    pub(crate) full_chroma: bool,
    /// Whether there is transparency.
    pub(crate) alpha: bool,
    /// Code points of primaries, transfer and matrix (ITU-T H.273).
    pub(crate) color: [u8; 3],
}

/// A variant of ProRes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Variant {
    /// FFmpeg's number of the profile.
    pub(crate) number: u8,
    /// FFmpeg's name of the profile.
    pub(crate) name: &'static str,
    /// Bits per sample.
    pub(crate) bit_depth: u8,
}

/// Returns the variant that a four-character code in QuickTime stands for.
pub(crate) fn variant(tag: &str) -> Option<Variant> {
    let (number, name, bit_depth) = match tag {
        "apco" => (0, "Proxy", 10),
        "apcs" => (1, "LT", 10),
        "apcn" => (2, "Standard", 10),
        "apch" => (3, "HQ", 10),
        "ap4h" => (4, "4444", 12),
        "ap4x" => (5, "XQ", 12),
        _ => return None,
    };
    Some(Variant { number, name, bit_depth })
}

/// Reads the header of the frame at the start of a sample.
pub(crate) fn frame(sample: &[u8]) -> Option<Frame> {
    let (fields, rest) = sample.split_at_checked(FRAME_FIELDS)?;
    let header: &[u8; HEADER] = rest.first_chunk()?;
    let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let matrices = usize::from(header[19] >> 1 & 1) + usize::from(header[19] & 1);
    let bytes = usize::from(word(0));
    let is_whole = bytes >= HEADER + MATRIX * matrices && bytes < rest.len();
    let is_known = word(2) <= 1 && header[17] & 0xf <= 2 && matches!(header[12] >> 6, 2 | FULL_CHROMA);
    (fields.ends_with(b"icpf") && is_whole && is_known).then_some(Frame {
        width: word(8).into(),
        height: word(10).into(),
        full_chroma: header[12] >> 6 == FULL_CHROMA,
        alpha: header[17] & 0xf > 0,
        color: [header[14], header[15], header[16]],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of 64x48 pixels in 4:2:2.
    const SAMPLE: [u8; 29] = *b"\0\0\0\x1dicpf\0\x14\0\0Lavc\0\x40\0\x30\x80\0\x01\x01\x01\0\0\0\0";

    #[test]
    fn reads_size_chroma_and_colour() {
        let expected = Frame { width: 64, height: 48, full_chroma: false, alpha: false, color: [1; 3] };
        assert_eq!(frame(&SAMPLE), Some(expected));
        let mut full = SAMPLE;
        (full[20], full[25]) = (0xc0, 1);
        assert_eq!(frame(&full), Some(Frame { full_chroma: true, alpha: true, ..expected }));
    }

    #[test]
    fn other_headers_are_none() {
        for (at, value) in [(4, 0), (9, 0x13), (11, 2), (20, 0x40), (25, 3), (27, 1)] {
            let mut broken = SAMPLE;
            broken[at] = value;
            assert_eq!(frame(&broken), None, "byte {at}");
        }
        assert_eq!(frame(&SAMPLE[..28]), None, "nothing but a header");
        assert_eq!(variant("apcx"), None);
    }
}
