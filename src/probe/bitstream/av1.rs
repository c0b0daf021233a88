//! AV1 sequence headers (AV1 bitstream specification, 5.5) from an `av1C` record
//! (AV1 in ISO base media files, 2.3.3).

use super::Bits;

pub(super) const OBU_SEQUENCE_HEADER: u32 = 1;
/// Units read before the sequence header of a sample.
const MAX_UNITS: usize = 16;
const PRIMARIES_BT709: u8 = 1;
const TRANSFER_SRGB: u8 = 13;
const MATRIX_IDENTITY: u8 = 0;
const UNSPECIFIED: [u8; 3] = [2; 3];
/// Bits after the colour: `film_grain_params_present` and the stop bit.
const AFTER_COLOR: usize = 1 + 1;

/// The video parameters in a sequence header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceHeader {
    /// `seq_profile`: 0 Main, 1 High, 2 Professional.
    pub profile: u8,
    /// `seq_level_idx` of the first operating point.
    pub level: u8,
    /// Bits per sample.
    pub bit_depth: u8,
    /// Whether the video has only luma.
    pub monochrome: bool,
    /// Whether chroma is subsampled horizontally and vertically.
    pub subsampling: (bool, bool),
    /// Code points of primaries, transfer and matrix (ITU-T H.273).
    pub color: [u8; 3],
    /// Whether samples use the full range.
    pub full_range: bool,
    /// The largest width of a frame in pixels.
    pub width: u32,
    /// The largest height of a frame in pixels.
    pub height: u32,
}

impl SequenceHeader {
    /// Returns whether frames are coded as RGB.
    pub fn is_rgb(&self) -> bool {
        self.color == [PRIMARIES_BT709, TRANSFER_SRGB, MATRIX_IDENTITY] && self.subsampling == (false, false)
    }
}

/// Parses the sequence header in an `av1C` record; `None` when it is missing or malformed, or has the
/// reduced form of still images.
pub fn from_av1c(record: &[u8]) -> Option<SequenceHeader> {
    if *record.first()? != 0x81 {
        return None;
    }
    let units = record.get(4..)?;
    let mut bits = Bits::new(units);
    bits.skip(1)?;
    if bits.take(4)? != OBU_SEQUENCE_HEADER {
        return None;
    }
    let (extended, sized) = (bits.flag()?, bits.flag()?);
    bits.skip(1)?;
    if extended || !sized {
        return None;
    }
    let length = usize::try_from(leb128(&mut bits)?).ok()?;
    let start = units.len() - bits.left() / 8;
    sequence_header(&mut Bits::new(units.get(start..start.checked_add(length)?)?))
}

/// Returns whether an `av1C` record has nothing but its fields, so that only the samples contain the sequence header.
pub(crate) fn is_without_units(record: &[u8]) -> bool {
    matches!(record, [0x81, _, _, _])
}

/// Returns the largest width and height of frames, in pixels, by the sequence header of a sample; `None` for a
/// sample without one.
pub fn sequence_size(sample: &[u8]) -> Option<(u32, u32)> {
    let mut rest = sample;
    // The sequence header precedes the frames, after few other units.
    for _ in 0..MAX_UNITS {
        let mut bits = Bits::new(rest);
        bits.skip(1)?;
        let kind = bits.take(4)?;
        let (extended, sized) = (bits.flag()?, bits.flag()?);
        bits.skip(1 + if extended { 8 } else { 0 })?;
        if !sized || is_frame(kind) {
            return None;
        }
        let length = usize::try_from(leb128(&mut bits)?).ok()?;
        let start = rest.len() - bits.left() / 8;
        if kind == OBU_SEQUENCE_HEADER {
            return sequence_header(&mut bits).map(|header| (header.width, header.height));
        }
        rest = rest.get(start.checked_add(length)?..)?;
    }
    None
}

