//! How a file is cut into chunks. Megabytes are decimal here; the count is rounded down, and the last
//! chunk takes the rest. Source: developers portal, page media-transfer-guide (2026-09-11).

const MB: u64 = 1_000_000;
/// A file of more bytes must be cut.
const WHOLE_MOST: u64 = 64 * MB;
/// What is cut, as long as the count allows.
const USUAL: u64 = 10 * MB;
/// The most chunks.
const COUNT_MOST: u64 = 1000;

/// How a file is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunks {
    /// Bytes of the file.
    pub total: u64,
    /// Bytes of every chunk but the last.
    pub size: u64,
    /// Their number.
    pub count: u64,
}

impl Chunks {
    /// The cut of a file; `None` when it is empty or too large for any.
    pub fn of(total: u64) -> Option<Chunks> {
        if total == 0 {
            return None;
        }
        // One chunk must have the size of the file, so a file that would give one goes whole.
        if total < 2 * USUAL {
            return Some(Chunks { total, size: total, count: 1 });
        }
        let size = USUAL.max(total.div_ceil(COUNT_MOST));
        (size <= WHOLE_MOST).then_some(Chunks { total, size, count: total / size })
    }

    /// Start and end of a chunk, counted from 0; the end is not part of it.
    pub fn range(&self, index: u64) -> (u64, u64) {
        let start = index * self.size;
        (start, if index + 1 >= self.count { self.total } else { start + self.size })
    }

    /// The chunk that starts at a byte; `None` when none does.
    pub fn starting_at(&self, byte: u64) -> Option<u64> {
        (byte.is_multiple_of(self.size) && byte / self.size < self.count).then(|| byte / self.size)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// No chunk but a whole file may have fewer bytes.
    const LEAST: u64 = 5 * MB;

    #[test]
    fn the_worked_example_of_the_guide() {
        let cut = Chunks::of(50_000_123).unwrap();
        assert_eq!((cut.size, cut.count), (10_000_000, 5));
        assert_eq!(cut.range(4), (40_000_000, 50_000_123));
    }

    #[test]
    fn small_files_go_whole_and_large_ones_in_at_most_a_thousand() {
        assert_eq!(Chunks::of(0), None);
        for whole in [1, LEAST, 15 * MB, 20 * MB - 1] {
            assert_eq!(Chunks::of(whole), Some(Chunks { total: whole, size: whole, count: 1 }));
        }
        let huge = Chunks::of(40_000 * MB).unwrap();
        assert!(huge.count <= COUNT_MOST && huge.size == 40 * MB, "{huge:?}");
        assert_eq!(Chunks::of(64_001 * MB), None);
    }

    proptest! {
        #[test]
        fn every_cut_keeps_the_rules_and_covers_the_file(total in 1..5_000_000_000_u64) {
            let cut = Chunks::of(total).unwrap();
            prop_assert_eq!(cut.count, total / cut.size);
            prop_assert!((1..=1000).contains(&cut.count));
            prop_assert!(cut.count == 1 || (LEAST..=WHOLE_MOST).contains(&cut.size));
            prop_assert!(cut.count > 1 || cut.size == total && total <= WHOLE_MOST);
            let mut at = 0;
            for index in 0..cut.count {
                let (start, end) = cut.range(index);
                prop_assert_eq!(start, at);
                prop_assert_eq!(cut.starting_at(start), Some(index));
                prop_assert!(end - start <= 128 * MB);
                at = end;
            }
            prop_assert_eq!(at, total);
        }
    }
}
