//! The sequence parameter sets of a stream as it goes on.
//!
//! A container states the set-up of a picture once; the pictures may come with another, and then the
//! video changes its size or its kind halfway without anything saying so.

use super::{PictureParams, h264, hevc};

/// Longer than any set that a decoder takes.
const MAX_SET_BYTES: usize = 4096;
/// H.264 has 32 ids, HEVC 16.
const MAX_SETS: usize = 32;
/// Sets come before the picture, after little else.
const MAX_UNITS: usize = 32;

/// A codec with parameter sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetCodec {
    /// H.264.
    Avc,
    /// HEVC.
    Hevc,
}

impl SetCodec {
    fn is_slice(self, header: u8) -> bool {
        match self {
            SetCodec::Avc => matches!(header & 0x1f, 1..=5),
            SetCodec::Hevc => header >> 1 & 0x3f < 32,
        }
    }

    fn parse(self, unit: &[u8]) -> Option<PictureParams> {
        match self {
            SetCodec::Avc => h264::parse_sps(unit),
            // Sets of further layers describe what only those who know the layers show.
            SetCodec::Hevc if unit.first()? & 1 != 0 || unit.get(1)? >> 3 != 0 => None,
            SetCodec::Hevc => hevc::parse_sps(unit),
        }
    }
}

/// What of a set a decoder must set itself up anew for.
type SetUp = (u32, u8, [u8; 2], [u32; 2]);

fn set_up(params: &PictureParams) -> SetUp {
    let PictureParams { profile_idc, chroma_format, bit_depth, bit_depth_chroma, width, height, .. } =
        *params;
    (profile_idc, chroma_format, [bit_depth, bit_depth_chroma], [width, height])
}

struct Known {
    id: u32,
    bytes: Vec<u8>,
    set_up: SetUp,
}

/// The sets in force, by their ids.
pub struct ParameterSets {
    codec: SetCodec,
    /// Bytes of the length before each unit; `None` for start codes.
    length_bytes: Option<usize>,
    known: Vec<Known>,
}

impl ParameterSets {
    /// Those of a stream with this set-up, which also tells how the units of its samples are framed.
    pub fn of(codec: SetCodec, record: &[u8]) -> ParameterSets {
        let (stated, length_at) = match codec {
            SetCodec::Avc => (h264::sets(record), 4),
            SetCodec::Hevc => (hevc::sets(record), 21),
        };
        let length = record.get(length_at).map(|byte| usize::from(byte & 3) + 1);
        let length_bytes = length.filter(|_| record.first() == Some(&1));
        let mut sets = ParameterSets { codec, length_bytes, known: Vec::new() };
        if length_bytes.is_some() {
            for set in stated.unwrap_or_default() {
                sets.take(set);
            }
        } else {
            sets.change_at(record);
        }
        sets
    }

    /// Takes the sets that a sample begins with, and says whether one of them needs another set-up than the
    /// one of its id before. Sets that differ in bytes alone do not.
    pub fn change_at(&mut self, sample: &[u8]) -> bool {
        let mut changed = false;
        let mut units = Units { rest: sample, length_bytes: self.length_bytes, codec: self.codec };
        for _ in 0..MAX_UNITS {
            let Some(unit) = units.next_before_slices() else { break };
            changed |= self.take(unit);
        }
        changed
    }

    /// Forgets all sets: the container announced others.
    pub fn forget(&mut self) {
        self.known.clear();
    }

    fn take(&mut self, unit: &[u8]) -> bool {
        if unit.len() > MAX_SET_BYTES || self.known.iter().any(|known| known.bytes == unit) {
            return false;
        }
        let Some(params) = self.codec.parse(unit) else { return false };
        let known = Known { id: params.set_id, bytes: unit.to_vec(), set_up: set_up(&params) };
        if let Some(before) = self.known.iter_mut().find(|other| other.id == known.id) {
            let changed = before.set_up != known.set_up;
            *before = known;
            return changed;
        }
        if self.known.len() < MAX_SETS {
            self.known.push(known);
        }
        false
    }
}

/// The units of a sample up to its first slice, which is long and need not be looked through.
struct Units<'a> {
    rest: &'a [u8],
    length_bytes: Option<usize>,
    codec: SetCodec,
}

