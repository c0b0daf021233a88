//! Reads composition times and sync samples of a track: `stts`, `ctts` and `stss`
//! (ISO/IEC 14496-12, 8.6.1 and 8.6.2).

use std::io;

use super::boxes::{BoxHeader, boxes, descendant};
use crate::probe::bytes::{Bytes, read_range};

/// Samples read per track: 4.6 hours at 60 frames/s.
const MAX_SAMPLES: usize = 1_000_000;
/// Bytes of one table read into memory.
const MAX_TABLE: u64 = 16 << 20;

/// The samples of a track in decode order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Samples {
    /// Composition time in units of the track's time scale, and whether it is a sync sample.
    pub timestamps: Vec<(i64, bool)>,
}

impl Samples {
    /// Returns whether any sample is shown before the sync sample it follows in decode order.
    pub fn has_leading_samples(&self) -> bool {
        let mut key_time = None;
        self.timestamps.iter().any(|&(time, key)| {
            if key {
                key_time = Some(time);
            }
            key_time.is_some_and(|key_time| time < key_time)
        })
    }
}

/// Reads the tables inside the sample table box. `None` when they are too large or malformed, or when
/// other boxes also define sync samples.
pub(super) fn read<B: Bytes + ?Sized>(bytes: &B, stbl: &BoxHeader) -> io::Result<Option<Samples>> {
    let inside = boxes(bytes, stbl.content, stbl.end.min(bytes.len()?))?;
    if inside.iter().any(|found| matches!(&found.kind, b"sbgp" | b"sgpd" | b"stps")) {
        return Ok(None);
    }
    let table = |kind: &[u8; 4]| match inside.iter().find(|found| &found.kind == kind) {
        Some(found) => entries(bytes, found),
        None => Ok(Some(Vec::new())),
    };
    let has_sync_table = inside.iter().any(|found| &found.kind == b"stss");
    let (Some(times), Some(offsets), Some(sync)) = (table(b"stts")?, table(b"ctts")?, table(b"stss")?) else {
        return Ok(None);
    };
    let sync = has_sync_table.then_some(sync);
    Ok(timestamps(&times, &offsets, sync.as_deref()).map(|timestamps| Samples { timestamps }))
}

/// Returns the sum of the sample durations in units of the track's time scale; `None` when the table is missing,
/// too large or malformed.
pub(super) fn total_duration<B: Bytes + ?Sized>(bytes: &B, stbl: &BoxHeader) -> io::Result<Option<u64>> {
    let Some(found) = descendant(bytes, stbl, &[b"stts"])? else { return Ok(None) };
    let Some(times) = entries(bytes, &found)? else { return Ok(None) };
    // Some writers store a negative duration, which shortens the sum.
    let runs = times.chunks_exact(2).map(|run| i64::from(run[0]).checked_mul(i64::from(run[1] as i32)));
    let total = runs.into_iter().try_fold(0_i64, |sum, run| sum.checked_add(run?));
    Ok(total.and_then(|total| u64::try_from(total).ok()))
}

/// Returns the composition time of the first sample, by which a track with reordered samples begins and ends later
/// than its decode times; zero without a table.
pub(super) fn first_offset<B: Bytes + ?Sized>(bytes: &B, stbl: &BoxHeader) -> io::Result<i64> {
    let Some(found) = descendant(bytes, stbl, &[b"ctts"])? else { return Ok(0) };
    let head = read_range(bytes, found.content, 16)?;
    let offset = head.get(12..16).and_then(|word| word.try_into().ok()).map(i32::from_be_bytes);
    Ok(offset.map_or(0, i64::from))
}

/// Returns the number of samples; `None` when no table states it.
pub(super) fn count<B: Bytes + ?Sized>(bytes: &B, stbl: &BoxHeader) -> io::Result<Option<u32>> {
    Ok(sizes(bytes, stbl)?.map(|(_, _, count)| count))
}

/// Returns the sum of the sample sizes in bytes.
pub(super) fn total_bytes<B: Bytes + ?Sized>(bytes: &B, stbl: &BoxHeader) -> io::Result<Option<u64>> {
    let Some((found, size, count)) = sizes(bytes, stbl)? else { return Ok(None) };
    if size > 0 {
        return Ok(u64::from(size).checked_mul(u64::from(count)));
    }
    let length = found.end.min(bytes.len()?).saturating_sub(found.content);
    if &found.kind != b"stsz" || length > MAX_TABLE {
        return Ok(None);
    }
    let content = read_range(bytes, found.content, length as usize)?;
    let words = content.get(12..).unwrap_or_default().chunks_exact(4).take(count as usize);
    Ok(Some(words.map(|word| word.iter().fold(0, |sum, b| sum << 8 | u64::from(*b))).sum()))
}

/// Returns the table of sample sizes with the size of all samples, zero if they differ, and their number.
pub(super) fn sizes<B: Bytes + ?Sized>(
    bytes: &B,
    stbl: &BoxHeader,
) -> io::Result<Option<(BoxHeader, u32, u32)>> {
    let inside = boxes(bytes, stbl.content, stbl.end.min(bytes.len()?))?;
    let Some(found) = inside.into_iter().find(|found| matches!(&found.kind, b"stsz" | b"stz2")) else {
        return Ok(None);
    };
    let mut head = [0; 12];
    if bytes.read_at(found.content, &mut head)? < head.len() {
        return Ok(None);
    }
    let [_, _, _, _, s0, s1, s2, s3, c0, c1, c2, c3] = head;
    let size = if &found.kind == b"stsz" { u32::from_be_bytes([s0, s1, s2, s3]) } else { 0 };
    Ok(Some((found, size, u32::from_be_bytes([c0, c1, c2, c3]))))
}

