//! The header of an MPEG audio frame (ISO/IEC 11172-3, 2.4.1.3; ISO/IEC 13818-3, 2.4.2.3).

const LAYER_III: u32 = 1;
const MPEG_2_5: u32 = 0;
const MPEG_1: u32 = 3;
const RATES: [u32; 3] = [44_100, 48_000, 32_000];
/// Bit rates of MPEG-1 and of later versions in kbit/s, by their number from 1.
const BIT_RATES: [u32; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const LOW_BIT_RATES: [u32; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
const MONO: u32 = 3;

/// What the header of a layer III frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Sample rate in Hz.
    pub sample_rate: u32,
    /// Number of channels.
    pub channels: u32,
    /// Bit rate in bits per second.
    pub bit_rate: u32,
    /// Samples per channel.
    pub samples: u32,
    /// Bytes of the frame.
    pub bytes: u32,
}

/// Returns sample rate (Hz) and channels of the layer III frame at the start of a sample.
pub fn layer3(sample: &[u8]) -> Option<(u32, u32)> {
    let (word, sample_rate) = layer3_header(sample)?;
    Some((sample_rate, if word >> 6 & 3 == MONO { 1 } else { 2 }))
}

/// Returns the header of the layer III frame at the start of a sample; `None` without a bit rate.
pub fn layer3_frame(sample: &[u8]) -> Option<Frame> {
    let (word, sample_rate) = layer3_header(sample)?;
    let (_, channels) = layer3(sample)?;
    let is_mpeg_1 = word >> 19 & 3 == MPEG_1;
    let (rates, samples) = if is_mpeg_1 { (BIT_RATES, 1152) } else { (LOW_BIT_RATES, 576) };
    let number = (word >> 12 & 15) as usize;
    let bit_rate = 1000 * rates.get(number.checked_sub(1)?)?;
    let bytes = samples / 8 * bit_rate / sample_rate + (word >> 9 & 1);
    Some(Frame { sample_rate, channels, bit_rate, samples, bytes })
}

/// Returns the header of the layer III frame at the start of a sample, and its sample rate in Hz.
fn layer3_header(sample: &[u8]) -> Option<(u32, u32)> {
    let word = u32::from_be_bytes(*sample.first_chunk()?);
    let field = |shift: u32, mask: u32| word >> shift & mask;
    let version = field(19, 3);
    // Version 1, the last bit rate and the last sample rate are reserved.
    let valid = field(21, 0x7ff) == 0x7ff && version != 1 && field(17, 3) == LAYER_III && field(12, 15) != 15;
    let rate = *RATES.get(field(10, 3) as usize).filter(|_| valid)?;
    let halvings = match version {
        MPEG_1 => 0,
        MPEG_2_5 => 2,
        _ => 1,
    };
    Some((word, rate >> halvings))
}

#[cfg(test)]
mod tests {
    use super::{Frame, layer3, layer3_frame};

    #[test]
    fn reads_rate_and_channels() {
        assert_eq!(layer3(&[0xff, 0xfb, 0x90, 0x44]), Some((44_100, 2)));
        assert_eq!(layer3(&[0xff, 0xf3, 0x84, 0xc4]), Some((24_000, 1)));
        assert_eq!(layer3(&[0xff, 0xfd, 0x90, 0x44]), None, "layer II");
        assert_eq!(layer3(&[0xff, 0xfb, 0x9c, 0x44]), None, "reserved rate");
        assert_eq!(layer3(&[0xff, 0xfb]), None);
    }

    #[test]
    fn reads_the_size_of_frames() {
        let expected =
            Frame { sample_rate: 48_000, channels: 1, bit_rate: 64_000, samples: 1152, bytes: 192 };
        assert_eq!(layer3_frame(&[0xff, 0xfb, 0x54, 0xc4]), Some(expected));
        assert_eq!(layer3_frame(&[0xff, 0xfb, 0x92, 0x44]).map(|frame| frame.bytes), Some(418), "padded");
        assert_eq!(layer3_frame(&[0xff, 0xfb, 0x04, 0xc4]), None, "a free bit rate");
    }
}
