//! Finds samples without data, which demuxers pass over without a word (ISO/IEC 14496-12, 8.7.3 and 8.8.8).

use std::io;

use super::boxes::BoxHeader;
use super::{edits, samples};
use crate::probe::bytes::{Bytes, read_range};

/// Bytes of a table of sizes that are read: four million samples.
const MAX_TABLE: u64 = 16 << 20;
/// At most this many times are kept of a track.
const MAX_TIMES: usize = 20;

/// The samples without data of a track.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EmptySamples {
    /// Their number.
    pub count: u64,
    /// The presentation times of the first ones in seconds.
    pub at_s: Vec<f64>,
}

impl EmptySamples {
    /// Adds a sample at a time in seconds, if it is known.
    pub(super) fn add(&mut self, at_s: Option<f64>) {
        self.count += 1;
        if self.at_s.len() < MAX_TIMES {
            self.at_s.extend(at_s);
        }
    }
}

/// Reads the table of sample sizes of a track, and the times of its empty samples.
pub(super) fn read<B: Bytes + ?Sized>(
    bytes: &B,
    trak: &BoxHeader,
    stbl: &BoxHeader,
    scale: u32,
) -> io::Result<EmptySamples> {
    let mut found = EmptySamples::default();
    let numbers = empty_numbers(bytes, stbl)?;
    if numbers.is_empty() {
        return Ok(found);
    }
    let first_s = edits::media_start(bytes, trak)? as f64 / f64::from(scale);
    let shown: Vec<usize> = numbers.iter().copied().take(MAX_TIMES).collect();
    let times = samples::composition_times(bytes, stbl, &shown)?;
    for position in 0..numbers.len() {
        let time = times.get(position).copied().flatten();
        found.add(time.map(|time| (time as f64 / f64::from(scale) - first_s).max(0.0)));
    }
    Ok(found)
}

/// Returns the numbers of the samples without data, from zero.
fn empty_numbers<B: Bytes + ?Sized>(bytes: &B, stbl: &BoxHeader) -> io::Result<Vec<usize>> {
    let Some((found, size, count)) = samples::sizes(bytes, stbl)? else { return Ok(Vec::new()) };
    let length = found.end.min(bytes.len()?).saturating_sub(found.content);
    if size > 0 || length > MAX_TABLE {
        return Ok(Vec::new());
    }
    let content = read_range(bytes, found.content, length as usize)?;
    let table = content.get(12..).unwrap_or_default();
    let count = count as usize;
    let bits = if &found.kind == b"stsz" { 32 } else { content.get(7).copied().unwrap_or(0) };
    let is_empty = |position: usize| match bits {
        32 => table.get(position * 4..position * 4 + 4).map(|size| size == [0; 4]),
        16 => table.get(position * 2..position * 2 + 2).map(|size| size == [0; 2]),
        8 => table.get(position).map(|size| *size == 0),
        4 => table.get(position / 2).map(|pair| pair >> (4 * (1 - position % 2)) & 0xf == 0),
        _ => None,
    };
    Ok((0..count)
        .map_while(|position| is_empty(position).map(|empty| (position, empty)))
        .filter(|(_, empty)| *empty)
        .map(|(position, _)| position)
        .collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::boxes::make;
    use super::*;

    fn numbers(table: Vec<u8>) -> Vec<usize> {
        let stbl = make(b"stbl", &table);
        let header = BoxHeader { kind: *b"stbl", start: 0, content: 8, end: stbl.len() as u64 };
        empty_numbers(&stbl[..], &header).unwrap()
    }

    #[test]
    fn finds_empty_samples_in_tables_of_every_width() {
        let words = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
        let compact = |bits: u32, table: &[u8]| make(b"stz2", &[&words(&[0, bits, 4])[..], table].concat());
        assert_eq!(numbers(make(b"stsz", &words(&[0, 0, 4, 5, 0, 6, 0]))), [1, 3]);
        assert_eq!(numbers(make(b"stsz", &words(&[0, 9, 4]))), [0_usize; 0]);
        assert_eq!(numbers(compact(16, &[0, 1, 0, 0, 1, 0, 0, 0])), [1, 3]);
        assert_eq!(numbers(compact(8, &[1, 0, 2, 0])), [1, 3]);
        assert_eq!(numbers(compact(4, &[0x10, 0x20])), [1, 3]);
        // A table that ends early.
        assert_eq!(numbers(make(b"stsz", &words(&[0, 0, 900, 5, 0]))), [1]);
    }
}
