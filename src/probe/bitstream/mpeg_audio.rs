//! The header of an MPEG audio frame (ISO/IEC 11172-3, 2.4.1.3; ISO/IEC 13818-3, 2.4.2.3).

const LAYER_III: u32 = 1;
const MPEG_2_5: u32 = 0;
const MPEG_1: u32 = 3;
const RATES: [u32; 3] = [44_100, 48_000, 32_000];
const MONO: u32 = 3;

/// Returns sample rate (Hz) and channels of the layer III frame at the start of a sample.
pub fn layer3(sample: &[u8]) -> Option<(u32, u32)> {
    let (version, word) = layer3_header(sample)?;
    let rate = *RATES.get((word >> 10 & 3) as usize)?;
    let halvings = match version {
        MPEG_1 => 0,
        MPEG_2_5 => 2,
        _ => 1,
    };
    Some((rate >> halvings, if word >> 6 & 3 == MONO { 1 } else { 2 }))
}

/// Returns the samples per channel of the layer III frame at the start of a sample.
pub fn layer3_samples(sample: &[u8]) -> Option<u32> {
    let (version, _) = layer3_header(sample)?;
    Some(if version == MPEG_1 { 1152 } else { 576 })
}

/// Returns the version and the header of the layer III frame at the start of a sample.
fn layer3_header(sample: &[u8]) -> Option<(u32, u32)> {
    let word = u32::from_be_bytes(*sample.first_chunk()?);
    let field = |shift: u32, mask: u32| word >> shift & mask;
    let version = field(19, 3);
    // Version 1, the last bit rate and the last sample rate are reserved.
    let is_layer3 = field(21, 0x7ff) == 0x7ff && version != 1 && field(17, 3) == LAYER_III;
    (is_layer3 && field(12, 15) != 15 && field(10, 3) != 3).then_some((version, word))
}

#[cfg(test)]
mod tests {
    use super::layer3;

    #[test]
    fn reads_rate_and_channels() {
        assert_eq!(layer3(&[0xff, 0xfb, 0x90, 0x44]), Some((44_100, 2)));
        assert_eq!(layer3(&[0xff, 0xf3, 0x84, 0xc4]), Some((24_000, 1)));
        assert_eq!(layer3(&[0xff, 0xfd, 0x90, 0x44]), None, "layer II");
        assert_eq!(layer3(&[0xff, 0xfb, 0x9c, 0x44]), None, "reserved rate");
        assert_eq!(layer3(&[0xff, 0xfb]), None);
    }
}
