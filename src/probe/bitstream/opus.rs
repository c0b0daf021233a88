//! The identification header of Opus (RFC 7845, 5.1).

/// Returns the number of channels of an `OpusHead` with a single stream: mono or stereo.
pub fn channels(head: &[u8]) -> Option<u32> {
    let (channels, family) = (*head.get(9)?, *head.get(18)?);
    (head.starts_with(b"OpusHead") && family == 0 && matches!(channels, 1 | 2)).then_some(channels.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_channels_of_an_opus_head() {
        let mut head = *b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0";
        assert_eq!(channels(&head), Some(2));
        head[18] = 1;
        assert_eq!(channels(&head), None, "mapped channels");
        assert_eq!(channels(&head[..10]), None);
    }
}
