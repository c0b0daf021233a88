//! Checks that the parameter sets of an `avcC` record are intact (ITU-T H.264, 7.3.2), because decoders refuse others.

use super::h264::{record_units, scaling_lists, sizes};
use super::{Bits, SpsParams, vui};

/// What the usability information of a stream says (ITU-T H.264, E.1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usability {
    /// How many frames are reordered at most, if that is stated.
    pub(crate) reordered_frames: Option<u32>,
    /// The frame rate as a fraction, if it is stated and no frame states how often its fields are shown.
    pub(crate) frame_rate: Option<(u32, u32)>,
    /// Whether a frame rate is stated in any form.
    pub(crate) states_rate: bool,
}

/// Returns how many frames are reordered at most, if the only sequence parameter set of an `avcC` record states it, and if
/// it and the picture parameter sets are intact.
pub(crate) fn reordered_frames(record: &[u8]) -> Option<u32> {
    usability(record)?.reordered_frames
}

/// Returns whether the only sequence parameter set and the picture parameter sets of an `avcC` record are intact.
pub(crate) fn has_intact_sets(record: &[u8]) -> bool {
    usability(record).is_some()
}

/// Returns what the usability information in an `avcC` record says, if the only sequence parameter set and the picture
/// parameter sets are intact.
pub(crate) fn usability(record: &[u8]) -> Option<Usability> {
    let units = record_units(record)?;
    let (sequence, pictures) = units.split_first().filter(|(_, pictures)| !pictures.is_empty())?;
    // Of several sequence sets, the slices choose one.
    if record.get(5)? & 0x1f != 1 {
        return None;
    }
    // A decoder ignores units whose first bit is set.
    if units.iter().any(|unit| unit.first().is_none_or(|byte| byte & 0x80 != 0)) {
        return None;
    }
    let mut params = SpsParams::default();
    let mut bits = sizes(sequence, &mut params)?;
    for picture in pictures {
        is_picture_set_intact(picture, params.chroma_format)?;
    }
    let mut usability = Usability::default();
    if !bits.flag()? {
        return bits.at_end().map(|()| usability);
    }
    vui(&mut bits, &mut params)?;
    if bits.flag()? {
        bits.ue()?; // chroma_sample_loc_type_top_field
        bits.ue()?; // chroma_sample_loc_type_bottom_field
    }
    usability.states_rate = bits.flag()?;
    if usability.states_rate {
        let (ticks, scale) = (bits.take(32)?, bits.take(32)?);
        bits.skip(1)?; // fixed_frame_rate_flag
        let ticks = ticks.checked_mul(2).filter(|ticks| *ticks > 0 && scale > 0);
        usability.frame_rate = ticks.map(|ticks| (scale, ticks));
    }
    let mut has_buffers = false;
    for _ in 0..2 {
        if bits.flag()? {
            has_buffers = true;
            let schedules = bits.ue().filter(|count| *count < 32)? + 1;
            bits.skip(4 + 4)?; // scales
            for _ in 0..schedules {
                bits.ue()?; // bit_rate_value_minus1
                bits.ue()?; // cpb_size_value_minus1
                bits.skip(1)?; // cbr_flag
            }
            bits.skip(5 + 5 + 5 + 5)?; // lengths of delays
        }
    }
    bits.skip(usize::from(has_buffers))?; // low_delay_hrd_flag
    if bits.flag()? {
        usability.frame_rate = None; // pic_struct_present_flag
    }
    if !bits.flag()? {
        return bits.at_end().map(|()| usability);
    }
    bits.skip(1)?; // motion_vectors_over_pic_boundaries_flag
    for _ in 0..4 {
        bits.ue()?; // limits of sizes and vectors
    }
    usability.reordered_frames = Some(bits.ue().filter(|frames| *frames <= 16)?);
    bits.ue()?; // max_dec_frame_buffering
    bits.at_end().map(|()| usability)
}

/// Checks that a picture parameter set without slice groups, for this `chroma_format_idc`, ends where its fields do
/// (7.3.2.2).
fn is_picture_set_intact(nal: &[u8], chroma_format: u8) -> Option<()> {
    nal.first().filter(|byte| *byte & 0x1f == 8)?;
    let mut bits = Bits::of_nal(nal.get(1..)?);
    bits.ue()?; // pic_parameter_set_id
    bits.ue()?; // seq_parameter_set_id
    bits.skip(1 + 1)?; // entropy_coding_mode_flag, bottom_field_pic_order_in_frame_present_flag
    bits.ue().filter(|groups| *groups == 0)?;
    for _ in 0..2 {
        bits.ue().filter(|references| *references < 32)?;
    }
    bits.skip(1 + 2)?; // weighted prediction
    for _ in 0..3 {
        bits.se()?; // quantizers
    }
    bits.skip(3)?;
    if bits.at_end().is_some() {
        return Some(());
    }
    let has_large_transform = bits.flag()?;
    if bits.flag()? {
        let large = if chroma_format == 3 { 6 } else { 2 };
        scaling_lists(&mut bits, 6 + if has_large_transform { large } else { 0 })?;
    }
    bits.se()?;
    bits.at_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A set for 1920x1080 pixels without usability information.
    const SEQUENCE: &[u8] = &[0x67, 0x64, 0x00, 0x28, 0xac, 0xb2, 0x80, 0xf0, 0x04, 0x4f, 0xca, 0x80];
    const PICTURE: &[u8] = &[0x68, 0xce, 0x38, 0x80];

    fn record(sequence: &[u8], picture: &[u8]) -> Vec<u8> {
        let head = [1, 100, 0, 40, 0xff, 0xe1, 0, sequence.len() as u8];
        [&head[..], sequence, &[1, 0, picture.len() as u8], picture].concat()
    }

    #[test]
    fn sets_are_intact_if_they_end_where_their_fields_do() {
        assert!(has_intact_sets(&record(SEQUENCE, PICTURE)));
        assert_eq!(reordered_frames(&record(SEQUENCE, PICTURE)), None, "the set does not state it");
        assert!(!has_intact_sets(&record(&[SEQUENCE, &[1]].concat(), PICTURE)), "more than the fields");
        assert!(!has_intact_sets(&record(SEQUENCE, &[PICTURE, &[1]].concat())), "more than the fields");
        assert!(!has_intact_sets(&record(SEQUENCE, &PICTURE[..2])), "truncated");
    }

    #[test]
    fn picture_sets_may_have_matrices_and_the_order_of_fields() {
        // Ids 0, CABAC, order of fields, one group, one reference each, quantizers 0, 8x8 transform, eight lists without
        // values, quantizer 0.
        let bits = ["1", "1", "1", "1", "1", "1", "1", "000", "111", "000", "1", "1", "00000000", "1", "1"];
        let set = |bits: &str| {
            let padded = format!("{bits:0<32}");
            let byte = |at: usize| u8::from_str_radix(&padded[at..at + 8], 2).unwrap();
            [0x68, byte(0), byte(8), byte(16), byte(24)]
        };
        let bits = bits.concat();
        assert!(has_intact_sets(&record(SEQUENCE, &set(&bits))));
        assert!(!has_intact_sets(&record(SEQUENCE, &set(&bits[..24]))), "without its end");
        let mut several = record(SEQUENCE, PICTURE);
        several[8 + SEQUENCE.len()] = 2;
        let cut_off = set(&bits[..24]);
        for (second, intact) in [(PICTURE, true), (&cut_off, false)] {
            let record = [&several[..], &[0, second.len() as u8], second].concat();
            assert_eq!(has_intact_sets(&record), intact, "the second of two");
        }
    }
}
