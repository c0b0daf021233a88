//! H.264 sequence parameter sets (ITU-T H.264, 7.3.2.1) from an `avcC` record
//! (ISO/IEC 14496-15, 5.3.3.1).

use super::{Bits, SpsParams, vui};

/// Profiles whose sets contain chroma format and bit depth.
const HIGH_PROFILES: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
/// More macroblocks per side than any level permits.
const MAX_MACROBLOCKS: u32 = 1 << 12;

/// Returns the only sequence parameter set of an `avcC` record, which may repeat it, and the size of the length field
/// before each NAL unit; `None` when the record is malformed, or contains no set or several.
pub fn only_set(record: &[u8]) -> Option<(&[u8], usize)> {
    let sets = sets(record)?;
    let (set, others) = sets.split_first()?;
    others.iter().all(|other| other == set).then_some(())?;
    Some((set, usize::from(record[4] & 3) + 1))
}

/// Returns all sequence parameter sets of an `avcC` record; `None` when the record is malformed.
pub fn sets(record: &[u8]) -> Option<Vec<&[u8]>> {
    if *record.first()? != 1 {
        return None;
    }
    let mut rest = record.get(6..)?;
    let mut sets = Vec::new();
    for _ in 0..record.get(5)? & 0x1f {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let (set, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        sets.push(set);
        rest = after;
    }
    Some(sets)
}

/// Returns the sequence and picture parameter sets of an `avcC` record; `None` when the record is malformed.
pub fn record_units(record: &[u8]) -> Option<Vec<&[u8]>> {
    let mut units = sets(record)?;
    let sequence_bytes: usize = units.iter().map(|set| set.len() + 2).sum();
    let (&count, mut rest) = record.get(6 + sequence_bytes..)?.split_first()?;
    for _ in 0..count {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let (set, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        units.push(set);
        rest = after;
    }
    Some(units)
}

/// Parses the first sequence parameter set of an `avcC` record; `None` when the record is malformed.
pub fn from_avcc(record: &[u8]) -> Option<SpsParams> {
    if *record.first()? != 1 || record.get(5)? & 0x1f == 0 {
        return None;
    }
    let length = usize::from(u16::from_be_bytes([*record.get(6)?, *record.get(7)?]));
    parse_sps(record.get(8..8_usize.checked_add(length)?)?)
}

/// Reads a set up to the size of frames.
pub(super) fn sizes<'a>(nal: &'a [u8], params: &mut SpsParams) -> Option<Bits<'a>> {
    let (mut bits, separate_planes) = start(nal, params)?;
    bits.ue()?; // log2_max_frame_num_minus4
    picture_order(&mut bits)?;
    bits.ue()?; // max_num_ref_frames
    bits.skip(1)?; // gaps_in_frame_num_value_allowed_flag
    size(&mut bits, params, separate_planes)?;
    Some(bits)
}

/// Parses one sequence parameter set, NAL header included.
pub fn parse_sps(nal: &[u8]) -> Option<SpsParams> {
    let mut params = SpsParams::default();
    let mut bits = sizes(nal, &mut params)?;
    // Truncated usability information does not invalidate the fields before it.
    params.complete = !bits.flag()? || vui(&mut bits, &mut params).is_some();
    Some(params)
}

/// Reads a set up to `log2_max_frame_num_minus4`. Returns the reader, and whether the colour planes are separate.
fn start<'a>(nal: &'a [u8], params: &mut SpsParams) -> Option<(Bits<'a>, bool)> {
    if nal.first()? & 0x1f != 7 {
        return None;
    }
    let mut bits = Bits::of_nal(nal.get(1..)?);
    (params.chroma_format, params.bit_depth, params.bit_depth_chroma) = (1, 8, 8);
    params.profile_idc = bits.take(8)?;
    let flags = bits.take(8)? as u8;
    params.constraints = flags.reverse_bits();
    params.level_idc = bits.take(8)?;
    params.set_id = bits.ue()?;
    let mut separate_planes = false;
    if HIGH_PROFILES.contains(&params.profile_idc) {
        params.chroma_format = u8::try_from(bits.ue()?).ok().filter(|format| *format <= 3)?;
        if params.chroma_format == 3 {
            separate_planes = bits.flag()?;
        }
        params.bit_depth = depth(bits.ue()?)?;
        params.bit_depth_chroma = depth(bits.ue()?)?;
        bits.skip(1)?; // qpprime_y_zero_transform_bypass_flag
        if bits.flag()? {
            scaling_lists(&mut bits, if params.chroma_format == 3 { 12 } else { 8 })?;
        }
    }
    Some((bits, separate_planes))
}

