//! Decides where a copied stream can be trimmed.
//!
//! Packets arrive in decode order, which differs from display order. A stream can be trimmed between two packets
//! if all frames before them are shown before all frames after them: then no kept frame lacks a reference, and
//! no frame is missing among the displayed ones.

use std::collections::VecDeque;

/// The display times of a packet, in the time base of the stream.
#[derive(Clone, Copy)]
struct DisplaySpan {
    from: i64,
    until: i64,
}

/// Releases packets as long as the stream can be trimmed after them without exceeding its limit.
pub(crate) struct PacketTrimmer {
    limit: i64,
    waiting: VecDeque<DisplaySpan>,
    finished: bool,
}

impl PacketTrimmer {
    /// Creates a trimmer after whose `limit` no frame may be shown.
    pub(crate) fn new(limit: i64) -> PacketTrimmer {
        PacketTrimmer { limit, waiting: VecDeque::new(), finished: false }
    }

    /// Adds the next packet in decode order. Returns how many of the oldest waiting packets are released.
    pub(crate) fn push(&mut self, from: i64, duration: i64, decoded: i64) -> usize {
        self.waiting.push_back(DisplaySpan { from, until: from.saturating_add(duration.max(0)) });
        // No frame is shown before it is decoded, so later packets are shown after `decoded`.
        let count = self.release(decoded);
        self.finished |= decoded >= self.limit;
        count
    }

    /// Ends the stream. Returns how many of the oldest waiting packets are released.
    pub(crate) fn finish(&mut self) -> usize {
        let count = self.release(i64::MAX);
        self.finished = true;
        count
    }

    /// Returns whether no further packet will be released.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    fn release(&mut self, until: i64) -> usize {
        if self.finished {
            return 0;
        }
        // The earliest display time of any packet after each index.
        let mut next_start = vec![until.saturating_add(1); self.waiting.len()];
        for index in (1..self.waiting.len()).rev() {
            next_start[index - 1] = next_start[index].min(self.waiting[index].from);
        }
        let (mut last, mut end, mut count) = (i64::MIN, i64::MIN, 0);
        for (index, span) in self.waiting.iter().enumerate() {
            (last, end) = (last.max(span.from), end.max(span.until));
            if end > self.limit {
                break;
            }
            if last < next_start[index] {
                count = index + 1;
            }
        }
        self.waiting.drain(..count);
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the display times of the released packets: frames of one unit, decoded `delay` units early.
    fn passed(order: &[i64], delay: i64, limit: i64) -> Vec<i64> {
        let mut trimmer = PacketTrimmer::new(limit);
        let (mut next, mut passed) = (0, Vec::new());
        for (index, from) in order.iter().enumerate() {
            let count = trimmer.push(*from, 1, index as i64 - delay);
            passed.extend(&order[next..next + count]);
            next += count;
        }
        let count = trimmer.finish();
        passed.extend(&order[next..next + count]);
        passed
    }

    #[test]
    fn frames_in_display_order_end_at_the_limit() {
        assert_eq!(passed(&[0, 1, 2, 3, 4, 5], 0, 4), [0, 1, 2, 3]);
        assert_eq!(passed(&[0, 1, 2], 0, 9), [0, 1, 2], "a shorter video is kept completely");
    }

    #[test]
    fn frames_are_kept_only_with_their_references() {
        // I P B B: the B-frames reference the P-frame, which is shown after the limit.
        let order = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8];
        assert_eq!(passed(&order, 1, 3), [0]);
        assert_eq!(passed(&order, 1, 4), [0, 3, 1, 2]);
        assert_eq!(passed(&order, 1, 6), [0, 3, 1, 2]);
        assert_eq!(passed(&order, 1, 100), order);
        // A B-frame pyramid.
        assert_eq!(passed(&[0, 4, 2, 1, 3, 8, 6, 5, 7], 2, 7), [0, 4, 2, 1, 3]);
    }

    #[test]
    fn handles_packets_without_a_duration() {
        let mut trimmer = PacketTrimmer::new(2);
        let passed: Vec<usize> = (0..4).map(|time| trimmer.push(time, 0, time)).collect();
        assert_eq!((passed, trimmer.finish(), trimmer.is_finished()), (vec![1, 1, 1, 0], 0, true));
    }
}
