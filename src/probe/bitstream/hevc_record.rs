//! Whether a decoder reads everything in the configuration record of HEVC (ITU-T H.265, 7.3.2.1 and 7.3.5), as it does when
//! it opens the stream.

use super::hevc::{is_base_layer, short_term_sets, start, units};
use super::{Bits, SpsParams, vui};

const VIDEO_SET: u32 = 32;
const SEQUENCE_SET: u32 = 33;
const PICTURE_SET: u32 = 34;
const MESSAGE: u32 = 39;
/// A message that only names the encoder or similar: unregistered user data.
const USER_DATA: u32 = 5;
/// Bits of profile, tier and level.
const PROFILE_BITS: usize = 96;
const MAX_PICTURES: u32 = 16;

/// Returns whether a record has one video parameter set, of a usual form and in front of the sequence parameter set that
/// refers to it, and no messages that change how the stream is shown.
pub(crate) fn is_readable(record: &[u8]) -> bool {
    let Some(units) = units(record, |_| true) else { return false };
    let mut video_set = None;
    for unit in units {
        let mut bits = Bits::of_nal(unit);
        let kind = bits.take(7);
        let is_fine = is_base_layer(unit) && bits.skip(9).is_some();
        let is_fine = is_fine
            && match kind {
                Some(VIDEO_SET) if video_set.is_none() => {
                    video_set = read_video_set(&mut bits);
                    video_set.is_some()
                }
                Some(SEQUENCE_SET) => {
                    video_set.is_some() && bits.take(4) == video_set && read_sequence_set(unit).is_some()
                }
                Some(PICTURE_SET) => true,
                Some(MESSAGE) => is_user_data(&mut bits),
                _ => false,
            };
        if !is_fine {
            return false;
        }
    }
    true
}

/// Reads a video parameter set with one layer and one sub-layer. Returns its number.
fn read_video_set(bits: &mut Bits<'_>) -> Option<u32> {
    let number = bits.take(4)?;
    // Base layer, layers, sub-layers, nesting and reserved bits.
    let is_single = bits.take(2)? == 3 && bits.take(6)? == 0 && bits.take(3)? == 0;
    bits.skip(1)?;
    let is_usual = is_single && bits.take(16)? == 0xffff;
    bits.skip(PROFILE_BITS + 1)?;
    let (pictures, reordered, _latency) = (bits.ue()?, bits.ue()?, bits.ue()?);
    let has_one_set = bits.take(6)? == 0 && bits.ue()? == 0;
    if bits.flag()? {
        bits.skip(64)?;
        if bits.flag()? {
            bits.ue()?;
        }
        bits.ue().filter(|parameters| *parameters == 0)?;
    }
    bits.skip(1)?;
    (is_usual && has_one_set && pictures < MAX_PICTURES && reordered <= pictures).then_some(number)
}

/// Reads a sequence parameter set with one sub-layer to its very end, where damage shows.
fn read_sequence_set(unit: &[u8]) -> Option<()> {
    let mut params = SpsParams::default();
    let (mut bits, sub_layers, _) = start(unit, &mut params)?;
    let is_up_to = |bits: &mut Bits<'_>, most: u32| bits.ue().filter(|value| *value <= most);
    is_up_to(&mut bits, 12).filter(|_| sub_layers == 0)?;
    bits.skip(1)?;
    let pictures = is_up_to(&mut bits, MAX_PICTURES - 1)?;
    is_up_to(&mut bits, pictures)?;
    bits.ue()?;
    let block = is_up_to(&mut bits, 3)? + 3;
    let tree = is_up_to(&mut bits, 6_u32.checked_sub(block)?)? + block;
    let transform = is_up_to(&mut bits, block - 3)? + 2;
    is_up_to(&mut bits, tree.min(5).checked_sub(transform)?)?;
    is_up_to(&mut bits, tree - transform)?;
    is_up_to(&mut bits, tree - transform)?;
    // Scaling lists, partitions and offsets, and raw samples.
    let has_lists = bits.flag()?;
    bits.skip(2)?;
    let is_plain = tree >= 4 && !has_lists && !bits.flag()?;
    short_term_sets(&mut bits)?;
    let has_long_term = bits.flag()?;
    bits.skip(2)?;
    if bits.flag()? {
        vui(&mut bits, &mut params)?;
        read_vui_rest(&mut bits)?;
    }
    let is_extended = bits.flag()?;
    let is_end = bits.flag()? && bits.left() < 8 && bits.take(bits.left() as u32)? == 0;
    (is_plain && !has_long_term && !is_extended && is_end).then_some(())
}

