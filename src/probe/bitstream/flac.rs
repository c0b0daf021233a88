//! The stream information of FLAC and the header of its frames (RFC 9639, 8.2 and 9.1).

use super::Bits;

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

/// Returns whether a frame begins with an intact header of this format.
pub fn begins(frame: &[u8], format: Format) -> bool {
    parse_header(frame, format).is_some()
}

fn parse_header(frame: &[u8], format: Format) -> Option<()> {
    let [0xff, 0xf8 | 0xf9, codes, layout, number, ..] = *frame else { return None };
    let more = match number.leading_ones() {
        0 => 0,
        bytes @ 2..=7 => bytes as usize - 1,
        _ => return None,
    };
    let mut end = 5 + more;
    end += match codes >> 4 {
        0 => return None,
        6 => 1,
        7 => 2,
        _ => 0,
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
    (is_same && checksum(header) == *frame.get(end)?).then_some(())
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
        assert!(begins(&frame, format));
        assert!(!begins(&frame, Format { channels: 1, ..format }));
        frame[4] = 1;
        assert!(!begins(&frame, format), "a damaged header");
        assert_eq!(stream_info(&info[..33]), None);
    }
}
