//! The uncompressed header of a VP9 key frame (VP9 bitstream specification 0.7, 6.2 and 7.2).

use super::Bits;

const SYNC_CODE: u32 = 0x49_83_42;
/// `color_space` of frames coded as RGB.
const RGB: u32 = 7;

/// The stream parameters in a key frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyFrame {
    /// Profile, 0 to 3.
    pub profile: u8,
    /// Bits per sample: 8, 10 or 12.
    pub bit_depth: u8,
    /// `color_space` as coded: 0 unknown, 2 BT.709, 7 RGB, …
    pub color_space: u8,
    /// Whether samples use the full range.
    pub full_range: bool,
    /// Whether chroma is subsampled horizontally and vertically.
    pub subsampling: (bool, bool),
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// Parses the header of the first frame of a sample; `None` unless it is a key frame.
pub fn key_frame(sample: &[u8]) -> Option<KeyFrame> {
    let mut bits = Bits::new(sample);
    if bits.take(2)? != 2 {
        return None;
    }
    let (low, high) = (bits.take(1)?, bits.take(1)?);
    let profile = (high << 1 | low) as u8;
    if profile == 3 && bits.flag()? {
        return None;
    }
    let (existing, inter) = (bits.flag()?, bits.flag()?);
    bits.skip(2)?; // show_frame, error_resilient_mode
    if existing || inter || bits.take(24)? != SYNC_CODE {
        return None;
    }
    let bit_depth = match profile {
        2 | 3 => 10 + 2 * bits.take(1)? as u8,
        _ => 8,
    };
    let color_space = bits.take(3)?;
    let full_range = color_space == RGB || bits.flag()?;
    let odd_profile = profile & 1 == 1;
    let subsampling = match color_space {
        RGB if odd_profile => (false, false),
        RGB => return None,
        _ if odd_profile => (bits.flag()?, bits.flag()?),
        _ => (true, true),
    };
    if odd_profile && bits.flag()? {
        return None; // reserved_zero
    }
    let (width, height) = (bits.take(16)? + 1, bits.take(16)? + 1);
    let color_space = color_space as u8;
    Some(KeyFrame { profile, bit_depth, color_space, full_range, subsampling, width, height })
}

/// Returns the profile of a frame; `None` when its header is invalid.
pub fn profile(frame: &[u8]) -> Option<u8> {
    let mut bits = Bits::new(frame);
    bits.take(2).filter(|marker| *marker == 2)?;
    let (low, high) = (bits.take(1)?, bits.take(1)?);
    Some((high << 1 | low) as u8).filter(|profile| *profile < 3)
}

/// Returns width and height, in pixels, of the first frame of a sample if its header states them: of every key
/// frame, and of other frames that have another size than those they are predicted from.
pub fn frame_size(sample: &[u8]) -> Option<(u32, u32)> {
    if let Some(frame) = key_frame(sample) {
        return Some((frame.width, frame.height));
    }
    let mut bits = Bits::new(sample);
    if bits.take(2)? != 2 {
        return None;
    }
    let (low, high) = (bits.flag()?, bits.flag()?);
    if low && high && bits.flag()? {
        return None;
    }
    let (existing, inter) = (bits.flag()?, bits.flag()?);
    let (shown, resilient) = (bits.flag()?, bits.flag()?);
    if existing || !inter {
        return None;
    }
    let intra_only = !shown && bits.flag()?;
    if !resilient {
        bits.skip(2)?; // reset_frame_context
    }
    if intra_only {
        // Other profiles also state their colours.
        if low || high || bits.take(24)? != SYNC_CODE {
            return None;
        }
        bits.skip(8)?; // refresh_frame_flags
    } else {
        bits.skip(8 + 3 * (3 + 1))?; // refresh_frame_flags, three references with their signs
        for _ in 0..3 {
            if bits.flag()? {
                return None; // as large as this reference
            }
        }
    }
    Some((bits.take(16)? + 1, bits.take(16)? + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key frame of profile 0, BT.709, limited range, 320x240.
    const PLAIN: [u8; 9] = [0x82, 0x49, 0x83, 0x42, 0x40, 0x13, 0xf0, 0x0e, 0xf0];

    #[test]
    fn reads_size_and_colour() {
        let frame = key_frame(&PLAIN);
        let expected = KeyFrame {
            profile: 0,
            bit_depth: 8,
            color_space: 2,
            full_range: false,
            subsampling: (true, true),
            width: 320,
            height: 240,
        };
        assert_eq!(frame, Some(expected));
    }

    #[test]
    fn only_frames_of_their_own_size_state_it() {
        let frame = |bits: &str| -> Vec<u8> {
            let padded = format!("{bits:0<120}");
            let byte = |bits: &[u8]| bits.iter().fold(0, |value, bit| value << 1 | (bit - b'0'));
            padded.as_bytes().chunks(8).map(byte).collect()
        };
        assert_eq!(frame_size(&PLAIN), Some((320, 240)));
        // Marker, profile 0, inter, shown, not resilient, contexts, refresh, references.
        let header = format!("10{}0110{}{}{}", "00", "00", "00000001", "000000000000");
        let size = format!("{:016b}{:016b}", 159, 119);
        assert_eq!(frame_size(&frame(&format!("{header}000{size}"))), Some((160, 120)));
        assert_eq!(frame_size(&frame(&format!("{header}010{size}"))), None, "as large as a reference");
    }

    #[test]
    fn rejects_other_frames_and_truncated_headers() {
        assert_eq!(key_frame(&[0x86, 0x49, 0x83, 0x42, 0x40, 0x13, 0xf0, 0x0e, 0xf0]), None);
        for length in 0..PLAIN.len() {
            assert_eq!(key_frame(&PLAIN[..length]), None);
        }
        assert_eq!(key_frame(&[0xff; 16]), None);
    }
}