/// Returns whether an OBU of this type belongs to a frame.
fn is_frame(kind: u32) -> bool {
    matches!(kind, 3 | 4 | 6 | 7)
}

/// Reads a number coded in groups of seven bits, lowest first.
pub(super) fn leb128(bits: &mut Bits<'_>) -> Option<u64> {
    let mut value = 0;
    for group in 0..8 {
        let byte = u64::from(bits.take(8)?);
        value |= (byte & 0x7f) << (7 * group);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

pub(super) fn sequence_header(bits: &mut Bits<'_>) -> Option<SequenceHeader> {
    let profile = bits.take(3)? as u8;
    bits.skip(1)?; // still_picture
    if profile > 2 || bits.flag()? {
        return None;
    }
    let level = operating_points(bits)?;
    let (width_bits, height_bits) = (bits.take(4)? + 1, bits.take(4)? + 1);
    let (width, height) = (bits.take(width_bits)? + 1, bits.take(height_bits)? + 1);
    if bits.flag()? {
        bits.skip(4 + 3)?; // lengths of frame ids
    }
    tools(bits)?;
    let high = bits.flag()?;
    let bit_depth = match (profile, high) {
        (2, true) => 10 + 2 * bits.take(1)? as u8,
        (_, true) => 10,
        _ => 8,
    };
    let monochrome = profile != 1 && bits.flag()?;
    let color = match bits.flag()? {
        true => [bits.take(8)? as u8, bits.take(8)? as u8, bits.take(8)? as u8],
        false => UNSPECIFIED,
    };
    let mut sequence = SequenceHeader {
        profile,
        level,
        bit_depth,
        monochrome,
        subsampling: (false, false),
        color,
        full_range: true,
        width,
        height,
    };
    if !monochrome && sequence.is_rgb() {
        bits.skip(AFTER_COLOR + 1)?;
        return Some(sequence);
    }
    sequence.full_range = bits.flag()?;
    sequence.subsampling = match (profile, bit_depth) {
        _ if monochrome => (true, true),
        (0, _) => (true, true),
        (1, _) => (false, false),
        (_, 12) => {
            let horizontal = bits.flag()?;
            (horizontal, horizontal && bits.flag()?)
        }
        _ => (true, false),
    };
    // chroma_sample_position and separate_uv_delta_q
    let chroma = if sequence.subsampling == (true, true) { 2 + 1 } else { 1 };
    bits.skip(if monochrome { 0 } else { chroma } + AFTER_COLOR)?;
    Some(sequence)
}

/// The fields of a sequence header that frame headers depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameFields {
    /// Bits of an order hint.
    pub(super) order_bits: u32,
    /// Bits of a frame id; zero without ids.
    pub(super) id_bits: u32,
    /// Whether frames use tools for screen content; 2 if each frame states it.
    pub(super) screen_content: u32,
    /// Whether motion vectors are whole numbers; 2 if each frame of screen content states it.
    pub(super) integer_vectors: u32,
    /// Whether frames may be coded in a smaller width.
    pub(super) superres: bool,
}

/// Parses the fields of a sequence header; `None` for one without order hints, or with a decoder model.
pub(super) fn frame_fields(bits: &mut Bits<'_>) -> Option<FrameFields> {
    bits.skip(4)?; // seq_profile, still_picture
    if bits.flag()? {
        return None;
    }
    let mut timing = bits.clone();
    if timing.flag()? {
        timing.skip(64)?;
        if timing.flag()? {
            timing.ue()?;
        }
        if timing.flag()? {
            return None;
        }
    }
    operating_points(bits)?;
    let (width_bits, height_bits) = (bits.take(4)? + 1, bits.take(4)? + 1);
    bits.skip((width_bits + height_bits) as usize)?;
    let id_bits = if bits.flag()? { bits.take(4)? + 2 + bits.take(3)? + 1 } else { 0 };
    bits.skip(3 + 4)?;
    if !bits.flag()? {
        return None;
    }
    bits.skip(2)?;
    let screen_content = if bits.flag()? { 2 } else { bits.take(1)? };
    let integer_vectors = if screen_content == 0 || bits.flag()? { 2 } else { bits.take(1)? };
    let order_bits = bits.take(3)? + 1;
    let superres = bits.flag()?;
    Some(FrameFields { order_bits, id_bits, screen_content, integer_vectors, superres })
}

/// Reads timing and operating points; returns the level of the first.
fn operating_points(bits: &mut Bits<'_>) -> Option<u8> {
    let mut delay_bits = None;
    if bits.flag()? {
        bits.skip(64)?; // num_units_in_display_tick, time_scale
        if bits.flag()? {
            bits.ue()?; // num_ticks_per_picture_minus_1, which uvlc() codes like an Exp-Golomb number
        }
        if bits.flag()? {
            delay_bits = Some(bits.take(5)? as usize + 1);
            bits.skip(32 + 5 + 5)?;
        }
    }
    let display_delay = bits.flag()?;
    let mut first = None;
    for _ in 0..=bits.take(5)? {
        // Decoders refuse a point that has layers in one dimension only.
        let layers = bits.take(12)?;
        (layers == 0 || layers & 0xff != 0 && layers >> 8 != 0).then_some(())?;
        let level = bits.take(5)? as u8;
        first.get_or_insert(level);
        if level > 7 {
            bits.skip(1)?; // seq_tier
        }
        if let Some(length) = delay_bits
            && bits.flag()?
        {
            bits.skip(2 * length + 1)?;
        }
        if display_delay && bits.flag()? {
            bits.skip(4)?;
        }
    }
    first
}

/// Skips the flags of coding tools between the size and the colour.
fn tools(bits: &mut Bits<'_>) -> Option<()> {
    bits.skip(3 + 4)?; // superblocks, intra tools, inter tools
    let ordered = bits.flag()?;
    if ordered {
        bits.skip(2)?;
    }
    // 2: each frame states it.
    let screen_content = if bits.flag()? { 2 } else { bits.take(1)? };
    if screen_content > 0 && !bits.flag()? {
        bits.skip(1)?; // seq_force_integer_mv
    }
    if ordered {
        bits.skip(3)?;
    }
    bits.skip(3) // superres, cdef, restoration
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Main profile, level 2.0, 10 bits 4:2:0, BT.709, limited range, 320x180, as libaom writes it.
    const RECORD: [u8; 20] = [
        0x81, 0x00, 0x4c, 0x00, 0x0a, 0x0e, 0x00, 0x00, 0x00, 0x04, 0x3c, 0xfe, 0xcc, 0xda, 0xf9, 0x50, 0x10,
        0x10, 0x10, 0x40,
    ];

    #[test]
    fn reads_size_depth_and_colour() {
        let expected = SequenceHeader {
            profile: 0,
            level: 0,
            bit_depth: 10,
            monochrome: false,
            subsampling: (true, true),
            color: [1; 3],
            full_range: false,
            width: 320,
            height: 180,
        };
        assert_eq!(from_av1c(&RECORD), Some(expected));
    }

    #[test]
    fn reads_what_frame_headers_depend_on() {
        let fields =
            FrameFields { order_bits: 7, id_bits: 0, screen_content: 2, integer_vectors: 2, superres: false };
        assert_eq!(frame_fields(&mut Bits::new(&RECORD[6..])), Some(fields));
    }

    #[test]
    fn malformed_records_are_none_and_never_panic() {
        for length in 0..RECORD.len() {
            let _ = from_av1c(&RECORD[..length]);
        }
        for index in 0..RECORD.len() {
            for bit in 0..8 {
                let mut broken = RECORD;
                broken[index] ^= 1 << bit;
                let _ = from_av1c(&broken);
            }
        }
        assert_eq!(from_av1c(&[0x81, 0, 0, 0]), None);
        assert_eq!(from_av1c(&[]), None);
    }
}
