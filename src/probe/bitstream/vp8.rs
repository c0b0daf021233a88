//! The header of a VP8 key frame (RFC 6386, 9.1).

/// Returns width and height, in pixels, of the key frame at the start of a sample; `None` for other frames.
pub fn key_frame_size(sample: &[u8]) -> Option<(u32, u32)> {
    let [tag, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] = *sample else { return None };
    // Bit 0 of the tag is set in inter frames; the two bits above the 14 of a size are the scaling.
    let size = |low: u8, high: u8| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
    (tag & 1 == 0).then(|| (size(w0, w1), size(h0, h1)))
}

#[cfg(test)]
mod tests {
    use super::key_frame_size;

    #[test]
    fn only_key_frames_have_a_size() {
        let key = [0x10, 2, 0, 0x9d, 0x01, 0x2a, 0x40, 0x41, 0xf0, 0x00, 9];
        assert_eq!(key_frame_size(&key), Some((320, 240)));
        let mut predicted = key;
        predicted[0] |= 1;
        assert_eq!(key_frame_size(&predicted), None);
        assert_eq!(key_frame_size(&key[..9]), None);
    }
}
