//! The configuration of Apple Lossless, as its open source describes it.

/// Bytes of the configuration.
pub const CONFIG_BYTES: usize = 24;

/// Returns sample rate (Hz) and channels of a configuration of mono or stereo.
pub fn format(config: &[u8]) -> Option<(u32, u32)> {
    let config: &[u8; CONFIG_BYTES] = config.try_into().ok()?;
    let word = |at: usize| u32::from_be_bytes([config[at], config[at + 1], config[at + 2], config[at + 3]]);
    let (samples, version, bits, channels) = (word(0), config[4], config[5], config[9]);
    let is_usual = samples == 4096 && version == 0 && matches!(bits, 16 | 24) && matches!(channels, 1 | 2);
    let is_known = |rate: u32| i32::try_from(rate).is_ok_and(|rate| rate > 0);
    Some((word(20), channels.into())).filter(|(rate, _)| is_usual && is_known(*rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rate_and_channels() {
        let mut config = [0; CONFIG_BYTES];
        config[..10].copy_from_slice(&[0, 0, 16, 0, 0, 16, 40, 10, 14, 2]);
        config[20..].copy_from_slice(&[0, 0, 0xbb, 0x80]);
        assert_eq!(format(&config), Some((48_000, 2)));
        config[20] = 0x80;
        assert_eq!(format(&config), None, "a rate that decoders take for a negative one");
        config[20] = 0;
        config[9] = 3;
        assert_eq!(format(&config), None, "three channels");
        assert_eq!(format(&config[..23]), None);
    }
}
