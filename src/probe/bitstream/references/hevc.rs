//! The reference picture sets of HEVC (ITU-T H.265, 8.3.2): each frame lists by picture order count which earlier
//! frames it refers to, and which are still needed.

use super::super::Bits;
use super::super::hevc;
use super::super::parameter_sets::{SetCodec, UnitReader};
use super::display_order::{DisplayOrder, Numbered};
use super::sample_info::SampleInfo;
use super::slices::{MAX_UNITS, bits_below, get, put, slice_bits};

/// Pictures in one set.
const MAX_PICTURES: usize = 16;
/// Sets in a sequence parameter set.
const MAX_LISTED: u32 = 64;

/// A picture in a set: the distance of its order count, and whether the current frame refers to it.
type Entry = (i32, bool);

/// The fields of a sequence parameter set that a slice header needs.
#[derive(Clone, Debug, PartialEq)]
struct Sequence {
    order_bits: u32,
    separate_planes: bool,
    sets: Vec<Vec<Entry>>,
    long_term: bool,
    /// The order counts of long-term pictures that the set lists, without their high bits.
    long_term_orders: Vec<u32>,
}

/// The fields of a picture parameter set that a slice header needs.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Picture {
    sequence: u32,
    output_flag: bool,
    extra_bits: u32,
}

/// What the first slice of a sample says.
#[derive(Clone, Debug, PartialEq)]
struct Slice {
    kind: u8,
    temporal_id: u8,
    order_bits: u32,
    /// The low bits of the picture order count.
    order: u32,
    entries: Vec<Entry>,
    /// The low bits of the order counts of long-term pictures.
    long_term: Vec<u32>,
}

/// Follows the reference picture sets of a stream.
pub(super) struct PictureSets {
    length_bytes: Option<usize>,
    sequences: Vec<(u32, Sequence)>,
    pictures: Vec<(u32, Picture)>,
    /// The order counts of the frames that later frames may refer to; `None` until a frame begins the stream.
    kept: Option<Vec<i32>>,
    /// The order count of the latest frame that determines the high bits of the next.
    anchor: i32,
    /// Whether leading frames that need earlier ones are left out by decoders.
    skips_leading: bool,
    ended: bool,
}

impl PictureSets {
    pub(super) fn from_config(record: &[u8]) -> PictureSets {
        let mut sets = PictureSets {
            length_bytes: None,
            sequences: Vec::new(),
            pictures: Vec::new(),
            kept: None,
            anchor: 0,
            skips_leading: true,
            ended: true,
        };
        sets.configure(record);
        sets
    }

    /// Replaces all sets by those of a record.
    pub(super) fn configure(&mut self, record: &[u8]) {
        self.sequences.clear();
        self.pictures.clear();
        let length = record.get(21).map(|byte| usize::from(byte & 3) + 1);
        self.length_bytes = length.filter(|_| record.first() == Some(&1));
        match (hevc::record_units(record), self.length_bytes) {
            (Some(units), Some(_)) => units.into_iter().for_each(|unit| self.add_set(unit)),
            _ => _ = self.read(record),
        }
    }

    pub(super) fn restart(&mut self) {
        (self.kept, self.ended) = (None, true);
    }

    pub(super) fn add(&mut self, sample: &[u8], info: SampleInfo, order: &mut DisplayOrder) -> u64 {
        let slice = self.read(sample);
        let ends = ends_sequence(sample);
        let Some(slice) = slice else {
            if !sample.is_empty() {
                self.restart();
                order.end_sequence();
            }
            return 0;
        };
        slice.place(self.ended, info, order);
        let missing = self.follow(&slice);
        self.ended |= ends;
        if info.hidden { 0 } else { missing }
    }

    fn follow(&mut self, slice: &Slice) -> u64 {
        let is_random_access = matches!(slice.kind, 16..=23);
        let begins = is_random_access && (slice.kind != 21 || self.ended);
        if is_random_access {
            self.skips_leading = begins;
        }
        if matches!(slice.kind, 8 | 9) && self.skips_leading {
            return 0;
        }
        let order = if begins { slice.order as i32 } else { self.order_count(slice) };
        if begins {
            (self.kept, self.ended) = (Some(Vec::new()), false);
        }
        let Some(kept) = &mut self.kept else { return 0 };
        let mut missing = 0;
        let mut next: Vec<i32> = Vec::new();
        for &(distance, used) in &slice.entries {
            let wanted = order.wrapping_add(distance);
            if kept.contains(&wanted) {
                next.push(wanted);
            } else if used {
                // A decoder puts a made-up frame in its place, so that it is missing only once.
                missing += 1;
                next.push(wanted);
            }
        }
        let modulus = 1_i32 << slice.order_bits;
        let is_long_term = |known: &i32| slice.long_term.contains(&(known.rem_euclid(modulus) as u32));
        next.extend(kept.iter().copied().filter(is_long_term));
        next.push(order);
        *kept = next;
        // Frames that others do not depend on do not count (8.3.1).
        let is_unused = slice.kind < 16 && slice.kind.is_multiple_of(2);
        if slice.temporal_id == 0 && !is_unused && !(6..=9).contains(&slice.kind) {
            self.anchor = order;
        }
        missing
    }

