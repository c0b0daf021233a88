//! The identification header of Opus (RFC 7845, 5.1), and the start of its packets (RFC 6716, 3).

/// The most bytes of a frame.
const MAX_FRAME_BYTES: usize = 1275;
/// The most samples of a packet, at 48 kHz: 120 ms.
const MAX_SAMPLES: u32 = 5760;
/// The latest version of the header with these fields.
const MAX_VERSION: u8 = 15;

/// Returns the number of channels of an `OpusHead`: mono or stereo, or up to eight in the order of Vorbis.
pub fn channels(head: &[u8]) -> Option<u32> {
    let (channels, family) = (*head.get(9)?, *head.get(18)?);
    let is_valid = match family {
        0 => matches!(channels, 1 | 2),
        1 => {
            let (streams, coupled) = (*head.get(19)?, *head.get(20)?);
            let mapped = head.get(21..21 + usize::from(channels))?;
            let decoded = streams.checked_add(coupled).filter(|_| streams > 0 && coupled <= streams)?;
            (1..=8).contains(&channels) && mapped.iter().all(|from| *from < decoded)
        }
        _ => false,
    };
    // Decoders reject later versions, whose fields may differ.
    let is_known = *head.get(8)? <= MAX_VERSION;
    (head.starts_with(b"OpusHead") && is_valid && is_known).then_some(channels.into())
}

/// Returns the samples of a packet, at 48 kHz; `None` when it is invalid.
pub fn samples(packet: &[u8]) -> Option<u32> {
    let (&toc, mut rest) = packet.split_first()?;
    let (config, code) = (toc >> 3, toc & 3);
    let frame = match config {
        0..12 => [480, 960, 1920, 2880][usize::from(config & 3)],
        12..16 => [480, 960][usize::from(config & 1)],
        _ => [120, 240, 480, 960][usize::from(config & 3)],
    };
    let even =
        |bytes: usize, frames: usize| bytes.is_multiple_of(frames) && bytes / frames <= MAX_FRAME_BYTES;
    let (frames, fits) = match code {
        0 => (1, even(rest.len(), 1)),
        1 => (2, even(rest.len(), 2)),
        2 => {
            let first = length(&mut rest)?;
            (2, rest.len().checked_sub(first).is_some_and(|second| second <= MAX_FRAME_BYTES))
        }
        _ => {
            let (&count, after) = rest.split_first()?;
            rest = after;
            let frames = usize::from(count & 0x3f);
            let padding = if count & 0x40 == 0 { 0 } else { padding(&mut rest)? };
            let mut sizes = 0;
            for _ in 1..if count & 0x80 == 0 { 1 } else { frames } {
                sizes += length(&mut rest)?;
            }
            let bytes = rest.len().checked_sub(padding)?;
            let is_variable = count & 0x80 != 0;
            (frames, frames > 0 && if is_variable { sizes <= bytes } else { even(bytes, frames) })
        }
    };
    Some(frame * frames as u32).filter(|samples| fits && *samples <= MAX_SAMPLES)
}

/// Takes the length of a frame.
fn length(rest: &mut &[u8]) -> Option<usize> {
    let (&first, after) = rest.split_first()?;
    *rest = after;
    if first < 252 {
        return Some(first.into());
    }
    let (&second, after) = rest.split_first()?;
    *rest = after;
    Some(usize::from(first) + 4 * usize::from(second))
}

/// Takes the length of the padding at the end of a packet.
fn padding(rest: &mut &[u8]) -> Option<usize> {
    let mut padding = 0;
    loop {
        let (&part, after) = rest.split_first()?;
        *rest = after;
        if part < u8::MAX {
            return Some(padding + usize::from(part));
        }
        padding += 254;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_channels_of_an_opus_head() {
        let mut head = *b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0";
        assert_eq!(channels(&head), Some(2));
        head[18] = 1;
        assert_eq!(channels(&head), None, "a missing map of channels");
        assert_eq!(channels(&head[..10]), None);
        let surround = |map: [u8; 3]| {
            let mut head = head;
            head[9] = 3;
            [&head[..], &[2, 1], &map].concat()
        };
        assert_eq!(channels(&surround([0, 2, 1])), Some(3));
        assert_eq!(channels(&surround([0, 2, 3])), None, "a channel that no stream has");
    }

    #[test]
    fn counts_the_samples_of_packets() {
        assert_eq!(samples(&[0xfc, 1, 2, 3]), Some(960), "one frame of 20 ms");
        assert_eq!(samples(&[0x01, 1, 2]), Some(960), "two frames of 10 ms");
        assert_eq!(samples(&[0x01, 1, 2, 3]), None, "frames of different sizes");
        assert_eq!(samples(&[0x02, 1, 2, 3]), Some(960));
        assert_eq!(samples(&[0x02, 4, 2, 3]), None, "a frame beyond the end");
        assert_eq!(samples(&[0x1b, 3, 1, 2, 3]), None, "180 ms");
        assert_eq!(samples(&[0x03, 0xc2, 1, 1, 7, 7, 0]), Some(960), "a padded packet");
        assert_eq!(samples(&[]), None);
    }
}
