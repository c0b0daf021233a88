//! Reads the tables of samples of a track.

use super::super::reason::Reason;
use super::boxes::{Node, only, required};
use super::groups;
use crate::probe::isobmff::FieldReader;

/// Samples read per track: 4.6 hours at 60 frames/s.
const MAX_SAMPLES: u32 = 1_000_000;
/// Composition offsets and durations of samples in units of the track: minutes in usual units. With larger ones, the library
/// may end its analysis before it has seen a packet of each stream.
pub(super) const MAX_OFFSET: u32 = 1 << 24;

/// The tables of samples of a track.
#[derive(Clone, Debug, Default)]
pub(super) struct Tables {
    /// Numbers of samples with their duration.
    pub(super) durations: Vec<(u32, u32)>,
    /// Numbers of samples with the time from decoding to presentation.
    pub(super) offsets: Option<Vec<(u32, i32)>>,
    /// The numbers of the sync samples, from 1; `None` if all samples are.
    pub(super) sync: Option<Vec<u32>>,
    pub(super) sizes: Sizes,
    /// First chunk, from 1, and samples of each chunk from there on.
    pub(super) runs: Vec<(u32, u32)>,
    /// The positions of the chunks in the file.
    pub(super) chunks: Vec<u64>,
    /// Whether the last run begins behind the last chunk, which the library does not accept.
    pub(super) exceeds_chunks: bool,
}

/// The sizes of samples in bytes.
#[derive(Clone, Debug)]
pub(super) enum Sizes {
    /// All have the same size.
    Same { size: u32, count: u32 },
    /// Each has its own.
    Each(Vec<u32>),
}

impl Default for Sizes {
    fn default() -> Sizes {
        Sizes::Each(Vec::new())
    }
}

impl Sizes {
    /// Returns the number of samples.
    pub(super) fn count(&self) -> u32 {
        match self {
            Sizes::Same { count, .. } => *count,
            Sizes::Each(sizes) => sizes.len() as u32,
        }
    }

    /// Returns the size of a sample.
    pub(super) fn get(&self, number: usize) -> Option<u32> {
        match self {
            Sizes::Same { size, .. } => Some(*size),
            Sizes::Each(sizes) => sizes.get(number).copied(),
        }
    }
}

impl Tables {
    /// Reads the boxes in `stbl`.
    pub(super) fn read(nodes: &[Node<'_>]) -> Result<Tables, Reason> {
        let mut tables = Tables {
            durations: pairs(required(nodes, b"stts")?)?,
            sizes: sizes(nodes)?,
            chunks: chunks(nodes)?,
            ..Tables::default()
        };
        if let Some(ctts) = only(nodes, b"ctts")? {
            tables.offsets = Some(offsets(ctts)?).filter(|offsets| !offsets.is_empty());
        }
        if let Some(stss) = only(nodes, b"stss")? {
            let numbers = words(stss, 1)?;
            let is_ascending = numbers.windows(2).all(|pair| pair[0] < pair[1]);
            let is_inside = numbers.first() > Some(&0) && numbers.last() <= Some(&tables.sizes.count());
            if !(is_ascending && is_inside || numbers.is_empty()) {
                return Err(Reason::SampleTables);
            }
            tables.sync = Some(numbers);
        }
        let runs = words(required(nodes, b"stsc")?, 3)?;
        for (at, run) in (1..).zip(runs.chunks_exact(3)) {
            let is_next = tables.runs.last().map_or(run[0] >= 1, |(first, _)| *first < run[0]);
            let is_usual = i32::try_from(run[0].max(run[1])).is_ok();
            if !is_next || !is_usual || run[0] < at || run[1] == 0 || run[2] != 1 {
                return Err(Reason::SampleTables);
            }
            tables.runs.push((run[0], run[1]));
        }
        groups::check(nodes, tables.sizes.count().into())?;
        let has_samples = !tables.durations.is_empty() && tables.sizes.count() > 0;
        let last = tables.runs.last().filter(|_| has_samples && !tables.chunks.is_empty());
        tables.exceeds_chunks = last.is_some_and(|(first, _)| *first as usize > tables.chunks.len());
        // The library takes the first run for chunks before it as well.
        if tables.runs.first().is_some_and(|(first, _)| *first > 1) && !tables.exceeds_chunks {
            return Err(Reason::SampleTables);
        }
        // A sample of zero duration, or a negative one, moves others in the library.
        let is_usual = |duration: u32| duration <= MAX_OFFSET;
        let usual = tables.durations.iter().all(|(_, duration)| is_usual(*duration));
        if usual { Ok(tables) } else { Err(Reason::SampleTables) }
    }

    /// Returns the sum of the durations, in units of the track.
    pub(super) fn duration(&self) -> Option<u64> {
        let runs = self.durations.iter().map(|(count, duration)| u64::from(*count) * u64::from(*duration));
        runs.into_iter().try_fold(0_u64, u64::checked_add)
    }

    /// Returns whether no table lists samples, as in the header of a file whose samples are in fragments.
    pub(super) fn is_empty(&self) -> bool {
        let lists = [self.durations.len(), self.runs.len(), self.chunks.len(), self.sizes.count() as usize];
        lists == [0; 4] && self.offsets.is_none() && self.sync.as_ref().is_none_or(Vec::is_empty)
    }

    /// Returns the number of samples that have a duration.
    pub(super) fn timed_samples(&self) -> u64 {
        self.durations.iter().map(|(count, _)| u64::from(*count)).sum()
    }
}

/// Returns the words of a table with entries of `width` words, after its version, flags and number of entries.
fn words(content: &[u8], width: usize) -> Result<Vec<u32>, Reason> {
    let mut fields = FieldReader(content);
    let count = fields.head().and_then(|_| fields.word()).ok_or(Reason::Malformed)? as usize;
    let bytes =
        count.checked_mul(4 * width).and_then(|bytes| fields.bytes(bytes)).ok_or(Reason::Malformed)?;
    Ok(bytes.chunks_exact(4).map(word).collect())
}

fn word(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |value, &byte| value << 8 | u32::from(byte))
}