    /// Returns the picture order count of a slice (8.3.1).
    fn order_count(&self, slice: &Slice) -> i32 {
        let modulus = 1_i32 << slice.order_bits;
        let (low, before) = (slice.order as i32, self.anchor.rem_euclid(modulus));
        let high = self.anchor.wrapping_sub(before);
        let high = if low < before && before - low >= modulus / 2 {
            high.wrapping_add(modulus)
        } else if low > before && low - before > modulus / 2 {
            high.wrapping_sub(modulus)
        } else {
            high
        };
        high.wrapping_add(low)
    }

    /// Adds the sets of a sample. Returns its first slice.
    fn read(&mut self, sample: &[u8]) -> Option<Slice> {
        let mut units = UnitReader::new(sample, self.length_bytes, SetCodec::Hevc);
        for _ in 0..MAX_UNITS {
            match units.next_before_slices() {
                Some(unit) => self.add_set(unit),
                None => break,
            }
        }
        self.slice(units.slice()?)
    }

    fn add_set(&mut self, unit: &[u8]) {
        // Sets of other layers matter only to decoders with layers.
        let [first, second, ..] = *unit else { return };
        if first & 1 != 0 || second >> 3 != 0 {
            return;
        }
        match first >> 1 & 0x3f {
            33 => {
                if let Some((id, sequence)) = sequence(unit) {
                    put(&mut self.sequences, id, sequence);
                }
            }
            34 => {
                if let Some((id, picture)) = picture(unit) {
                    put(&mut self.pictures, id, picture);
                }
            }
            _ => {}
        }
    }

    fn slice(&self, unit: &[u8]) -> Option<Slice> {
        let [first, second, ..] = *unit else { return None };
        let (kind, temporal_id) = (first >> 1 & 0x3f, (second & 7).checked_sub(1)?);
        if first & 1 != 0 || second >> 3 != 0 || !matches!(kind, 0..=9 | 16..=21) {
            return None;
        }
        let mut bits = slice_bits(unit, 2)?;
        if !bits.flag()? {
            return None; // a later slice of a frame whose first is missing
        }
        if kind >= 16 {
            bits.skip(1)?; // no_output_of_prior_pics_flag
        }
        let picture = get(&self.pictures, bits.ue()?)?;
        let sequence = get(&self.sequences, picture.sequence)?;
        bits.skip(picture.extra_bits as usize)?;
        bits.ue()?; // slice_type
        bits.skip(usize::from(picture.output_flag) + if sequence.separate_planes { 2 } else { 0 })?;
        let order_bits = sequence.order_bits;
        let mut slice =
            Slice { kind, temporal_id, order_bits, order: 0, entries: Vec::new(), long_term: Vec::new() };
        if matches!(kind, 19 | 20) {
            return Some(slice);
        }
        slice.order = bits.take(order_bits)?;
        let count = sequence.sets.len() as u32;
        slice.entries = if bits.flag()? {
            let index = bits.take(bits_below(count))?;
            sequence.sets.get(index as usize)?.clone()
        } else {
            short_term_set(&mut bits, count, count, &sequence.sets)?
        };
        if sequence.long_term {
            slice.long_term = long_term_pictures(&mut bits, sequence)?;
        }
        Some(slice)
    }
}

impl Slice {
    /// Adds the frame to the display order.
    fn place(&self, after_end: bool, info: SampleInfo, order: &mut DisplayOrder) {
        let begins = matches!(self.kind, 16..=23);
        if begins && (self.kind != 21 || after_end) {
            order.end_sequence();
        }
        let numbered = Numbered {
            order: self.order,
            modulus: 1 << self.order_bits,
            disposable: self.kind < 16 && self.kind.is_multiple_of(2),
            begins,
        };
        order.add(info.time, numbered);
    }
}

