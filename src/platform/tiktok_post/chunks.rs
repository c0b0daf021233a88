//! Splits a file into chunks. Megabytes are decimal here; the count is rounded down, and the last
//! chunk takes the rest. Source: developers portal, page media-transfer-guide (2026-09-11).

const MB: u64 = 1_000_000;
/// The maximum size of a chunk; a larger file must be split.
const MAX_CHUNK: u64 = 64 * MB;
/// The chunk size, unless it would give too many chunks.
const USUAL_CHUNK: u64 = 10 * MB;
/// The maximum number of chunks.
const MAX_CHUNKS: u64 = 1000;

/// The chunks of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkLayout {
    /// The size of the file in bytes.
    pub total: u64,
    /// The size of every chunk but the last, in bytes.
    pub size: u64,
    /// The number of chunks.
    pub count: u64,
}

impl ChunkLayout {
    /// Returns the chunks of a file; `None` when it is empty or too large.
    pub fn of(total: u64) -> Option<ChunkLayout> {
        if total == 0 {
            return None;
        }
        // A single chunk must have the size of the file, so a file too small for two chunks is not split.
        if total < 2 * USUAL_CHUNK {
            return Some(ChunkLayout { total, size: total, count: 1 });
        }
        let size = USUAL_CHUNK.max(total.div_ceil(MAX_CHUNKS));
        (size <= MAX_CHUNK).then_some(ChunkLayout { total, size, count: total / size })
    }

    /// Returns start and exclusive end of a chunk, counted from 0.
    pub fn range(&self, index: u64) -> (u64, u64) {
        let start = index * self.size;
        (start, if index + 1 >= self.count { self.total } else { start + self.size })
    }

    /// Returns the index of the chunk that starts at a byte; `None` without one.
    pub fn starting_at(&self, byte: u64) -> Option<u64> {
        (byte.is_multiple_of(self.size) && byte / self.size < self.count).then(|| byte / self.size)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// The minimum size of a chunk, unless it is the whole file.
    const MIN_CHUNK: u64 = 5 * MB;

    #[test]
    fn splits_the_example_of_the_guide() {
        let layout = ChunkLayout::of(50_000_123).unwrap();
        assert_eq!((layout.size, layout.count), (10_000_000, 5));
        assert_eq!(layout.range(4), (40_000_000, 50_000_123));
    }

    #[test]
    fn small_files_are_not_split_and_large_ones_have_at_most_a_thousand_chunks() {
        assert_eq!(ChunkLayout::of(0), None);
        for whole in [1, MIN_CHUNK, 15 * MB, 20 * MB - 1] {
            assert_eq!(ChunkLayout::of(whole), Some(ChunkLayout { total: whole, size: whole, count: 1 }));
        }
        let huge = ChunkLayout::of(40_000 * MB).unwrap();
        assert!(huge.count <= MAX_CHUNKS && huge.size == 40 * MB, "{huge:?}");
        assert_eq!(ChunkLayout::of(64_001 * MB), None);
    }

    proptest! {
        #[test]
        fn every_layout_obeys_the_rules_and_covers_the_file(total in 1..5_000_000_000_u64) {
            let layout = ChunkLayout::of(total).unwrap();
            prop_assert_eq!(layout.count, total / layout.size);
            prop_assert!((1..=1000).contains(&layout.count));
            prop_assert!(layout.count == 1 || (MIN_CHUNK..=MAX_CHUNK).contains(&layout.size));
            prop_assert!(layout.count > 1 || layout.size == total && total <= MAX_CHUNK);
            let mut at = 0;
            for index in 0..layout.count {
                let (start, end) = layout.range(index);
                prop_assert_eq!(start, at);
                prop_assert_eq!(layout.starting_at(start), Some(index));
                prop_assert!(end - start <= 128 * MB);
                at = end;
            }
            prop_assert_eq!(at, total);
        }
    }
}
