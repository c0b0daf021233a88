//! The frame numbers of H.264 (ITU-T H.264, 7.4.3): each reference frame counts one up, so a number that is left out
//! is a frame that is missing.

use super::super::Bits;
use super::super::h264::{self, SliceFields};
use super::super::parameter_sets::{SetCodec, UnitReader};
use super::super::random_access::{RECOVERY_POINT, sei_payload};
use super::display_order::{DisplayOrder, Numbered};
use super::sample_info::SampleInfo;
use super::slices::{MAX_UNITS, get, put, slice_bits};

/// References per list that a slice can use.
const MAX_REFERENCES: u32 = 32;
/// Commands per slice that are read.
const MAX_COMMANDS: usize = 70;

/// The fields of a picture parameter set that a slice header needs.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Picture {
    sequence: u32,
    bottom_order: bool,
    references: [u32; 2],
    weighted: bool,
    weighted_bipredictive: u32,
    redundant: bool,
}

/// What the first slice of a sample says.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Slice {
    idr: bool,
    reference: bool,
    intra: bool,
    number: u32,
    /// The numbers wrap at this one.
    modulus: u32,
    gaps_allowed: bool,
    /// Whether the numbers begin at zero after this frame (memory management control operation 5).
    resets: bool,
    /// The low bits of the picture order count, and the modulus of those; `None` where the order follows the numbers.
    order: Option<(u32, u32)>,
}

/// Follows the frame numbers of a stream.
pub(super) struct FrameNumbers {
    length_bytes: Option<usize>,
    sequences: Vec<(u32, SliceFields)>,
    pictures: Vec<(u32, Picture)>,
    /// The number of the latest reference frame; `None` until a frame begins the stream.
    previous: Option<u32>,
    /// Frames that are missing before a frame at which decoding can begin, and its time: they matter only to frames
    /// that are shown before it.
    before_key: Option<(u64, Option<i64>)>,
}

impl FrameNumbers {
    pub(super) fn from_config(record: &[u8]) -> FrameNumbers {
        let mut numbers = FrameNumbers {
            length_bytes: None,
            sequences: Vec::new(),
            pictures: Vec::new(),
            previous: None,
            before_key: None,
        };
        numbers.configure(record);
        numbers
    }

    /// Replaces all sets by those of a record.
    pub(super) fn configure(&mut self, record: &[u8]) {
        self.sequences.clear();
        self.pictures.clear();
        let length = record.get(4).map(|byte| usize::from(byte & 3) + 1);
        self.length_bytes = length.filter(|_| record.first() == Some(&1));
        match (h264::record_units(record), self.length_bytes) {
            (Some(units), Some(_)) => units.into_iter().for_each(|unit| self.add_set(unit)),
            _ => _ = self.read(record),
        }
    }

    pub(super) fn restart(&mut self) {
        (self.previous, self.before_key) = (None, None);
    }

    /// Returns after how many reference frames their numbers repeat at the latest.
    pub(super) fn modulus(&self) -> Option<u32> {
        self.sequences.iter().map(|(_, fields)| 1 << fields.number_bits).min()
    }

    pub(super) fn add(&mut self, sample: &[u8], info: SampleInfo, order: &mut DisplayOrder) -> u64 {
        let (recovery, slice) = self.read(sample);
        let Some(slice) = slice else {
            // What a frame refers to is unknown until the next one that begins anew.
            if !sample.is_empty() {
                self.restart();
                order.end_sequence();
            }
            return 0;
        };
        slice.place(recovery.is_some(), info, order);
        let begins = slice.idr || recovery == Some(0) || slice.intra && info.key;
        let mut missing = 0;
        if slice.idr {
            self.before_key = None;
        } else if let Some(previous) = self.previous {
            let expected = (previous + 1) % slice.modulus;
            let skipped = (slice.number + slice.modulus - expected) % slice.modulus;
            let lost = if slice.number == previous || slice.gaps_allowed { 0 } else { u64::from(skipped) };
            match begins {
                true => self.before_key = Some((lost, info.time)).filter(|(lost, _)| *lost > 0),
                false => missing = lost + self.missing_for_leading(info),
            }
        } else if !begins && recovery.is_none() {
            return 0;
        }
        self.previous = Some(match (slice.resets, slice.reference) {
            (true, _) => 0,
            (false, true) => slice.number,
            (false, false) => (slice.number + slice.modulus - 1) % slice.modulus,
        });
        missing
    }

