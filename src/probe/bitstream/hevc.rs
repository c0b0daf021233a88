//! HEVC sequence parameter sets (ITU-T H.265, 7.3.2.2) from an `hvcC` record
//! (ISO/IEC 14496-15, 8.3.3.1).

use super::{Bits, SpsParams, nal_units_any_framing, vui};

const NAL_SPS: u8 = 33;
const NAL_PPS: u8 = 34;
/// Larger than any level permits, in pixels.
const MAX_SIDE: u32 = 1 << 16;

/// Returns the only sequence parameter set of an `hvcC` record, which may repeat it, and the size of the length field
/// before each NAL unit; `None` when the record is malformed, or contains no set or several.
pub fn only_set(record: &[u8]) -> Option<(&[u8], usize)> {
    let sets: Vec<&[u8]> = sets(record)?.into_iter().filter(|set| is_base_layer(set)).collect();
    let (set, others) = sets.split_first()?;
    others.iter().all(|other| other == set).then_some(())?;
    Some((set, usize::from(record.get(21)? & 3) + 1))
}

/// Parses the first sequence parameter set of an `hvcC` record; `None` when the record is malformed.
pub fn from_hvcc(record: &[u8]) -> Option<SpsParams> {
    parse_sps(sets(record)?.first()?)
}

/// Returns whether a NAL unit belongs to the base layer, the only one for decoders without layers.
pub fn is_base_layer(unit: &[u8]) -> bool {
    matches!(unit, [first, second, ..] if first & 1 == 0 && second >> 3 == 0)
}

/// Returns all sequence parameter sets of a record; `None` when the record is malformed.
pub fn sets(record: &[u8]) -> Option<Vec<&[u8]>> {
    units_of_type(record, NAL_SPS)
}

/// Returns the sequence and picture parameter sets of a record; `None` when the record is malformed.
pub fn record_units(record: &[u8]) -> Option<Vec<&[u8]>> {
    let mut units = sets(record)?;
    units.extend(units_of_type(record, NAL_PPS)?);
    Some(units)
}

/// Returns whether an `hvcC` record contains HDR10 metadata; see [`has_hdr10_metadata`].
pub fn record_has_hdr10_metadata(record: &[u8]) -> bool {
    let units = messages_of(record);
    units.into_iter().any(|unit| sei_payload_types(unit).any(|kind| HDR10_MESSAGES.contains(&kind)))
}

/// Returns the units of a record with messages for what follows.
pub(super) fn messages_of(record: &[u8]) -> Vec<&[u8]> {
    units_of_type(record, NAL_PREFIX_SEI).unwrap_or_default()
}

/// Returns the NAL units of one type in a record.
fn units_of_type(record: &[u8], wanted: u8) -> Option<Vec<&[u8]>> {
    units(record, |kind| kind == wanted)
}

/// Returns the NAL units of the types that are wanted in a record; `None` when the record is malformed.
pub(super) fn units(record: &[u8], is_wanted: impl Fn(u8) -> bool) -> Option<Vec<&[u8]>> {
    let arrays = *record.get(22)?;
    let mut at = 23;
    let mut units = Vec::new();
    for _ in 0..arrays {
        let kind = record.get(at)? & 0x3f;
        let count = u16::from_be_bytes([*record.get(at + 1)?, *record.get(at + 2)?]);
        at += 3;
        for _ in 0..count {
            let length = usize::from(u16::from_be_bytes([*record.get(at)?, *record.get(at + 1)?]));
            let nal = record.get(at + 2..at.checked_add(2 + length)?)?;
            if is_wanted(kind) {
                units.push(nal);
            }
            at += 2 + length;
        }
    }
    Some(units)
}

/// Parses one sequence parameter set, NAL header included.
pub fn parse_sps(nal: &[u8]) -> Option<SpsParams> {
    let mut params = SpsParams::default();
    let (mut bits, sub_layers, _) = start(nal, &mut params)?;
    params.complete = usability(&mut bits, sub_layers, &mut params).is_some();
    Some(params)
}

