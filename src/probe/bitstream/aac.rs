//! The AudioSpecificConfig of AAC (ISO/IEC 14496-3, 1.6.2.1), and the start of a frame.

use super::Bits;

const LOW_COMPLEXITY: u32 = 2;
const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000, 7350];
/// Up to this core sample rate, frames may contain spectral band replication that the configuration does not
/// signal. SBR doubles the rate, and is not used above 64 kHz.
const MAX_IMPLICIT_SBR_HZ: u32 = 32_000;
const SYNC_EXTENSION: u32 = 0x2b7;
/// The object type of spectral band replication.
const SPECTRAL_BANDS: u32 = 5;

/// The parameters of plain low-complexity AAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LowComplexity {
    /// Sample rate in Hz.
    pub sample_rate: u32,
    /// Number of channels, 1 to 6.
    pub channels: u32,
}

/// Parses a configuration; `None` unless it alone proves that the audio is plain low-complexity AAC in a layout up to
/// 5.1. Other configurations need a decoder.
pub fn low_complexity(config: &[u8]) -> Option<LowComplexity> {
    let (core, extended) = parse(config)?;
    let is_plain = match extended {
        Extension::Unknown => core.sample_rate > MAX_IMPLICIT_SBR_HZ,
        Extension::None => true,
        Extension::Rate(_) => false,
    };
    is_plain.then_some(core)
}

/// Parses a configuration of which no frame is known: the rate is that of a signalled extension, or that of the core.
pub fn declared(config: &[u8]) -> Option<LowComplexity> {
    match parse(config)? {
        // The extension may make two channels of one.
        (core, Extension::Rate(sample_rate)) => {
            (core.channels == 2).then_some(LowComplexity { sample_rate, ..core })
        }
        (core, _) => Some(core),
    }
}

/// What a configuration says of spectral band replication.
enum Extension {
    /// Nothing.
    Unknown,
    /// There is none.
    None,
    /// It extends the sample rate to this one.
    Rate(u32),
}

fn parse(config: &[u8]) -> Option<(LowComplexity, Extension)> {
    let mut bits = Bits::new(config);
    if bits.take(5)? != LOW_COMPLEXITY {
        return None;
    }
    let sample_rate = match bits.take(4)? {
        15 => bits.take(24)?,
        index => *RATES.get(index as usize)?,
    };
    let channels = bits.take(4).filter(|channels| matches!(channels, 1..=6))?;
    // frameLengthFlag, dependsOnCoreCoder, extensionFlag
    if bits.take(3)? != 0 {
        return None;
    }
    let extension = match bits.take(11) {
        Some(SYNC_EXTENSION) if bits.take(5)? != SPECTRAL_BANDS => return None,
        Some(SYNC_EXTENSION) if bits.flag()? => Extension::Rate(*RATES.get(bits.take(4)? as usize)?),
        Some(SYNC_EXTENSION) => Extension::None,
        _ => Extension::Unknown,
    };
    Some((LowComplexity { sample_rate, channels }, extension))
}

/// Returns the number of channels of the first audio element of a raw frame, after any fill elements;
/// `None` when it is neither a single channel nor a channel pair.
pub fn first_element_channels(frame: &[u8]) -> Option<u32> {
    let mut bits = Bits::new(frame);
    // Usual frames have at most a few elements before the audio.
    for _ in 0..8 {
        match bits.take(3)? {
            0 => return Some(1),
            1 => return Some(2),
            6 => {
                let count = match bits.take(4)? {
                    15 => 14 + bits.take(8)?,
                    count => count,
                };
                bits.skip(8 * count as usize)?;
            }
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_plain_low_complexity() {
        assert_eq!(low_complexity(&[0x11, 0x90]), Some(LowComplexity { sample_rate: 48_000, channels: 2 }));
        assert_eq!(low_complexity(&[0x11, 0xb0]).map(|config| config.channels), Some(6));
        let no_sbr = [0x12, 0x08, 0x56, 0xe5, 0x00];
        assert_eq!(low_complexity(&no_sbr), Some(LowComplexity { sample_rate: 44_100, channels: 1 }));
    }

    #[test]
    fn rejects_configurations_that_need_a_decoder() {
        assert_eq!(low_complexity(&[0x13, 0x10]), None, "24 kHz may be the core of 48 kHz");
        assert_eq!(low_complexity(&[0x12, 0x10, 0x56, 0xe5, 0x80]), None, "band replication signalled");
        assert_eq!(low_complexity(&[0x2b, 0x92, 0x08, 0x00]), None, "object type 5");
        assert_eq!(low_complexity(&[0x11, 0xb8]), None, "eight channels");
        assert_eq!(low_complexity(&[0x11, 0x80]), None, "channels in the stream");
        assert_eq!(low_complexity(&[0x11]), None);
        let low_rate = [0x13, 0x10, 0x56, 0xe5, 0x00];
        assert_eq!(low_complexity(&low_rate).map(|config| config.sample_rate), Some(24_000));
    }

    #[test]
    fn finds_the_first_audio_element_after_fill() {
        assert_eq!(first_element_channels(&[0b0010_0000]), Some(2));
        assert_eq!(first_element_channels(&[0b0000_0000]), Some(1));
        // A fill element of one byte, then a pair.
        assert_eq!(first_element_channels(&[0b1100_0011, 0b1111_1110, 0b0100_0000]), Some(2));
        assert_eq!(first_element_channels(&[0b1010_0000]), None);
        assert_eq!(first_element_channels(&[]), None);
    }
}
