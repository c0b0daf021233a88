//! The first sample of an AV1 stream (AV1 bitstream specification, 5.9): a sequence header and a key frame.

use super::Bits;
use super::av1::{OBU_SEQUENCE_HEADER, SequenceHeader, frame_fields, leb128, sequence_header};
use crate::model::Rational;

const OBU_TEMPORAL_DELIMITER: u32 = 2;
const OBU_FRAME: u32 = 6;

/// Returns the sequence header of a sample and the sample aspect ratio of its frame; `None` unless the sample consists of
/// the two, and the frame is a key frame of the full size that is shown.
pub(crate) fn read(sample: &[u8]) -> Option<(SequenceHeader, Rational)> {
    let (mut kind, mut unit, mut rest) = next_unit(sample)?;
    if kind == OBU_TEMPORAL_DELIMITER {
        (kind, unit, rest) = next_unit(rest)?;
    }
    let (frame_kind, frame, end) = next_unit(rest)?;
    if (kind, frame_kind) != (OBU_SEQUENCE_HEADER, OBU_FRAME) || !end.is_empty() {
        return None;
    }
    let sequence = sequence_header(&mut Bits::new(unit))?;
    let (width, height) = render_size(frame, unit, &sequence)?;
    let ratio = |height: u32, width: u32| i64::from(height) * i64::from(width);
    Some((sequence, Rational::positive(ratio(sequence.height, width), ratio(sequence.width, height))?))
}

/// Returns the type and the content of the first unit, and what follows it.
fn next_unit(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let mut bits = Bits::new(bytes);
    bits.flag().filter(|forbidden| !forbidden)?;
    let kind = bits.take(4)?;
    let (extended, sized) = (bits.flag()?, bits.flag()?);
    bits.skip(1)?;
    (sized && !extended).then_some(())?;
    let length = usize::try_from(leb128(&mut bits)?).ok()?;
    let (unit, rest) = bytes.get(bytes.len() - bits.left() / 8..)?.split_at_checked(length)?;
    Some((kind, unit, rest))
}

/// Reads the header of a shown key frame. Returns the size for which it is meant.
fn render_size(frame: &[u8], sequence_unit: &[u8], sequence: &SequenceHeader) -> Option<(u32, u32)> {
    let fields = frame_fields(&mut Bits::new(sequence_unit))?;
    let mut bits = Bits::new(frame);
    // show_existing_frame, frame_type, show_frame
    (bits.take(1 + 2 + 1)? == 1).then_some(())?;
    bits.skip(1)?; // disable_cdf_update
    let screen_content = if fields.screen_content == 2 { bits.take(1)? } else { fields.screen_content };
    if screen_content > 0 && fields.integer_vectors == 2 {
        bits.skip(1)?;
    }
    bits.skip(fields.id_bits as usize)?;
    bits.flag().filter(|differs| !differs)?; // frame_size_override_flag
    bits.skip(fields.order_bits as usize)?;
    if fields.superres {
        bits.flag().filter(|scaled| !scaled)?;
    }
    let size = match bits.flag()? {
        true => (bits.take(16)? + 1, bits.take(16)? + 1),
        false => (sequence.width, sequence.height),
    };
    Some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sequence header of a file of 720x1280 pixels, and the start of its first frame.
    const SAMPLE: [u8; 22] = [
        0x0a, 14, 0, 0, 0, 0xfa, 0x6a, 0xcf, 0x9f, 0xe2, 0x10, 0xae, 0x84, 0x88, 0x04, 0x9a, 0x32, 4, 0x10,
        0x02, 0x23, 0xc6,
    ];

    #[test]
    fn reads_sequence_and_aspect_ratio() {
        let read_sample = |sample: &[u8]| {
            read(sample).map(|(sequence, ratio)| (sequence.width, sequence.height, ratio.num(), ratio.den()))
        };
        assert_eq!(read_sample(&SAMPLE), Some((720, 1280, 1, 1)));
        assert_eq!(read_sample(&[&[0x12, 0], &SAMPLE[..]].concat()), Some((720, 1280, 1, 1)));
        // A size to show of 1x2 pixels: the flag is behind 4 + 1 + 1 + 1 + 7 bits of the frame.
        let wide = [&SAMPLE[..16], &[0x32, 7, 0x10, 0x00, 0, 0, 0, 0, 0x18][..]].concat();
        assert!(read_sample(&wide).is_some());
    }

    #[test]
    fn other_samples_are_none() {
        assert!(read(&SAMPLE[16..]).is_none(), "no sequence header");
        assert!(read(&SAMPLE[..16]).is_none(), "no frame");
        assert!(read(&SAMPLE[..21]).is_none(), "truncated");
        assert!(read(&[&SAMPLE[..], &[0x12, 0]].concat()).is_none(), "a further unit");
        let hidden = [&SAMPLE[..18], &[0x00, 0x02, 0x23, 0xc6]].concat();
        assert!(read(&hidden).is_none(), "a hidden frame");
    }
}