/// Reads a set up to the bit depths. Returns the reader, `sps_max_sub_layers_minus1`, and whether the colour planes
/// are separate.
pub(super) fn start<'a>(nal: &'a [u8], params: &mut SpsParams) -> Option<(Bits<'a>, u32, bool)> {
    if nal.first()? >> 1 & 0x3f != NAL_SPS {
        return None;
    }
    let mut bits = Bits::of_nal(nal.get(2..)?);
    bits.skip(4)?; // sps_video_parameter_set_id
    let sub_layers = bits.take(3)?;
    bits.skip(1)?; // sps_temporal_id_nesting_flag
    profile_tier_level(&mut bits, sub_layers, params)?;
    params.set_id = bits.ue()?;
    params.chroma_format = u8::try_from(bits.ue()?).ok().filter(|format| *format <= 3)?;
    let separate_planes = params.chroma_format == 3 && bits.flag()?;
    size(&mut bits, params, separate_planes)?;
    params.bit_depth = depth(bits.ue()?)?;
    params.bit_depth_chroma = depth(bits.ue()?)?;
    Some((bits, sub_layers, separate_planes))
}

/// The fields of a sequence parameter set on which the picture order counts in slice headers depend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OrderFields {
    /// Bits of `slice_pic_order_cnt_lsb`.
    pub(super) order_bits: u32,
    /// Whether the colour planes are separate.
    pub(super) separate_planes: bool,
}

/// Reads a set up to its reference picture sets. Returns its id, the reader, and the fields read.
pub(super) fn before_reference_sets(nal: &[u8]) -> Option<(u32, Bits<'_>, OrderFields)> {
    let mut params = SpsParams::default();
    let (mut bits, sub_layers, separate_planes) = start(nal, &mut params)?;
    let order_bits = coding(&mut bits, sub_layers)?;
    Some((params.set_id, bits, OrderFields { order_bits, separate_planes }))
}

fn depth(minus_8: u32) -> Option<u8> {
    u8::try_from(minus_8).ok().filter(|depth| *depth <= 8).map(|depth| depth + 8)
}

fn profile_tier_level(bits: &mut Bits<'_>, sub_layers: u32, params: &mut SpsParams) -> Option<()> {
    bits.skip(3)?; // general_profile_space, general_tier_flag
    params.profile_idc = bits.take(5)?;
    bits.skip(32)?; // general_profile_compatibility_flag
    let progressive = bits.flag()?;
    let interlaced = bits.flag()?;
    params.frames_only = progressive || !interlaced;
    bits.skip(46)?; // further constraint flags
    params.level_idc = bits.take(8)?;
    let mut present = Vec::new();
    for _ in 0..sub_layers {
        present.push((bits.flag()?, bits.flag()?));
    }
    if sub_layers > 0 {
        bits.skip(2 * (8 - sub_layers as usize))?;
    }
    for (profile, level) in present {
        bits.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
    }
    Some(())
}

fn size(bits: &mut Bits<'_>, params: &mut SpsParams, separate_planes: bool) -> Option<()> {
    let width = bits.ue()?;
    let height = bits.ue()?;
    if width > MAX_SIDE || height > MAX_SIDE {
        return None;
    }
    let mut crop = [0; 4];
    if bits.flag()? {
        for side in &mut crop {
            *side = bits.ue()?;
        }
    }
    let planes = if separate_planes { 0 } else { params.chroma_format };
    let unit_x = if matches!(planes, 1 | 2) { 2 } else { 1 };
    let unit_y = if planes == 1 { 2 } else { 1 };
    let cropped = |a: u32, b: u32, unit: u32| a.checked_add(b)?.checked_mul(unit);
    params.width = width.checked_sub(cropped(crop[0], crop[1], unit_x)?).filter(|width| *width > 0)?;
    params.height = height.checked_sub(cropped(crop[2], crop[3], unit_y)?).filter(|height| *height > 0)?;
    Some(())
}

