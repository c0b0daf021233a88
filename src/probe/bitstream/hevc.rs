//! HEVC sequence parameter sets (ITU-T H.265, 7.3.2.2) out of an `hvcC` record
//! (ISO/IEC 14496-15, 8.3.3.1).

use super::{Bits, PictureParams, either_units, vui};

const NAL_SPS: u8 = 33;
/// Larger than any level permits.
const MAX_SIDE: u32 = 1 << 16;

/// The sequence parameter set of an `hvcC` record and the number of bytes before each NAL unit of a
/// sample; `None` when the record is malformed or holds another number of sets than one.
pub fn only_set(record: &[u8]) -> Option<(&[u8], usize)> {
    let sets = sets(record)?;
    let [set] = sets[..] else { return None };
    Some((set, usize::from(record.get(21)? & 3) + 1))
}

/// The first sequence parameter set of an `hvcC` record. `None` when the record is malformed.
pub fn from_hvcc(record: &[u8]) -> Option<PictureParams> {
    parse_sps(sets(record)?.first()?)
}

/// All sequence parameter sets of a record. `None` when the record is malformed.
pub fn sets(record: &[u8]) -> Option<Vec<&[u8]>> {
    listed(record, NAL_SPS)
}

/// Whether an `hvcC` record carries messages on light, see [`states_light`].
pub fn record_states_light(record: &[u8]) -> bool {
    let units = listed(record, NAL_PREFIX_SEI).unwrap_or_default();
    units.into_iter().any(|unit| messages(unit).any(|kind| LIGHT_MESSAGES.contains(&kind)))
}

/// The units of one type in a record.
fn listed(record: &[u8], wanted: u8) -> Option<Vec<&[u8]>> {
    let arrays = *record.get(22)?;
    let mut at = 23;
    let mut sets = Vec::new();
    for _ in 0..arrays {
        let kind = record.get(at)? & 0x3f;
        let count = u16::from_be_bytes([*record.get(at + 1)?, *record.get(at + 2)?]);
        at += 3;
        for _ in 0..count {
            let length = usize::from(u16::from_be_bytes([*record.get(at)?, *record.get(at + 1)?]));
            let nal = record.get(at + 2..at.checked_add(2 + length)?)?;
            if kind == wanted {
                sets.push(nal);
            }
            at += 2 + length;
        }
    }
    Some(sets)
}

/// Parses one sequence parameter set, NAL header included.
pub fn parse_sps(nal: &[u8]) -> Option<PictureParams> {
    if nal.first()? >> 1 & 0x3f != NAL_SPS {
        return None;
    }
    let mut bits = Bits::of_nal(nal.get(2..)?);
    let mut params = PictureParams::default();
    bits.skip(4)?; // sps_video_parameter_set_id
    let sub_layers = bits.take(3)?;
    bits.skip(1)?; // sps_temporal_id_nesting_flag
    profile_tier_level(&mut bits, sub_layers, &mut params)?;
    params.set_id = bits.ue()?;
    params.chroma_format = u8::try_from(bits.ue()?).ok().filter(|format| *format <= 3)?;
    let separate_planes = params.chroma_format == 3 && bits.flag()?;
    size(&mut bits, &mut params, separate_planes)?;
    params.bit_depth = depth(bits.ue()?)?;
    params.bit_depth_chroma = depth(bits.ue()?)?;
    params.complete = usability(&mut bits, sub_layers, &mut params).is_some();
    Some(params)
}

fn depth(minus_8: u32) -> Option<u8> {
    u8::try_from(minus_8).ok().filter(|depth| *depth <= 8).map(|depth| depth + 8)
}

fn profile_tier_level(bits: &mut Bits<'_>, sub_layers: u32, params: &mut PictureParams) -> Option<()> {
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

fn size(bits: &mut Bits<'_>, params: &mut PictureParams, separate_planes: bool) -> Option<()> {
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
    let cut = |a: u32, b: u32, unit: u32| a.checked_add(b)?.checked_mul(unit);
    params.width = width.checked_sub(cut(crop[0], crop[1], unit_x)?).filter(|width| *width > 0)?;
    params.height = height.checked_sub(cut(crop[2], crop[3], unit_y)?).filter(|height| *height > 0)?;
    Some(())
}

/// Everything between the bit depths and the usability information, passed over, then that.
fn usability(bits: &mut Bits<'_>, sub_layers: u32, params: &mut PictureParams) -> Option<()> {
    let order_bits = bits.ue()?.checked_add(4)?;
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

/// Short-term reference picture sets (ITU-T H.265, 7.3.7): read only to get past them.
fn short_term_sets(bits: &mut Bits<'_>) -> Option<()> {
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

/// Pictures that a player skips when it begins at the key frame they follow: RASL_N and RASL_R.
const SKIPPED_LEADING: [u8; 2] = [8, 9];
const NAL_PREFIX_SEI: u8 = 39;
/// Mastering display colour volume and content light level (ITU-T H.265, D.2.28 and D.2.35).
const LIGHT_MESSAGES: [u32; 2] = [137, 144];

fn nal_type(unit: &[u8]) -> Option<u8> {
    unit.first().map(|byte| byte >> 1 & 0x3f)
}

/// Whether a sample is a picture that needs the group before the last key frame.
pub fn has_skipped_leading_picture(sample: &[u8]) -> bool {
    either_units(sample).filter_map(nal_type).any(|kind| SKIPPED_LEADING.contains(&kind))
}

/// Whether a sample comes with messages on the light it was mastered for, which make PQ to HDR10.
pub fn states_light(sample: &[u8]) -> bool {
    either_units(sample)
        .filter(|unit| nal_type(unit) == Some(NAL_PREFIX_SEI))
        .any(|unit| messages(unit).any(|kind| LIGHT_MESSAGES.contains(&kind)))
}

/// The payload types of the messages in a SEI unit (ITU-T H.265, 7.3.5).
fn messages(unit: &[u8]) -> impl Iterator<Item = u32> {
    let mut bits = Bits::of_nal(unit.get(2..).unwrap_or_default());
    std::iter::from_fn(move || {
        // The last byte is the stop bit with its padding.
        let kind = long_number(&mut bits).filter(|_| bits.left() > 8)?;
        let size = long_number(&mut bits)?;
        bits.skip(8 * size as usize)?;
        Some(kind)
    })
}

/// A number as a sum of bytes, of which all but the last are 255.
fn long_number(bits: &mut Bits<'_>) -> Option<u32> {
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
        assert!(has_skipped_leading_picture(&[0, 0, 0, 2, 35 << 1, 1, 0, 0, 0, 2, 8 << 1, 1]));
        assert!(has_skipped_leading_picture(&[0, 0, 0, 1, 9 << 1, 1]));
        assert!(!has_skipped_leading_picture(&[0, 0, 0, 2, 6 << 1, 1]));
        assert!(!has_skipped_leading_picture(&[0xff; 7]));
    }

    #[test]
    fn messages_on_light_are_found_among_others() {
        let sei = |messages: &[u8]| {
            let mut sample = vec![0, 0, 0, messages.len() as u8 + 3, NAL_PREFIX_SEI << 1, 1];
            sample.extend_from_slice(messages);
            sample.push(0x80);
            sample
        };
        assert!(states_light(&sei(&[5, 2, 9, 9, 144, 4, 3, 232, 1, 144])));
        assert!(!states_light(&sei(&[5, 2, 144, 144])), "inside another message");
        assert!(!states_light(&sei(&[255, 255, 1, 200])), "cut short");
        assert!(!states_light(&[]));
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