/// The fields of a sequence parameter set on which the syntax of slice headers depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SliceFields {
    /// Bits of `frame_num`.
    pub number_bits: u32,
    /// Whether frame numbers may be left out (`gaps_in_frame_num_value_allowed_flag`).
    pub gaps_allowed: bool,
    /// Whether only frames are coded.
    pub frames_only: bool,
    /// Whether the colour planes are separate.
    pub separate_planes: bool,
    /// Bits of `pic_order_cnt_lsb`, if the picture order is of type 0.
    pub order_bits: Option<u32>,
    /// Whether slices have `delta_pic_order_cnt`.
    pub order_deltas: bool,
    /// Whether there is chroma in the same planes (`ChromaArrayType` is not 0).
    pub has_chroma: bool,
}

/// Returns the id of a sequence parameter set and the fields that slice headers depend on.
pub fn slice_fields(nal: &[u8]) -> Option<(u32, SliceFields)> {
    let mut params = SpsParams::default();
    let (mut bits, separate_planes) = start(nal, &mut params)?;
    let number_bits = bits.ue()?.checked_add(4).filter(|count| *count <= 16)?;
    let (order_bits, order_deltas) = picture_order(&mut bits)?;
    bits.ue()?; // max_num_ref_frames
    let gaps_allowed = bits.flag()?;
    size(&mut bits, &mut params, separate_planes)?;
    let has_chroma = params.chroma_format > 0 && !separate_planes;
    let frames_only = params.frames_only;
    let fields = SliceFields {
        number_bits,
        gaps_allowed,
        frames_only,
        separate_planes,
        order_bits,
        order_deltas,
        has_chroma,
    };
    Some((params.set_id, fields))
}

fn depth(minus_8: u32) -> Option<u8> {
    u8::try_from(minus_8).ok().filter(|depth| *depth <= 6).map(|depth| depth + 8)
}

/// Reads scaling lists, of which the first six have 16 values. Decoders refuse larger steps between values.
pub(super) fn scaling_lists(bits: &mut Bits<'_>, lists: u32) -> Option<()> {
    for list in 0..lists {
        if !bits.flag()? {
            continue;
        }
        let (mut last, mut next) = (8_i32, 8_i32);
        for _ in 0..if list < 6 { 16 } else { 64 } {
            if next != 0 {
                let step = bits.se().filter(|step| (-128..=127).contains(step))?;
                next = (last + step).rem_euclid(256);
            }
            last = if next == 0 { last } else { next };
        }
    }
    Some(())
}

/// Returns the bits of `pic_order_cnt_lsb`, if the order is of type 0, and whether slices have deltas of type 1.
fn picture_order(bits: &mut Bits<'_>) -> Option<(Option<u32>, bool)> {
    match bits.ue()? {
        0 => Some((Some(bits.ue()?.checked_add(4).filter(|count| *count <= 16)?), false)),
        1 => {
            let always_zero = bits.flag()?;
            bits.se()?;
            bits.se()?;
            let cycle = bits.ue()?;
            for _ in 0..Some(cycle).filter(|cycle| *cycle <= 255)? {
                bits.se()?;
            }
            Some((None, !always_zero))
        }
        2 => Some((None, false)),
        _ => None,
    }
}