impl<'a> Units<'a> {
    fn next_before_slices(&mut self) -> Option<&'a [u8]> {
        let (after, end) = match self.length_bytes {
            Some(bytes) => {
                let (length, after) = self.rest.split_at_checked(bytes)?;
                let length = length.iter().fold(0_usize, |value, &byte| value << 8 | usize::from(byte));
                (after, Some(length))
            }
            None => (&self.rest[start_code(self.rest)? + 3..], None),
        };
        if after.first().is_some_and(|&header| self.codec.is_slice(header)) {
            return None;
        }
        let end = end.or_else(|| start_code(after)).unwrap_or(after.len());
        let (unit, rest) = after.split_at_checked(end)?;
        self.rest = rest;
        // The zero of a start code of four bytes, and those that may follow a unit.
        let zeros = match self.length_bytes {
            Some(_) => 0,
            None => unit.iter().rev().take_while(|&&byte| byte == 0).count(),
        };
        Some(&unit[..unit.len() - zeros])
    }
}

fn start_code(bytes: &[u8]) -> Option<usize> {
    bytes.windows(3).position(|code| code == [0, 0, 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A set of Baseline, 64 lines high and as many macroblocks wide.
    fn avc(macroblocks: usize, level: u8) -> Vec<u8> {
        let columns = if macroblocks == 4 { "00100" } else { "0001000" };
        // Id 0, order type 2, one reference, no gaps; then the size; whole frames, nothing cropped.
        let mut bits = format!("110110100{columns}0010011001");
        while !bits.len().is_multiple_of(8) {
            bits.push('0');
        }
        let byte = |bits: &[u8]| bits.iter().fold(0, |value, bit| value << 1 | (bit - b'0'));
        [0x67, 66, 0, level].into_iter().chain(bits.as_bytes().chunks(8).map(byte)).collect()
    }

    fn framed(units: &[&[u8]], length_bytes: Option<usize>) -> Vec<u8> {
        let mut sample = Vec::new();
        for unit in units {
            match length_bytes {
                Some(bytes) => sample.extend(&(unit.len() as u32).to_be_bytes()[4 - bytes..]),
                None => sample.extend([0, 0, 0, 1]),
            }
            sample.extend_from_slice(unit);
        }
        sample
    }

    fn record(set: &[u8], length_bytes: usize) -> Vec<u8> {
        let mut record = vec![1, 66, 0, 10, 0xfc | (length_bytes as u8 - 1), 0xe1, 0, set.len() as u8];
        record.extend_from_slice(set);
        record.push(0);
        record
    }

    #[test]
    fn the_sets_of_these_tests_are_what_they_should_be() {
        let size = |set: &[u8]| h264::parse_sps(set).map(|params| (params.width, params.height));
        assert_eq!(size(&avc(4, 10)), Some((64, 64)));
        assert_eq!(size(&avc(8, 10)), Some((128, 64)));
    }

    #[test]
    fn another_size_is_a_change_in_every_framing_and_another_level_is_none() {
        let (small, large, level) = (avc(4, 10), avc(8, 10), avc(4, 30));
        let slice = [0x65, 1, 2, 3];
        for framing in [None, Some(1), Some(2), Some(4)] {
            let start = framing.map_or_else(Vec::new, |bytes| record(&small, bytes));
            let mut sets = ParameterSets::of(SetCodec::Avc, &start);
            let mut at = |set: &[u8]| sets.change_at(&framed(&[&[9, 16], set, &[0x68, 1], &slice], framing));
            let seen = [&small, &small, &level, &small, &large, &large, &small].map(|set| at(set));
            assert_eq!(seen, [false, false, false, false, true, false, true], "{framing:?}");
        }
    }

    #[test]
    fn the_set_up_of_the_container_counts_and_what_follows_a_slice_does_not() {
        let (small, large) = (avc(4, 10), avc(8, 10));
        let mut sets = ParameterSets::of(SetCodec::Avc, &record(&small, 4));
        assert!(!sets.change_at(&framed(&[&[0x65, 1], &large], Some(4))));
        assert!(sets.change_at(&framed(&[&large, &[0x65, 1]], Some(4))));
        let mut sets = ParameterSets::of(SetCodec::Avc, &framed(&[&small], None));
        assert!(sets.change_at(&framed(&[&large], None)));
        sets.forget();
        assert!(!sets.change_at(&framed(&[&small], None)), "announced otherwise");
    }

    #[test]
    fn nonsense_is_no_change() {
        let mut sets = ParameterSets::of(SetCodec::Avc, &[]);
        for seed in 0..2000_u32 {
            let bytes: Vec<u8> =
                (0..64).map(|i| (seed.wrapping_mul(2_654_435_761).rotate_left(i % 32) >> 3) as u8).collect();
            for record in [&[][..], &bytes] {
                let _ = ParameterSets::of(SetCodec::Hevc, record).change_at(&bytes);
            }
            assert!(!sets.change_at(&bytes[..2]));
        }
    }
}
