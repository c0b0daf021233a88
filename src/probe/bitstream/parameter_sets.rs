//! Detects changes of the sequence parameter sets within a stream.
//!
//! A container states the decoder configuration once; samples may contain other parameter sets, which
//! change the frame size or the pixel format without a declaration in the container.

use super::{SpsParams, h264, hevc};
use crate::model::Codec;

/// Longer than any set that a decoder accepts.
const MAX_SET_BYTES: usize = 4096;
/// H.264 has 32 ids, HEVC 16.
const MAX_SETS: usize = 32;
/// Units read per sample: sets precede the slices, after few other units.
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
    /// Returns the codec; `None` for one without parameter sets.
    pub fn of(codec: &Codec) -> Option<SetCodec> {
        match codec {
            Codec::H264 => Some(SetCodec::Avc),
            Codec::Hevc => Some(SetCodec::Hevc),
            _ => None,
        }
    }

    fn is_slice(self, header: u8) -> bool {
        match self {
            SetCodec::Avc => matches!(header & 0x1f, 1..=5),
            SetCodec::Hevc => header >> 1 & 0x3f < 32,
        }
    }

    pub(super) fn parse(self, unit: &[u8]) -> Option<SpsParams> {
        match self {
            SetCodec::Avc => h264::parse_sps(unit),
            // Sets of further layers matter only to decoders that support layers.
            SetCodec::Hevc if unit.first()? & 1 != 0 || unit.get(1)? >> 3 != 0 => None,
            SetCodec::Hevc => hevc::parse_sps(unit),
        }
    }
}

/// The parameters whose change requires a new decoder configuration.
type DecoderConfig = (u32, u8, [u8; 2], [u32; 2]);

fn decoder_config(params: &SpsParams) -> DecoderConfig {
    let SpsParams { profile_idc, chroma_format, bit_depth, bit_depth_chroma, width, height, .. } = *params;
    (profile_idc, chroma_format, [bit_depth, bit_depth_chroma], [width, height])
}

struct KnownSet {
    id: u32,
    bytes: Vec<u8>,
    config: DecoderConfig,
}

/// The parameter sets in force.
pub struct ParameterSets {
    codec: SetCodec,
    /// Bytes of the length field before each unit; `None` for start codes.
    length_bytes: Option<usize>,
    known: Vec<KnownSet>,
}

impl ParameterSets {
    /// Creates the sets from the configuration record of a stream, which also states the framing of its NAL
    /// units.
    pub fn from_config(codec: SetCodec, record: &[u8]) -> ParameterSets {
        let (stated, length_at) = match codec {
            SetCodec::Avc => (h264::sets(record), 4),
            SetCodec::Hevc => (hevc::sets(record), 21),
        };
        let length = record.get(length_at).map(|byte| usize::from(byte & 3) + 1);
        let length_bytes = length.filter(|_| record.first() == Some(&1));
        let mut sets = ParameterSets { codec, length_bytes, known: Vec::new() };
        if length_bytes.is_some() {
            for set in stated.unwrap_or_default() {
                sets.add(set);
            }
        } else {
            sets.update(record);
        }
        sets
    }

    /// Adds the sets at the start of a sample. Returns whether one of them requires another decoder
    /// configuration than the previous set with its id.
    pub fn update(&mut self, sample: &[u8]) -> bool {
        let mut changed = false;
        let mut units = UnitReader::new(sample, self.length_bytes, self.codec);
        for _ in 0..MAX_UNITS {
            let Some(unit) = units.next_before_slices() else { break };
            changed |= self.add(unit);
        }
        changed
    }

    /// Removes all sets, after the container has announced new ones.
    pub fn clear(&mut self) {
        self.known.clear();
    }

    fn add(&mut self, unit: &[u8]) -> bool {
        if unit.len() > MAX_SET_BYTES || self.known.iter().any(|known| known.bytes == unit) {
            return false;
        }
        let Some(params) = self.codec.parse(unit) else { return false };
        let known = KnownSet { id: params.set_id, bytes: unit.to_vec(), config: decoder_config(&params) };
        if let Some(previous) = self.known.iter_mut().find(|other| other.id == known.id) {
            let changed = previous.config != known.config;
            *previous = known;
            return changed;
        }
        if self.known.len() < MAX_SETS {
            self.known.push(known);
        }
        false
    }
}