/// Reads what follows the colours in the usability information.
fn read_vui_rest(bits: &mut Bits<'_>) -> Option<()> {
    if bits.flag()? {
        // The positions of chroma samples.
        for _ in 0..2 {
            bits.ue().filter(|kind| *kind < 6)?;
        }
    }
    bits.skip(3)?;
    if bits.flag()? {
        return None;
    }
    if bits.flag()? {
        bits.skip(64)?;
        let counts = bits.flag()? && bits.ue().is_none();
        if counts || bits.flag()? {
            return None;
        }
    }
    if bits.flag()? {
        bits.skip(3)?;
        for _ in 0..5 {
            bits.ue()?;
        }
    }
    Some(())
}

/// Returns whether a message is user data and nothing follows it.
fn is_user_data(bits: &mut Bits<'_>) -> bool {
    let mut parse = || {
        bits.take(8).filter(|kind| *kind == USER_DATA)?;
        let mut length = 0;
        loop {
            let part = bits.take(8)?;
            length += part as usize;
            if part < 0xff {
                break;
            }
        }
        bits.skip(8 * length)?;
        bits.take(8).filter(|end| *end == 0x80)?;
        (length >= 16 && bits.left() == 0).then_some(())
    };
    parse().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a record with one unit of each of these contents.
    fn record(units: &[&[u8]]) -> Vec<u8> {
        let mut record = vec![0; 22];
        record[0] = 1;
        record.push(units.len() as u8);
        for unit in units {
            record.extend([unit[0] >> 1, 0, 1, 0, unit.len() as u8]);
            record.extend(*unit);
        }
        record
    }

    #[test]
    fn sets_must_be_usual_and_in_order() {
        const VIDEO: [u8; 24] = [
            0x40, 0x01, 0x0c, 0x01, 0xff, 0xff, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03,
            0x00, 0x00, 0x03, 0x00, 0x1e, 0x95, 0x98, 0x09,
        ];
        const SEQUENCE: [u8; 41] = [
            0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03,
            0x00, 0x1e, 0xa0, 0x20, 0x83, 0x16, 0x59, 0x59, 0xae, 0x4c, 0xaf, 0x01, 0x68, 0x08, 0x00, 0x00,
            0x03, 0x00, 0x08, 0x00, 0x00, 0x03, 0x00, 0xc8, 0x40,
        ];
        const PICTURE: [u8; 6] = [0x44, 0x01, 0xc1, 0x73, 0xd0, 0x89];
        assert!(is_readable(&record(&[&VIDEO, &SEQUENCE, &PICTURE])));
        assert!(!is_readable(&record(&[&SEQUENCE, &VIDEO, &PICTURE])), "the set is not known yet");
        for at in [2, 20, 40] {
            let mut damaged = SEQUENCE;
            damaged[at] ^= 0x20;
            assert!(!is_readable(&record(&[&VIDEO, &damaged])), "{at}");
        }
        let mut damaged = VIDEO;
        damaged[22] = 0;
        assert!(!is_readable(&record(&[&damaged, &SEQUENCE, &PICTURE])));
        let message = |kind: u8| [&[0x4e, 1, kind, 16][..], &[7; 16], &[0x80]].concat();
        assert!(is_readable(&record(&[&VIDEO, &SEQUENCE, &message(5)])));
        assert!(!is_readable(&record(&[&VIDEO, &SEQUENCE, &message(147)])), "another transfer");
    }
}
