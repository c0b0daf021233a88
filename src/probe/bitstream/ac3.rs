//! The header of an AC-3 or Enhanced AC-3 frame (ETSI TS 102 366, 4.3 and E.1.2).

use super::Bits;

const SYNC_WORD: u32 = 0x0b77;
const RATES: [u32; 3] = [48_000, 44_100, 32_000];
/// Bit rates of AC-3 in kbit/s.
const BIT_RATES: [u32; 19] =
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];
const SAMPLES_PER_BLOCK: u32 = 256;
/// Blocks by `numblkscod`.
const BLOCKS: [u32; 4] = [1, 2, 3, 6];
/// Full channels by `acmod`.
const CHANNELS: [u32; 8] = [2, 1, 2, 3, 3, 4, 4, 5];

/// What the header of a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Whether this is Enhanced AC-3.
    pub enhanced: bool,
    /// Sample rate in Hz.
    pub sample_rate: u32,
    /// Bit rate in bits per second.
    pub bit_rate: u32,
    /// Samples per channel.
    pub samples: u32,
    /// Bytes of the frame.
    pub bytes: u32,
    /// Number of channels.
    pub channels: u32,
    /// FFmpeg's name of the layout.
    pub layout: &'static str,
}

/// Reads the header at the start of a frame; `None` when it is invalid, or has a form that needs a decoder.
pub fn frame(bytes: &[u8]) -> Option<Frame> {
    let mut bits = Bits::new(bytes.get(..bytes.len().min(64))?);
    bits.take(16).filter(|word| *word == SYNC_WORD)?;
    // Both kinds have the version at the same place.
    match *bytes.get(5)? >> 3 {
        0..=8 => plain(&mut bits),
        11..=16 => enhanced(&mut bits),
        _ => None,
    }
}

/// Returns whether the checksum of a frame with this content fits (ETSI TS 102 366, 6.1.7).
pub fn is_intact(frame: &[u8]) -> bool {
    const POLYNOMIAL: u16 = 0x8005;
    let add = |sum: u16, byte: &u8| {
        (0..8).fold(sum ^ u16::from(*byte) << 8, |sum, _| {
            sum << 1 ^ if sum >> 15 == 1 { POLYNOMIAL } else { 0 }
        })
    };
    frame.get(2..).is_some_and(|content| content.iter().fold(0, add) == 0)
}

fn plain(bits: &mut Bits<'_>) -> Option<Frame> {
    bits.skip(16)?; // checksum
    let rate_code = bits.take(2)?;
    let sample_rate = *RATES.get(rate_code as usize)?;
    let size_code = bits.take(6)?;
    let bit_rate = *BIT_RATES.get((size_code >> 1) as usize)? * 1000;
    bits.skip(5 + 3)?; // version and mode
    let mode = bits.take(3)?;
    if mode == 2 {
        bits.skip(2)?; // mode of Dolby Surround
    } else {
        bits.skip(if mode & 1 == 1 && mode != 1 { 2 } else { 0 })?; // level of the centre
        bits.skip(if mode & 4 == 4 { 2 } else { 0 })?; // level of the surround channels
    }
    let effects = bits.flag()?;
    let samples = 6 * SAMPLES_PER_BLOCK;
    let words = bit_rate * (samples / 16) / sample_rate;
    let padding = if rate_code == 1 { size_code & 1 } else { 0 };
    let bytes = 2 * (words + padding);
    let channels = CHANNELS[mode as usize] + u32::from(effects);
    Some(Frame {
        enhanced: false,
        sample_rate,
        bit_rate,
        samples,
        bytes,
        channels,
        layout: layout(mode, effects)?,
    })
}

fn enhanced(bits: &mut Bits<'_>) -> Option<Frame> {
    // Other kinds of frames add to independent ones.
    bits.take(2).filter(|kind| *kind == 0)?;
    bits.take(3).filter(|substream| *substream == 0)?;
    let bytes = 2 * (bits.take(11)? + 1);
    let sample_rate = *RATES.get(bits.take(2)? as usize)?;
    let blocks = BLOCKS[bits.take(2)? as usize];
    let mode = bits.take(3)?;
    let effects = bits.flag()?;
    bits.skip(5 + 5)?; // version, level of dialogue
    if bits.flag()? {
        bits.skip(8)?; // compression
    }
    // Mixing and other information, which few streams have.
    if mode == 0 || bits.flag()? || bits.flag()? {
        return None;
    }
    bits.skip(usize::from(blocks != 6))?; // whether it can be converted
    // An extension may announce objects.
    if bits.flag()? {
        return None;
    }
    let samples = blocks * SAMPLES_PER_BLOCK;
    let bit_rate = (8 * u64::from(bytes) * u64::from(sample_rate) / u64::from(samples)) as u32;
    let channels = CHANNELS[mode as usize] + u32::from(effects);
    Some(Frame {
        enhanced: true,
        sample_rate,
        bit_rate,
        samples,
        bytes,
        channels,
        layout: layout(mode, effects)?,
    })
}

/// Returns the name of the layout of a mode, with or without a channel for effects.
fn layout(mode: u32, effects: bool) -> Option<&'static str> {
    Some(match (mode, effects) {
        (0 | 2, false) => "stereo",
        (1, false) => "mono",
        (3, false) => "3.0",
        (4, false) => "3.0(back)",
        (5, false) => "4.0",
        (6, false) => "quad(side)",
        (7, false) => "5.0(side)",
        (2, true) => "2.1",
        (3, true) => "3.1",
        (5, true) => "4.1",
        (7, true) => "5.1(side)",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_frames_of_both_kinds() {
        let plain = frame(&[0x0b, 0x77, 0x3a, 0x5e, 0x1e, 0x40, 0xe1, 0xf8]);
        let expected = Frame {
            enhanced: false,
            sample_rate: 48_000,
            bit_rate: 448_000,
            samples: 1536,
            bytes: 1792,
            channels: 6,
            layout: "5.1(side)",
        };
        assert_eq!(plain, Some(expected));
        let enhanced = frame(&[0x0b, 0x77, 0x02, 0xff, 0x3f, 0x85, 0xf0, 0x00, 0x00]);
        let expected = Frame { enhanced: true, bit_rate: 384_000, bytes: 1536, ..expected };
        assert_eq!(enhanced, Some(expected));
        assert_eq!(frame(&[0x0b, 0x77, 0, 0, 0xc0, 0x40, 0xe0, 0]), None, "a reserved rate");
        assert_eq!(frame(&[0x0b, 0x78, 0, 0, 0x1e, 0x40, 0xe0, 0]), None);
        assert_eq!(frame(&[0x0b, 0x77]), None);
    }
}
