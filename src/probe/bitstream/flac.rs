//! The stream information of FLAC and the header of its frames (RFC 9639, 8.2 and 9.1).

use super::Bits;

const MARKER: &[u8] = b"fLaC";
/// Bytes of the stream information.
pub const INFO_BYTES: usize = 34;
/// The polynomial of the checksum of a frame header, without its highest term.
const CHECKSUM: u8 = 7;

/// The format of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// In Hz.
    pub sample_rate: u32,
    /// The number of channels.
    pub channels: u32,
    /// Bits per sample.
    pub bits: u32,
}

/// Parses the content of the block `STREAMINFO`.
pub fn stream_info(info: &[u8]) -> Option<Format> {
    let mut bits = Bits::new(info.get(..INFO_BYTES)?);
    let (least, most) = (bits.take(16)?, bits.take(16)?);
    bits.skip(24 + 24)?;
    let sample_rate = bits.take(20)?;
    let format = Format { sample_rate, channels: bits.take(3)? + 1, bits: bits.take(5)? + 1 };
    (sample_rate > 0 && least >= 16 && most >= least).then_some(format)
}

/// Returns the stream information at the start of a whole FLAC header (RFC 9639, 8); `None` if comments may change what
/// the stream information says, or the blocks do not fill the header.
pub fn only_info(header: &[u8]) -> Option<&[u8]> {
    const COMMENTS: u8 = 4;
    let (&head, rest) = header.strip_prefix(MARKER)?.split_first_chunk::<4>()?;
    let (info, mut rest) = rest.split_at_checked(INFO_BYTES)?;
    if head[0] & 0x7f != 0 || head[1..] != [0, 0, INFO_BYTES as u8] {
        return None;
    }
    while !rest.is_empty() {
        let (&[kind, high, middle, low], after) = rest.split_first_chunk()?;
        let (block, after) = after.split_at_checked(u32::from_be_bytes([0, high, middle, low]) as usize)?;
        let has = |key: &[u8]| block.windows(key.len()).any(|text| text.eq_ignore_ascii_case(key));
        if kind & 0x7f == COMMENTS && (has(b"CHANNEL_MASK") || has(b"CHAPTER")) {
            return None;
        }
        rest = after;
    }
    Some(info)
}

/// Returns the samples of a frame that begins with an intact header of this format.
pub fn samples(frame: &[u8], format: Format) -> Option<u32> {
    let [0xff, 0xf8 | 0xf9, codes, layout, number, ..] = *frame else { return None };
    let more = match number.leading_ones() {
        0 => 0,
        bytes @ 2..=7 => bytes as usize - 1,
        _ => return None,
    };
    let at = 5 + more;
    let (samples, end) = match codes >> 4 {
        0 => return None,
        1 => (192, at),
        code @ 2..=5 => (576 << (code - 2), at),
        6 => (u32::from(*frame.get(at)?) + 1, at + 1),
        7 => (u32::from(u16::from_be_bytes([*frame.get(at)?, *frame.get(at + 1)?])) + 1, at + 2),
        code => (256 << (code - 8), at),
    };
    let known = [0, 88_200, 176_400, 192_000, 8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000];
    let rate = match codes & 15 {
        0 => format.sample_rate,
        code @ 1..=11 => known[usize::from(code)],
        _ => return None,
    };
    let channels = match layout >> 4 {
        count @ 0..=7 => u32::from(count) + 1,
        8..=10 => 2,
        _ => return None,
    };
    let bits = match layout >> 1 & 7 {
        0 => format.bits,
        4 => 16,
        6 => 24,
        _ => return None,
    };
    let header = frame.get(..end)?;
    let is_same = format == Format { sample_rate: rate, channels, bits } && layout & 1 == 0;
    (is_same && checksum(header) == *frame.get(end)?).then_some(samples)
}

fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ byte, |sum, _| if sum & 0x80 == 0 { sum << 1 } else { sum << 1 ^ CHECKSUM })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_frame_has_the_format_of_its_stream() {
        let mut info = [0; INFO_BYTES];
        info[..4].copy_from_slice(&[0x12, 0, 0x12, 0]);
        info[10..14].copy_from_slice(&[0x0b, 0xb8, 0x02, 0xf0]);
        let format = stream_info(&info).unwrap();
        assert_eq!(format, Format { sample_rate: 48_000, channels: 2, bits: 16 });
        let mut frame = [0xff, 0xf8, 0x5a, 0x18, 0, 0];
        frame[5] = checksum(&frame[..5]);
        assert_eq!(samples(&frame, format), Some(4608));
        assert_eq!(samples(&frame, Format { channels: 1, ..format }), None);
        frame[4] = 1;
        assert_eq!(samples(&frame, format), None, "a damaged header");
        assert_eq!(stream_info(&info[..33]), None);
    }
    #[test]
    fn other_blocks_may_follow_the_stream_information() {
        let info = [&b"fLaC\0\0\0\x22"[..], &[7; INFO_BYTES]].concat();
        let with = |block: &[u8]| [&info[..], block].concat();
        assert_eq!(only_info(&info), Some(&[7; INFO_BYTES][..]));
        assert_eq!(only_info(&with(b"\x81\0\0\x02xx")), Some(&[7; INFO_BYTES][..]));
        assert_eq!(only_info(&with(b"\x84\0\0\x0e_CHANNEL_MASK=")), None);
        assert_eq!(only_info(&with(b"\x81\0\0\x03xx")), None, "a truncated block");
        assert_eq!(only_info(&info[1..]), None);
    }
}
