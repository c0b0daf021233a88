//! Reads composition times and sync samples of a track: `stts`, `ctts` and `stss`
//! (ISO/IEC 14496-12, 8.6.1 and 8.6.2).

use std::io;

use super::{BoxHeader, Bytes, boxes};

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