    /// Returns the missing frames before the key frame that this frame is shown before, once.
    fn missing_for_leading(&mut self, info: SampleInfo) -> u64 {
        let Some((lost, key_time)) = self.before_key else { return 0 };
        match info.time.zip(key_time) {
            Some((time, key_time)) if time < key_time && info.hidden => 0,
            Some((time, key_time)) if time < key_time => {
                self.before_key = None;
                lost
            }
            _ => {
                self.before_key = None;
                0
            }
        }
    }

    /// Adds the sets of a sample. Returns the count of its recovery point, and its first slice.
    fn read(&mut self, sample: &[u8]) -> (Option<u32>, Option<Slice>) {
        let mut recovery = None;
        let mut units = UnitReader::new(sample, self.length_bytes, SetCodec::Avc);
        for _ in 0..MAX_UNITS {
            let Some(unit) = units.next_before_slices() else { break };
            if unit.first().is_some_and(|header| header & 0x1f == 6) {
                recovery = recovery.or_else(|| sei_payload(unit, 1, RECOVERY_POINT)?.ue());
            } else {
                self.add_set(unit);
            }
        }
        (recovery, units.slice().and_then(|slice| self.slice(slice)))
    }

    fn add_set(&mut self, unit: &[u8]) {
        match unit.first().map(|header| header & 0x1f) {
            Some(7) => {
                if let Some((id, fields)) = h264::slice_fields(unit) {
                    put(&mut self.sequences, id, fields);
                }
            }
            Some(8) => {
                if let Some((id, picture)) = picture_set(unit) {
                    put(&mut self.pictures, id, picture);
                }
            }
            _ => {}
        }
    }

    fn slice(&self, unit: &[u8]) -> Option<Slice> {
        let header = *unit.first()?;
        let (kind, reference) = (header & 0x1f, header >> 5 & 3 != 0);
        // Data partitions B and C have no header of their own.
        if !matches!(kind, 1 | 2 | 5) {
            return None;
        }
        let mut bits = slice_bits(unit, 1)?;
        bits.ue()?; // first_mb_in_slice
        let slice_type = bits.ue()? % 5;
        let picture = get(&self.pictures, bits.ue()?)?;
        let fields = *get(&self.sequences, picture.sequence)?;
        if fields.separate_planes {
            bits.skip(2)?;
        }
        let number = bits.take(fields.number_bits)?;
        let idr = kind == 5;
        let mut slice = Slice {
            idr,
            reference,
            intra: matches!(slice_type, 2 | 4),
            number,
            modulus: 1 << fields.number_bits,
            gaps_allowed: fields.gaps_allowed,
            resets: false,
            order: None,
        };
        let field = !fields.frames_only && bits.flag()?;
        if field {
            bits.skip(1)?; // bottom_field_flag
        }
        if idr {
            bits.ue()?; // idr_pic_id
        }
        if let Some(order_bits) = fields.order_bits {
            slice.order = Some((bits.take(order_bits)?, 1 << order_bits));
        }
        if reference && !idr {
            // A header that is longer than what is read, or malformed, has no such command in practice.
            slice.resets = resets(&mut bits, &fields, picture, slice_type, field).unwrap_or(false);
        }
        Some(slice)
    }
}

