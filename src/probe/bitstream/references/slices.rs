//! The parameter sets of slices by their ids, and the starts of slices.

use super::super::Bits;

/// Bytes of a slice header that are parsed; the weights of weighted prediction may be long.
const SLICE_BYTES: usize = 512;
/// Sets kept of each kind; H.264 allows 32 sequence and 256 picture parameter sets.
const MAX_SETS: usize = 256;
/// Units read before the slices of a sample.
pub(super) const MAX_UNITS: usize = 64;

/// Replaces or adds the set with this id.
pub(super) fn put<T>(entries: &mut Vec<(u32, T)>, id: u32, value: T) {
    if let Some(entry) = entries.iter_mut().find(|(known, _)| *known == id) {
        entry.1 = value;
    } else if entries.len() < MAX_SETS {
        entries.push((id, value));
    }
}

pub(super) fn get<T>(entries: &[(u32, T)], id: u32) -> Option<&T> {
    entries.iter().find(|(known, _)| *known == id).map(|(_, value)| value)
}

/// Returns the number of bits that hold a number below `count`.
pub(super) fn bits_below(count: u32) -> u32 {
    count.max(1).next_power_of_two().trailing_zeros()
}

/// Creates a reader of the start of a slice, after a header of `header` bytes.
pub(super) fn slice_bits(slice: &[u8], header: usize) -> Option<Bits<'_>> {
    Some(Bits::of_nal(slice.get(header..slice.len().min(SLICE_BYTES))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_bits_of_an_index() {
        assert_eq!([1, 2, 3, 4, 5].map(bits_below), [0, 1, 2, 2, 3]);
    }
}