fn size(bits: &mut Bits<'_>, params: &mut SpsParams, separate_planes: bool) -> Option<()> {
    let columns = bits.ue()?.checked_add(1).filter(|count| *count <= MAX_MACROBLOCKS)?;
    let rows = bits.ue()?.checked_add(1).filter(|count| *count <= MAX_MACROBLOCKS)?;
    params.frames_only = bits.flag()?;
    if !params.frames_only {
        bits.skip(1)?; // mb_adaptive_frame_field_flag
    }
    bits.skip(1)?; // direct_8x8_inference_flag
    let fields = if params.frames_only { 1 } else { 2 };
    let (width, height) = (columns * 16, rows * 16 * fields);
    let mut crop = [0; 4];
    if bits.flag()? {
        for side in &mut crop {
            *side = bits.ue()?;
        }
    }
    params.crops_start = crop[0] > 0 || crop[2] > 0;
    let planes = if separate_planes { 0 } else { params.chroma_format };
    let unit_x = if matches!(planes, 1 | 2) { 2 } else { 1 };
    let unit_y = if planes == 1 { 2 * fields } else { fields };
    let cropped = |a: u32, b: u32, unit: u32| a.checked_add(b)?.checked_mul(unit);
    params.width = width.checked_sub(cropped(crop[0], crop[1], unit_x)?).filter(|width| *width > 0)?;
    params.height = height.checked_sub(cropped(crop[2], crop[3], unit_y)?).filter(|height| *height > 0)?;
    Some(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::Rational;

    /// Writes the bits of test sets.
    struct BitWriter(Vec<bool>);

    impl BitWriter {
        fn bits(mut self, value: u32, count: u32) -> BitWriter {
            self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
            self
        }

        fn ue(self, value: u32) -> BitWriter {
            let code = value + 1;
            let length = 32 - code.leading_zeros();
            self.bits(0, length - 1).bits(code, length)
        }

        fn nal(mut self) -> Vec<u8> {
            self.0.push(true);
            while !self.0.len().is_multiple_of(8) {
                self.0.push(false);
            }
            let payload =
                self.0.chunks(8).map(|byte| byte.iter().fold(0, |value, bit| value << 1 | u8::from(*bit)));
            let mut nal = vec![0x67];
            let mut zeros = 0;
            for byte in payload {
                if zeros >= 2 && byte <= 3 {
                    nal.push(3);
                    zeros = 0;
                }
                zeros = if byte == 0 { zeros + 1 } else { 0 };
                nal.push(byte);
            }
            nal
        }
    }

    fn high_1080p(interlaced: bool) -> BitWriter {
        let writer = BitWriter(Vec::new()).bits(100, 8).bits(0, 8).bits(40, 8).ue(0);
        let writer = writer.ue(1).ue(0).ue(0).bits(0, 1).bits(0, 1); // 4:2:0, 8 bits, no lists
        let writer = writer.ue(0).ue(2).ue(4).bits(0, 1);
        let rows = if interlaced { 33 } else { 67 };
        let writer = writer.ue(119).ue(rows).bits(u32::from(!interlaced), 1);
        let writer = if interlaced { writer.bits(0, 1) } else { writer };
        let crop_bottom = if interlaced { 2 } else { 4 };
        writer.bits(1, 1).bits(1, 1).ue(0).ue(0).ue(0).ue(crop_bottom)
    }

    #[test]
    fn reads_size_cropping_and_depth() {
        let params = parse_sps(&high_1080p(false).bits(0, 1).nal()).unwrap();
        assert_eq!((params.width, params.height, params.bit_depth, params.chroma_format), (1920, 1080, 8, 1));
        assert_eq!((params.profile_idc, params.level_idc, params.frames_only), (100, 40, true));
        let params = parse_sps(&high_1080p(true).bits(0, 1).nal()).unwrap();
        assert_eq!((params.width, params.height, params.frames_only), (1920, 1080, false));
    }

    #[test]
    fn reads_aspect_ratio_and_colour() {
        let vui = high_1080p(false).bits(1, 1).bits(1, 1).bits(255, 8).bits(64, 16).bits(45, 16);
        let vui =
            vui.bits(0, 1).bits(1, 1).bits(5, 3).bits(1, 1).bits(1, 1).bits(9, 8).bits(16, 8).bits(9, 8);
        let params = parse_sps(&vui.nal()).unwrap();
        assert_eq!(params.sample_aspect_ratio, Rational::new(64, 45));
        assert_eq!(params.full_range, Some(true));
        assert_eq!(params.color, Some([9, 16, 9]));
    }

    #[test]
    fn malformed_sets_are_none_and_never_panic() {
        let nal = high_1080p(false).bits(0, 1).nal();
        for length in 0..nal.len().min(8) {
            assert_eq!(parse_sps(&nal[..length]), None, "truncated to {length}");
        }
        for index in 0..nal.len() {
            for bit in 0..8 {
                let mut broken = nal.clone();
                broken[index] ^= 1 << bit;
                let _ = parse_sps(&broken);
                let _ = from_avcc(&broken);
            }
        }
        assert_eq!(from_avcc(&[1, 100, 0, 40, 0xff, 0xe1, 0xff, 0xff]), None);
    }
}