/// Skips the fields between the bit depths and the reference picture sets. Returns the bits of a picture order count.
fn coding(bits: &mut Bits<'_>, sub_layers: u32) -> Option<u32> {
    let order_bits = bits.ue()?.checked_add(4).filter(|count| *count <= 16)?;
    let all_layers = bits.flag()?;
    for _ in if all_layers { 0 } else { sub_layers }..=sub_layers {
        bits.ue()?;
        bits.ue()?;
        bits.ue()?;
    }
    for _ in 0..6 {
        bits.ue()?; // coding and transform block sizes, transform depths
    }
    if bits.flag()? && bits.flag()? {
        scaling_lists(bits)?;
    }
    bits.skip(2)?; // amp_enabled_flag, sample_adaptive_offset_enabled_flag
    if bits.flag()? {
        bits.skip(8)?; // pcm sample bit depths
        bits.ue()?;
        bits.ue()?;
        bits.skip(1)?;
    }
    Some(order_bits)
}

/// Skips the fields between the bit depths and the usability information, then parses the latter.
fn usability(bits: &mut Bits<'_>, sub_layers: u32, params: &mut SpsParams) -> Option<()> {
    let order_bits = coding(bits, sub_layers)?;
    short_term_sets(bits)?;
    if bits.flag()? {
        let count = bits.ue()?;
        for _ in 0..Some(count).filter(|count| *count <= 32)? {
            bits.skip(order_bits as usize)?;
            bits.skip(1)?;
        }
    }
    bits.skip(2)?; // sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag
    if bits.flag()? {
        vui(bits, params)?;
    }
    Some(())
}

fn scaling_lists(bits: &mut Bits<'_>) -> Option<()> {
    for size in 0..4 {
        for _ in 0..if size == 3 { 2 } else { 6 } {
            if !bits.flag()? {
                bits.ue()?;
                continue;
            }
            if size > 1 {
                bits.se()?;
            }
            for _ in 0..64.min(1 << (4 + (size << 1))) {
                bits.se()?;
            }
        }
    }
    Some(())
}

/// Skips the short-term reference picture sets (ITU-T H.265, 7.3.7).
pub(super) fn short_term_sets(bits: &mut Bits<'_>) -> Option<()> {
    let count = Some(bits.ue()?).filter(|count| *count <= 64)?;
    let mut pictures_before = 0_u32;
    for index in 0..count {
        let predicted = index > 0 && bits.flag()?;
        pictures_before = if predicted {
            bits.skip(1)?; // delta_rps_sign
            bits.ue()?;
            let mut kept = 0;
            for _ in 0..=pictures_before {
                let used = bits.flag()?;
                let kept_unused = !used && bits.flag()?;
                kept += u32::from(used || kept_unused);
            }
            kept
        } else {
            let (negative, positive) = (bits.ue()?, bits.ue()?);
            let pictures = negative.checked_add(positive).filter(|pictures| *pictures <= 32)?;
            for _ in 0..pictures {
                bits.ue()?;
                bits.skip(1)?;
            }
            pictures
        };
    }
    Some(())
}

/// Leading pictures that a decoder skips when it starts at their key frame: RASL_N and RASL_R.
const RASL_TYPES: [u8; 2] = [8, 9];
pub(super) const NAL_PREFIX_SEI: u8 = 39;
/// Mastering display colour volume and content light level (ITU-T H.265, D.2.28 and D.2.35).
const HDR10_MESSAGES: [u32; 2] = [137, 144];

fn nal_type(unit: &[u8]) -> Option<u8> {
    unit.first().map(|byte| byte >> 1 & 0x3f)
}

/// Returns whether a sample has a leading picture that references frames before the last key frame.
pub fn has_rasl_picture(sample: &[u8]) -> bool {
    nal_units_any_framing(sample).filter_map(nal_type).any(|kind| RASL_TYPES.contains(&kind))
}

