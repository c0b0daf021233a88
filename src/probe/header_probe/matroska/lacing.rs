//! Takes the frames of a block apart (RFC 9559, 10.3).

use crate::probe::ebml::unsigned;

const XIPH: u8 = 2;
const EBML: u8 = 6;
/// The bits for lacing in the flags of a block.
pub(super) const LACING: u8 = 6;

/// Returns the frames in the data of a block with this kind of lacing; `None` when their sizes do not fit the data, and
/// for a form that the library reads in a way of its own.
pub(super) fn frames(lacing: u8, data: &[u8]) -> Option<Vec<&[u8]>> {
    if lacing == 0 {
        return Some(vec![data]);
    }
    let (&more, mut rest) = data.split_first()?;
    let more = usize::from(more);
    let sizes = match lacing {
        XIPH => (0..more).map(|_| xiph_size(&mut rest)).collect::<Option<Vec<_>>>()?,
        EBML => ebml_sizes(more, &mut rest)?,
        // All frames have the same size.
        _ if rest.len() % (more + 1) != 0 => return None,
        _ => vec![rest.len() / (more + 1); more],
    };
    let mut frames = Vec::with_capacity(more + 1);
    for size in sizes {
        let (frame, after) = rest.split_at_checked(size)?;
        frames.push(frame);
        rest = after;
    }
    frames.push(rest);
    frames.iter().all(|frame| !frame.is_empty()).then_some(frames)
}

/// Reads the size of a frame in Xiph lacing.
fn xiph_size(rest: &mut &[u8]) -> Option<usize> {
    let mut size = 0;
    loop {
        let (&part, after) = rest.split_first()?;
        (*rest, size) = (after, size + usize::from(part));
        if part < u8::MAX {
            return Some(size);
        }
    }
}

/// Reads the sizes of all frames but the last in EBML lacing: the first, and differences from each to the next.
fn ebml_sizes(more: usize, rest: &mut &[u8]) -> Option<Vec<usize>> {
    // The library takes a single frame for the difference of two.
    let first = i64::try_from(number(rest).filter(|_| more > 0)?.0).ok()?;
    let mut sizes = vec![first];
    for _ in 1..more {
        let (value, length) = number(rest)?;
        let difference = i64::try_from(value).ok()? - ((1_i64 << (7 * length - 1)) - 1);
        sizes.push(sizes.last()?.checked_add(difference)?);
    }
    sizes.into_iter().map(|size| usize::try_from(size).ok()).collect()
}

/// Reads a number and its length in bytes.
fn number(rest: &mut &[u8]) -> Option<(u64, usize)> {
    let length = rest.first()?.leading_zeros() as usize + 1;
    let (bytes, after) = rest.split_at_checked(length).filter(|_| length <= 8)?;
    *rest = after;
    Some((unsigned(bytes) & ((1_u64 << (7 * length)) - 1), length))
}

#[cfg(test)]
mod tests {
    use super::frames;

    fn sizes(lacing: u8, data: &[u8]) -> Option<Vec<usize>> {
        frames(lacing, data).map(|frames| frames.iter().map(|frame| frame.len()).collect())
    }

    #[test]
    fn the_sizes_of_laced_frames_must_fit() {
        assert_eq!(sizes(2, &[2, 1, 2, 7, 7, 7, 7]), Some(vec![1, 2, 1]));
        assert_eq!(sizes(2, &[2, 1, 2, 7, 7, 7]), None, "nothing is left for the last");
        assert_eq!(sizes(2, &[1, 255]), None, "a truncated size");
        assert_eq!(sizes(4, &[1, 7, 7, 7, 7]), Some(vec![2, 2]));
        assert_eq!(sizes(4, &[2, 7, 7, 7, 7]), None, "four bytes for three frames");
        assert_eq!(sizes(4, &[0, 7, 7]), Some(vec![2]));
        assert_eq!(sizes(6, &[2, 0x82, 0xbe, 7, 7, 7, 7]), Some(vec![2, 1, 1]));
        assert_eq!(sizes(6, &[1, 0x40, 2, 7, 7, 7]), Some(vec![2, 1]));
        assert_eq!(sizes(6, &[2, 0x81, 0xbd, 7, 7, 7]), None, "a negative size");
        assert_eq!(sizes(6, &[0, 0x82, 7, 7]), None, "a single frame");
    }
}