/// Reads the units of a sample up to its first slice, which is long and need not be searched.
pub(super) struct UnitReader<'a> {
    rest: &'a [u8],
    length_bytes: Option<usize>,
    codec: SetCodec,
}

impl<'a> UnitReader<'a> {
    pub(super) fn new(sample: &'a [u8], length_bytes: Option<usize>, codec: SetCodec) -> UnitReader<'a> {
        UnitReader { rest: sample, length_bytes, codec }
    }

    /// Returns the rest of the sample from the first slice on, once all units before it were read.
    pub(super) fn slice(&self) -> Option<&'a [u8]> {
        let after = match self.length_bytes {
            Some(bytes) => self.rest.get(bytes..)?,
            None => &self.rest[start_code(self.rest)? + 3..],
        };
        after.first().is_some_and(|&header| self.codec.is_slice(header)).then_some(after)
    }

    pub(super) fn next_before_slices(&mut self) -> Option<&'a [u8]> {
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
        // The first zero of a start code of four bytes, and zeros that may follow a unit.
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

    /// A Baseline set, 64 lines high and `macroblocks` wide.
    fn avc(macroblocks: usize, level: u8) -> Vec<u8> {
        let columns = if macroblocks == 4 { "00100" } else { "0001000" };
        // Id 0, order type 2, one reference frame, no gaps; then the size; frames only, no cropping.
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
    fn test_sets_have_the_intended_sizes() {
        let size = |set: &[u8]| h264::parse_sps(set).map(|params| (params.width, params.height));
        assert_eq!(size(&avc(4, 10)), Some((64, 64)));
        assert_eq!(size(&avc(8, 10)), Some((128, 64)));
    }

    #[test]
    fn detects_a_new_size_in_every_framing_and_ignores_a_new_level() {
        let (small, large, level) = (avc(4, 10), avc(8, 10), avc(4, 30));
        let slice = [0x65, 1, 2, 3];
        for framing in [None, Some(1), Some(2), Some(4)] {
            let start = framing.map_or_else(Vec::new, |bytes| record(&small, bytes));
            let mut sets = ParameterSets::from_config(SetCodec::Avc, &start);
            let mut update = |set: &[u8]| sets.update(&framed(&[&[9, 16], set, &[0x68, 1], &slice], framing));
            let changes = [&small, &small, &level, &small, &large, &large, &small].map(|set| update(set));
            assert_eq!(changes, [false, false, false, false, true, false, true], "{framing:?}");
        }
    }

    #[test]
    fn compares_with_the_container_and_ignores_sets_after_a_slice() {
        let (small, large) = (avc(4, 10), avc(8, 10));
        let mut sets = ParameterSets::from_config(SetCodec::Avc, &record(&small, 4));
        assert!(!sets.update(&framed(&[&[0x65, 1], &large], Some(4))));
        assert!(sets.update(&framed(&[&large, &[0x65, 1]], Some(4))));
        let mut sets = ParameterSets::from_config(SetCodec::Avc, &framed(&[&small], None));
        assert!(sets.update(&framed(&[&large], None)));
        sets.clear();
        assert!(!sets.update(&framed(&[&small], None)), "announced by the container");
    }

    #[test]
    fn random_bytes_are_no_change() {
        let mut sets = ParameterSets::from_config(SetCodec::Avc, &[]);
        for seed in 0..2000_u32 {
            let bytes: Vec<u8> =
                (0..64).map(|i| (seed.wrapping_mul(2_654_435_761).rotate_left(i % 32) >> 3) as u8).collect();
            for record in [&[][..], &bytes] {
                let _ = ParameterSets::from_config(SetCodec::Hevc, record).update(&bytes);
            }
            assert!(!sets.update(&bytes[..2]));
        }
    }
}