fn pairs(content: &[u8]) -> Result<Vec<(u32, u32)>, Reason> {
    Ok(words(content, 2)?.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
}

fn offsets(content: &[u8]) -> Result<Vec<(u32, i32)>, Reason> {
    let offsets: Vec<(u32, i32)> =
        pairs(content)?.into_iter().map(|(count, offset)| (count, offset as i32)).collect();
    let is_usual = |(count, offset): &(u32, i32)| {
        (1..=MAX_SAMPLES).contains(count) && offset.unsigned_abs() <= MAX_OFFSET
    };
    if offsets.iter().all(is_usual) { Ok(offsets) } else { Err(Reason::SampleTables) }
}

fn sizes(nodes: &[Node<'_>]) -> Result<Sizes, Reason> {
    let sizes = match (only(nodes, b"stsz")?, only(nodes, b"stz2")?) {
        (Some(stsz), None) => {
            let mut fields = FieldReader(stsz);
            let size = fields.head().and_then(|_| fields.word()).ok_or(Reason::Malformed)?;
            match size {
                0 => Sizes::Each(words(&[&[0; 4], fields.0].concat(), 1)?),
                size => Sizes::Same { size, count: fields.word().ok_or(Reason::Malformed)? },
            }
        }
        _ => return Err(Reason::SampleTables),
    };
    let is_usual = |size: &u32| *size <= i32::MAX as u32 / 2;
    match &sizes {
        Sizes::Same { size, .. } if is_usual(size) => Ok(sizes),
        Sizes::Each(each) if each.len() <= MAX_SAMPLES as usize && each.iter().all(is_usual) => Ok(sizes),
        _ => Err(Reason::TooLarge),
    }
}

fn chunks(nodes: &[Node<'_>]) -> Result<Vec<u64>, Reason> {
    match (only(nodes, b"stco")?, only(nodes, b"co64")?) {
        (Some(stco), None) => Ok(words(stco, 1)?.into_iter().map(u64::from).collect()),
        (None, Some(co64)) => {
            let positions =
                pairs(co64)?.into_iter().map(|(high, low)| u64::from(high) << 32 | u64::from(low));
            let positions: Vec<u64> = positions.collect();
            let are_usual = positions.iter().all(|position| i64::try_from(*position).is_ok());
            if are_usual { Ok(positions) } else { Err(Reason::SampleTables) }
        }
        _ => Err(Reason::SampleTables),
    }
}
