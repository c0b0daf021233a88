//! Reads the index of segments (ISO/IEC 14496-12, 8.16.3).

use super::super::cache::Cache;
use super::super::reason::Stop;
use crate::probe::bytes::{Bytes, read_range};
use crate::probe::isobmff::FieldReader;

/// An index of segments.
pub(super) struct SegmentIndex {
    /// The id of the track that it is about.
    pub(super) id: u32,
    pub(super) scale: u32,
    /// Where its last segment ends, in units of `scale`.
    pub(super) end_time: i64,
    /// Where its segments begin in the file.
    pub(super) starts: Vec<u64>,
    /// Where its last segment ends in the file.
    end: u64,
    /// Whether it refers to another index.
    pub(super) refers_to_index: bool,
}

impl SegmentIndex {
    /// Reads the content of `sidx`, which ends at an offset of the file; `None` when it is malformed.
    pub(super) fn read(content: &[u8], box_end: u64) -> Option<SegmentIndex> {
        let mut fields = FieldReader(content);
        let (version, _) = fields.head().filter(|(version, _)| *version <= 1)?;
        let id = fields.word()?;
        let scale = fields.word().filter(|scale| (1..=i32::MAX as u32).contains(scale))?;
        let mut time = i64::try_from(fields.wide(version)?).ok()?;
        let mut end = box_end.checked_add(fields.wide(version)?)?;
        let count = fields.word()? & 0xffff;
        let (mut starts, mut refers_to_index) = (Vec::new(), false);
        for _ in 0..count {
            starts.push(end);
            let (size, duration) = (fields.word()?, fields.word()?);
            refers_to_index = size > i32::MAX as u32;
            if refers_to_index {
                break;
            }
            fields.word()?;
            end = end.checked_add(u64::from(size))?;
            time = time.checked_add(i64::from(duration))?;
        }
        (count > 0).then_some(SegmentIndex { id, scale, end_time: time, starts, end, refers_to_index })
    }

    /// Returns whether behind the segments there is nothing, or only an index of fragments.
    pub(super) fn lists_all(&self, cache: &Cache<'_>) -> Result<bool, Stop> {
        let size = cache.len()?;
        if self.end == size {
            return Ok(true);
        }
        let last = read_range(cache, size.saturating_sub(4), 4)?;
        let length = FieldReader(&last).word().map_or(0, u64::from);
        Ok(size.checked_sub(length) == Some(self.end))
    }
}
