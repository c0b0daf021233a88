//! Where a copied stream may be cut.
//!
//! Packets come in the order of decoding, pictures are shown in another. A cut is clean where everything before
//! it is shown before everything behind it: nothing that is kept lacks what it leans on, and no picture is
//! missing among those that are shown.

use std::collections::VecDeque;

/// Times of a packet, in units of the stream.
#[derive(Clone, Copy)]
struct Shown {
    from: i64,
    until: i64,
}

/// Lets packets pass as long as the stream can be cut behind them before its limit.
pub(crate) struct Cut {
    limit: i64,
    waiting: VecDeque<Shown>,
    over: bool,
}

impl Cut {
    /// Nothing may be shown after `limit`.
    pub(crate) fn new(limit: i64) -> Cut {
        Cut { limit, waiting: VecDeque::new(), over: false }
    }

    /// The next packet, in the order of decoding. How many of those that wait, the first of them first, may pass.
    pub(crate) fn arrive(&mut self, from: i64, duration: i64, decoded: i64) -> usize {
        self.waiting.push_back(Shown { from, until: from.saturating_add(duration.max(0)) });
        // Nothing is shown before it is decoded, so that what is to come is shown later than this.
        let count = self.clean(decoded);
        self.over |= decoded >= self.limit;
        count
    }

    /// The stream has ended: how many of those that wait may pass.
    pub(crate) fn finish(&mut self) -> usize {
        let count = self.clean(i64::MAX);
        self.over = true;
        count
    }

    /// Whether nothing more will pass.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    fn clean(&mut self, until: i64) -> usize {
        if self.over {
            return 0;
        }
        // What is behind each place begins no earlier than this.
        let mut behind = vec![until.saturating_add(1); self.waiting.len()];
        for place in (1..self.waiting.len()).rev() {
            behind[place - 1] = behind[place].min(self.waiting[place].from);
        }
        let (mut last, mut end, mut count) = (i64::MIN, i64::MIN, 0);
        for (place, shown) in self.waiting.iter().enumerate() {
            (last, end) = (last.max(shown.from), end.max(shown.until));
            if end > self.limit {
                break;
            }
            if last < behind[place] {
                count = place + 1;
            }
        }
        self.waiting.drain(..count);
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first times shown of what passes, of frames of one unit decoded `delay` before they could be shown.
    fn passed(order: &[i64], delay: i64, limit: i64) -> Vec<i64> {
        let mut cut = Cut::new(limit);
        let (mut next, mut passed) = (0, Vec::new());
        for (place, from) in order.iter().enumerate() {
            let count = cut.arrive(*from, 1, place as i64 - delay);
            passed.extend(&order[next..next + count]);
            next += count;
        }
        let count = cut.finish();
        passed.extend(&order[next..next + count]);
        passed
    }

    #[test]
    fn frames_in_order_end_at_the_limit() {
        assert_eq!(passed(&[0, 1, 2, 3, 4, 5], 0, 4), [0, 1, 2, 3]);
        assert_eq!(passed(&[0, 1, 2], 0, 9), [0, 1, 2], "a video that is shorter stays whole");
    }

    #[test]
    fn no_picture_is_kept_without_those_around_it() {
        // I P B B, with the fourth shown after the limit: the B frames lean on it.
        let order = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8];
        assert_eq!(passed(&order, 1, 3), [0]);
        assert_eq!(passed(&order, 1, 4), [0, 3, 1, 2]);
        assert_eq!(passed(&order, 1, 6), [0, 3, 1, 2]);
        assert_eq!(passed(&order, 1, 100), order);
        // A pyramid.
        assert_eq!(passed(&[0, 4, 2, 1, 3, 8, 6, 5, 7], 2, 7), [0, 4, 2, 1, 3]);
    }

    #[test]
    fn a_packet_without_a_duration_still_has_a_place() {
        let mut cut = Cut::new(2);
        let passed: Vec<usize> = (0..4).map(|time| cut.arrive(time, 0, time)).collect();
        assert_eq!((passed, cut.finish(), cut.is_over()), (vec![1, 1, 1, 0], 0, true));
    }
}
