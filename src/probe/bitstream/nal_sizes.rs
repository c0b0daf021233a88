//! Finds the frame size of H.264 and HEVC samples: slice, picture parameter set, sequence parameter set.

use super::parameter_sets::{SetCodec, UnitReader};
use super::{Bits, h264, hevc};
use crate::model::Size;

/// Sets kept of each kind; H.264 allows 32 sequence and 256 picture parameter sets.
const MAX_SETS: usize = 256;
/// Units read per sample: sets precede the slices, after few other units.
const MAX_UNITS: usize = 64;
/// The header of a slice up to the id of its picture parameter set is shorter.
const SLICE_START_BYTES: usize = 32;
/// The ids in a picture parameter set are in its first bytes.
const SET_START_BYTES: usize = 32;

/// The sets in force.
pub(super) struct NalSizes {
    codec: SetCodec,
    length_bytes: Option<usize>,
    /// Frame sizes by id of the sequence parameter set.
    sequences: Vec<(u32, Size)>,
    /// Ids of sequence parameter sets by id of the picture parameter set.
    pictures: Vec<(u32, u32)>,
}

impl NalSizes {
    pub(super) fn from_config(codec: SetCodec, record: &[u8]) -> NalSizes {
        let mut sizes = NalSizes { codec, length_bytes: None, sequences: Vec::new(), pictures: Vec::new() };
        sizes.configure(record);
        sizes
    }

    /// Replaces all sets by those of a record.
    pub(super) fn configure(&mut self, record: &[u8]) {
        self.sequences.clear();
        self.pictures.clear();
        let (units, length_at) = match self.codec {
            SetCodec::Avc => (h264::record_units(record), 4),
            SetCodec::Hevc => (hevc::record_units(record), 21),
        };
        let length = record.get(length_at).map(|byte| usize::from(byte & 3) + 1);
        self.length_bytes = length.filter(|_| record.first() == Some(&1));
        match (units, self.length_bytes) {
            (Some(units), Some(_)) => units.into_iter().for_each(|unit| self.add(unit)),
            // Sets after start codes, as transport streams have them.
            _ => _ = self.read(record),
        }
    }

    /// Adds the sets at the start of a sample. Returns the size of its frame if a slice follows.
    pub(super) fn read(&mut self, sample: &[u8]) -> Option<Size> {
        let mut units = UnitReader::new(sample, self.length_bytes, self.codec);
        for _ in 0..MAX_UNITS {
            match units.next_before_slices() {
                Some(unit) => self.add(unit),
                None => break,
            }
        }
        let slice = units.slice()?;
        let picture = self.picture_of(&slice[..slice.len().min(SLICE_START_BYTES)])?;
        let (_, sequence) = self.pictures.iter().find(|(id, _)| *id == picture)?;
        self.sequences.iter().find(|(id, _)| id == sequence).map(|(_, size)| *size)
    }

    fn add(&mut self, unit: &[u8]) {
        if let Some(params) = self.codec.parse(unit) {
            put(&mut self.sequences, params.set_id, Size::new(params.width, params.height));
        } else if let Some((picture, sequence)) = self.picture_set(&unit[..unit.len().min(SET_START_BYTES)]) {
            put(&mut self.pictures, picture, sequence);
        }
    }

    /// Returns the ids of a picture parameter set and of the sequence parameter set it refers to.
    fn picture_set(&self, unit: &[u8]) -> Option<(u32, u32)> {
        let mut bits = match self.codec {
            SetCodec::Avc if unit.first()? & 0x1f == 8 => Bits::of_nal(unit.get(1..)?),
            SetCodec::Hevc if hevc::is_base_layer(unit) && unit[0] >> 1 & 0x3f == 34 => {
                Bits::of_nal(unit.get(2..)?)
            }
            _ => return None,
        };
        Some((bits.ue()?, bits.ue()?))
    }

    /// Returns the id of the picture parameter set that a slice refers to.
    fn picture_of(&self, slice: &[u8]) -> Option<u32> {
        match self.codec {
            SetCodec::Avc => {
                let mut bits = Bits::of_nal(slice.get(1..)?);
                bits.ue()?; // first_mb_in_slice
                bits.ue()?; // slice_type
                bits.ue()
            }
            SetCodec::Hevc if hevc::is_base_layer(slice) => {
                let mut bits = Bits::of_nal(slice.get(2..)?);
                bits.skip(1)?; // first_slice_segment_in_pic_flag
                if (16..=23).contains(&(slice[0] >> 1 & 0x3f)) {
                    bits.skip(1)?; // no_output_of_prior_pics_flag
                }
                bits.ue()
            }
            SetCodec::Hevc => None,
        }
    }
}

fn put<T>(entries: &mut Vec<(u32, T)>, id: u32, value: T) {
    if let Some(entry) = entries.iter_mut().find(|(known, _)| *known == id) {
        entry.1 = value;
    } else if entries.len() < MAX_SETS {
        entries.push((id, value));
    }
}