/// Returns the composition times of the samples with these ascending numbers, from zero, in units of the track's time
/// scale; `None` for samples that the tables do not list.
pub(super) fn composition_times<B: Bytes + ?Sized>(
    bytes: &B,
    stbl: &BoxHeader,
    numbers: &[usize],
) -> io::Result<Vec<Option<i64>>> {
    let inside = boxes(bytes, stbl.content, stbl.end.min(bytes.len()?))?;
    let table = |kind: &[u8; 4]| match inside.iter().find(|found| &found.kind == kind) {
        Some(found) => entries(bytes, found).map(Option::unwrap_or_default),
        None => Ok(Vec::new()),
    };
    let (times, offsets) = (table(b"stts")?, table(b"ctts")?);
    let decode_time = |number: usize| {
        let (mut first, mut time) = (0_usize, 0_i64);
        for run in times.chunks_exact(2) {
            let (count, delta) = (run[0] as usize, i64::from(run[1] as i32));
            let within = number.checked_sub(first)?;
            if within < count {
                return time.checked_add(delta.checked_mul(i64::try_from(within).ok()?)?);
            }
            first = first.checked_add(count)?;
            time = time.checked_add(delta.checked_mul(i64::from(run[0]))?)?;
        }
        None
    };
    let offset = |number: usize| {
        let mut first = 0_usize;
        for run in offsets.chunks_exact(2) {
            first = first.saturating_add(run[0] as usize);
            if number < first {
                return i64::from(run[1] as i32);
            }
        }
        0
    };
    Ok(numbers.iter().map(|&number| decode_time(number)?.checked_add(offset(number))).collect())
}

/// Returns the 32-bit words of a table after its entry count.
fn entries<B: Bytes + ?Sized>(bytes: &B, found: &BoxHeader) -> io::Result<Option<Vec<u32>>> {
    let length = found.end.min(bytes.len()?).saturating_sub(found.content);
    if length > MAX_TABLE {
        return Ok(None);
    }
    let mut content = vec![0; length as usize];
    let count = bytes.read_at(found.content, &mut content)?;
    content.truncate(count);
    let words = content.chunks_exact(4).map(|word| word.iter().fold(0, |sum, b| sum << 8 | u32::from(*b)));
    let mut words: Vec<u32> = words.skip(1).collect();
    if words.is_empty() {
        return Ok(None);
    }
    let declared = words.remove(0) as usize;
    let width = if &found.kind == b"stss" { 1 } else { 2 };
    let wanted = declared.saturating_mul(width);
    if words.len() < wanted {
        return Ok(None);
    }
    words.truncate(wanted);
    Ok(Some(words))
}

/// Combines the tables into the composition time of each sample and whether it is a sync sample.
fn timestamps(times: &[u32], offsets: &[u32], sync: Option<&[u32]>) -> Option<Vec<(i64, bool)>> {
    let mut timestamps: Vec<(i64, bool)> = Vec::new();
    let mut time = 0_i64;
    for run in times.chunks_exact(2) {
        let count = run[0] as usize;
        let delta = i64::from(i32::try_from(run[1]).ok()?);
        if timestamps.len().checked_add(count)? > MAX_SAMPLES {
            return None;
        }
        for _ in 0..count {
            timestamps.push((time, sync.is_none()));
            time = time.checked_add(delta)?;
        }
    }
    let mut shifted = timestamps.iter_mut();
    for run in offsets.chunks_exact(2) {
        // Offsets of version 0 are unsigned, but real files write negative ones there too.
        let offset = i64::from(run[1] as i32);
        for (time, _) in shifted.by_ref().take(run[0] as usize) {
            *time += offset;
        }
    }
    for number in sync.unwrap_or_default() {
        timestamps.get_mut((*number as usize).checked_sub(1)?)?.1 = true;
    }
    (!timestamps.is_empty() && timestamps[0].1).then_some(timestamps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combines_times_offsets_and_sync_samples() {
        let samples = timestamps(&[4, 10], &[1, 10, 1, 30, 2, 0], Some(&[1, 4]));
        assert_eq!(samples, Some(vec![(10, true), (40, false), (20, false), (30, true)]));
    }

    #[test]
    fn detects_a_sample_shown_before_its_sync_sample() {
        let samples = |timestamps: &[(i64, bool)]| Samples { timestamps: timestamps.to_vec() };
        assert!(!samples(&[(0, true), (20, false), (10, false), (30, true)]).has_leading_samples());
        assert!(samples(&[(0, true), (30, true), (20, false)]).has_leading_samples());
    }

    #[test]
    fn rejects_invalid_tables() {
        assert_eq!(timestamps(&[u32::MAX, 1], &[], None), None);
        assert_eq!(timestamps(&[2, 1], &[], Some(&[3])), None, "a sync sample that does not exist");
        assert_eq!(timestamps(&[2, u32::MAX], &[], None), None);
        assert_eq!(timestamps(&[], &[], None), None);
    }
}