impl Slice {
    /// Adds the frame to the display order.
    fn place(&self, recovers: bool, info: SampleInfo, order: &mut DisplayOrder) {
        if self.idr {
            order.end_sequence();
        }
        if let Some((number, modulus)) = self.order {
            let begins = self.idr || self.intra || recovers || info.key;
            order.add(info.time, Numbered { order: number, modulus, disposable: !self.reference, begins });
        }
        if self.resets {
            order.end_sequence();
        }
    }
}

/// Reads the header of a reference slice that is not IDR, from behind `pic_order_cnt_lsb`. Returns whether it resets
/// the frame numbers.
fn resets(
    bits: &mut Bits<'_>,
    fields: &SliceFields,
    picture: &Picture,
    slice_type: u32,
    field: bool,
) -> Option<bool> {
    let (predicted, bipredictive) = (matches!(slice_type, 0 | 3), slice_type == 1);
    match fields.order_bits {
        Some(_) if picture.bottom_order && !field => _ = bits.se()?,
        None if fields.order_deltas => {
            bits.se()?;
            if picture.bottom_order && !field {
                bits.se()?;
            }
        }
        _ => {}
    }
    if picture.redundant {
        bits.ue()?;
    }
    if bipredictive {
        bits.skip(1)?; // direct_spatial_mv_pred_flag
    }
    let mut references = picture.references;
    if (predicted || bipredictive) && bits.flag()? {
        references[0] = bits.ue()?.checked_add(1)?;
        if bipredictive {
            references[1] = bits.ue()?.checked_add(1)?;
        }
    }
    let lists = if bipredictive { 2 } else { usize::from(predicted) };
    for _ in 0..lists {
        list_modification(bits)?;
    }
    if predicted && picture.weighted || bipredictive && picture.weighted_bipredictive == 1 {
        weights(bits, fields.has_chroma, references.get(..lists)?)?;
    }
    // dec_ref_pic_marking
    if !bits.flag()? {
        return Some(false);
    }
    for _ in 0..MAX_COMMANDS {
        match bits.ue()? {
            0 => return Some(false),
            1 | 2 | 4 | 6 => _ = bits.ue()?,
            3 => _ = (bits.ue()?, bits.ue()?),
            5 => return Some(true),
            _ => return None,
        }
    }
    None
}

fn list_modification(bits: &mut Bits<'_>) -> Option<()> {
    if !bits.flag()? {
        return Some(());
    }
    for _ in 0..MAX_COMMANDS {
        if bits.ue()? == 3 {
            return Some(());
        }
        bits.ue()?;
    }
    None
}

fn weights(bits: &mut Bits<'_>, has_chroma: bool, references: &[u32]) -> Option<()> {
    bits.ue()?;
    if has_chroma {
        bits.ue()?;
    }
    for &count in references {
        for _ in 0..Some(count).filter(|count| *count <= MAX_REFERENCES)? {
            if bits.flag()? {
                bits.se()?;
                bits.se()?;
            }
            if has_chroma && bits.flag()? {
                for _ in 0..4 {
                    bits.se()?;
                }
            }
        }
    }
    Some(())
}

/// Parses a picture parameter set; `None` for one with slice groups, which no common encoder writes.
fn picture_set(unit: &[u8]) -> Option<(u32, Picture)> {
    let mut bits = Bits::of_nal(unit.get(1..unit.len().min(64))?);
    let (id, sequence) = (bits.ue()?, bits.ue()?);
    bits.skip(1)?; // entropy_coding_mode_flag
    let bottom_order = bits.flag()?;
    if bits.ue()? > 0 {
        return None;
    }
    let references = [bits.ue()?.checked_add(1)?, bits.ue()?.checked_add(1)?];
    let (weighted, weighted_bipredictive) = (bits.flag()?, bits.take(2)?);
    bits.se()?;
    bits.se()?;
    bits.se()?;
    bits.skip(2)?; // deblocking_filter_control_present_flag, constrained_intra_pred_flag
    let redundant = bits.flag()?;
    Some((id, Picture { sequence, bottom_order, references, weighted, weighted_bipredictive, redundant }))
}