/// Returns whether a sample has mastering display or content light level metadata, which distinguish
/// HDR10 from plain PQ.
pub fn has_hdr10_metadata(sample: &[u8]) -> bool {
    nal_units_any_framing(sample)
        .filter(|unit| nal_type(unit) == Some(NAL_PREFIX_SEI))
        .any(|unit| sei_payload_types(unit).any(|kind| HDR10_MESSAGES.contains(&kind)))
}

/// Returns the payload types of the messages in an SEI unit (ITU-T H.265, 7.3.5).
fn sei_payload_types(unit: &[u8]) -> impl Iterator<Item = u32> {
    let mut bits = Bits::of_nal(unit.get(2..).unwrap_or_default());
    std::iter::from_fn(move || {
        // The last byte is the stop bit with its padding.
        let kind = sei_number(&mut bits).filter(|_| bits.left() > 8)?;
        let size = sei_number(&mut bits)?;
        bits.skip(8 * size as usize)?;
        Some(kind)
    })
}

/// Reads a number coded as a sum of bytes, of which all but the last are 255.
pub(super) fn sei_number(bits: &mut Bits<'_>) -> Option<u32> {
    let mut sum = 0_u32;
    loop {
        let byte = bits.take(8)?;
        sum = sum.checked_add(byte)?;
        if byte < 255 {
            return Some(sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_leading_pictures_in_both_framings() {
        assert!(has_rasl_picture(&[0, 0, 0, 2, 35 << 1, 1, 0, 0, 0, 2, 8 << 1, 1]));
        assert!(has_rasl_picture(&[0, 0, 0, 1, 9 << 1, 1]));
        assert!(!has_rasl_picture(&[0, 0, 0, 2, 6 << 1, 1]));
        assert!(!has_rasl_picture(&[0xff; 7]));
    }

    #[test]
    fn finds_hdr10_metadata_among_other_messages() {
        let sei = |messages: &[u8]| {
            let mut sample = vec![0, 0, 0, messages.len() as u8 + 3, NAL_PREFIX_SEI << 1, 1];
            sample.extend_from_slice(messages);
            sample.push(0x80);
            sample
        };
        assert!(has_hdr10_metadata(&sei(&[5, 2, 9, 9, 144, 4, 3, 232, 1, 144])));
        assert!(!has_hdr10_metadata(&sei(&[5, 2, 144, 144])), "inside another message");
        assert!(!has_hdr10_metadata(&sei(&[255, 255, 1, 200])), "truncated");
        assert!(!has_hdr10_metadata(&[]));
    }

    #[test]
    fn a_record_may_repeat_its_only_set() {
        let record = |second: u8| {
            let mut record = vec![1; 22];
            record.extend([1, NAL_SPS, 0, 2]);
            for last in [7, second] {
                record.extend([0, 3, NAL_SPS << 1, 1, last]);
            }
            record
        };
        assert_eq!(only_set(&record(7)), Some((&[NAL_SPS << 1, 1, 7][..], 2)));
        assert_eq!(only_set(&record(8)), None, "another set");
    }

    #[test]
    fn malformed_records_are_none_and_never_panic() {
        assert_eq!(from_hvcc(&[]), None);
        assert_eq!(from_hvcc(&[1; 22]), None);
        let mut record = vec![1; 23];
        record[22] = 1;
        record.extend([NAL_SPS, 0, 1, 0xff, 0xff]);
        assert_eq!(from_hvcc(&record), None);
        for seed in 0..2000_u32 {
            let bytes: Vec<u8> = (0..64)
                .map(|i| (seed.wrapping_mul(2_654_435_761).rotate_left(i % 32) >> 3) as u8 ^ i as u8)
                .collect();
            let mut nal = vec![NAL_SPS << 1, 1];
            nal.extend(bytes);
            let _ = parse_sps(&nal);
        }
    }
}