/// Returns whether a sample ends with an end of sequence or of bitstream.
fn ends_sequence(sample: &[u8]) -> bool {
    let Some((rest, [kind, 1])) = sample.split_last_chunk::<2>() else { return false };
    matches!(kind >> 1, 36 | 37) && (rest.ends_with(&[0, 0, 1]) || rest.ends_with(&[0, 0, 0, 2]))
}

fn long_term_pictures(bits: &mut Bits<'_>, sequence: &Sequence) -> Option<Vec<u32>> {
    let listed = sequence.long_term_orders.len() as u32;
    let from_set = if listed > 0 { bits.ue()? } else { 0 };
    let total = from_set.checked_add(bits.ue()?).filter(|count| *count as usize <= 2 * MAX_PICTURES)?;
    let mut orders = Vec::new();
    for index in 0..total {
        orders.push(if index < from_set {
            *sequence.long_term_orders.get(bits.take(bits_below(listed))? as usize)?
        } else {
            let order = bits.take(sequence.order_bits)?;
            bits.skip(1)?; // used_by_curr_pic_lt_flag
            order
        });
        if bits.flag()? {
            bits.ue()?; // delta_poc_msb_cycle_lt
        }
    }
    Some(orders)
}

/// Reads a short-term reference picture set (7.3.7), number `index` of `count`.
fn short_term_set(bits: &mut Bits<'_>, index: u32, count: u32, known: &[Vec<Entry>]) -> Option<Vec<Entry>> {
    let mut entries: Vec<Entry> = Vec::new();
    if index > 0 && bits.flag()? {
        let back = if index == count { bits.ue()?.checked_add(1)? } else { 1 };
        let from = known.get(index.checked_sub(back)? as usize)?;
        let negative = bits.flag()?;
        let distance = i32::try_from(bits.ue()?).ok()?.checked_add(1)?;
        let distance = if negative { -distance } else { distance };
        for entry in from.iter().map(|(other, _)| *other).chain([0]) {
            let used = bits.flag()?;
            let kept = used || bits.flag()?;
            let shifted = entry.checked_add(distance)?;
            if kept && shifted != 0 {
                entries.push((shifted, used));
            }
        }
        // First the frames before, the nearest first, then those after.
        entries.sort_by_key(|&(distance, _)| (distance > 0, distance.unsigned_abs()));
    } else {
        let (before, after) = (bits.ue()?, bits.ue()?);
        for (number, sign) in [(before, -1), (after, 1)] {
            let mut distance = 0_i32;
            for _ in 0..Some(number).filter(|number| *number as usize <= MAX_PICTURES)? {
                distance = distance.checked_add(i32::try_from(bits.ue()?).ok()?.checked_add(1)?)?;
                entries.push((sign * distance, bits.flag()?));
            }
        }
    }
    (entries.len() <= MAX_PICTURES).then_some(entries)
}

/// Parses the fields of a sequence parameter set.
fn sequence(unit: &[u8]) -> Option<(u32, Sequence)> {
    let (id, mut bits, fields) = hevc::before_reference_sets(unit)?;
    let count = Some(bits.ue()?).filter(|count| *count <= MAX_LISTED)?;
    let mut sets: Vec<Vec<Entry>> = Vec::new();
    for index in 0..count {
        let set = short_term_set(&mut bits, index, count, &sets)?;
        sets.push(set);
    }
    let long_term = bits.flag()?;
    let mut long_term_orders = Vec::new();
    if long_term {
        for _ in 0..Some(bits.ue()?).filter(|count| *count <= 32)? {
            long_term_orders.push(bits.take(fields.order_bits)?);
            bits.skip(1)?; // used_by_curr_pic_lt_sps_flag
        }
    }
    let hevc::OrderFields { order_bits, separate_planes } = fields;
    Some((id, Sequence { order_bits, separate_planes, sets, long_term, long_term_orders }))
}

/// Parses the fields of a picture parameter set.
fn picture(unit: &[u8]) -> Option<(u32, Picture)> {
    let mut bits = Bits::of_nal(unit.get(2..unit.len().min(32))?);
    let (id, sequence) = (bits.ue()?, bits.ue()?);
    bits.skip(1)?; // dependent_slice_segments_enabled_flag
    let output_flag = bits.flag()?;
    let extra_bits = bits.take(3)?;
    Some((id, Picture { sequence, output_flag, extra_bits }))
}
