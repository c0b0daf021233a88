//! Presentation times of frames whose container stores only decode times, such as AVI.

use std::collections::VecDeque;

/// Gives the frames of a stream, in presentation order, the decode times of its packets, in their order.
///
/// Each packet holds one frame. The time of a packet that gave no frame is skipped once more packets wait than the
/// decoder delays.
#[derive(Clone, Debug, Default)]
pub(crate) struct DisplayTimes {
    waiting: VecDeque<i64>,
    last: Option<i64>,
    step: Option<i64>,
}

impl DisplayTimes {
    /// Adds the decode time of the next packet.
    pub(crate) fn push(&mut self, dts: i64) {
        let step = self.last.map(|last| dts.saturating_sub(last)).filter(|step| *step > 0);
        // A gap is not the distance of frames.
        self.step = [self.step, step].into_iter().flatten().min();
        self.last = Some(dts);
        self.waiting.push_back(dts);
    }

    /// Takes the time of the next frame, and the distance between frames if it is known.
    pub(crate) fn take(&mut self) -> Option<(i64, Option<i64>)> {
        Some((self.waiting.pop_front()?, self.step))
    }

    /// Skips the times of packets beyond those that the decoder still holds.
    pub(crate) fn keep(&mut self, held: usize) {
        while self.waiting.len() > held {
            self.waiting.pop_front();
        }
    }

    /// Forgets the packets, for a seek.
    pub(crate) fn clear(&mut self) {
        (self.waiting, self.last) = (VecDeque::new(), None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the times of the frames of a decoder that delays by `delay` packets and loses those numbered `lost`.
    fn times(packets: &[i64], delay: usize, lost: &[usize]) -> Vec<i64> {
        let (mut times, mut shown, mut held) = (DisplayTimes::default(), Vec::new(), 0);
        for (number, dts) in packets.iter().enumerate() {
            times.push(*dts);
            held += usize::from(!lost.contains(&number));
            if held > delay {
                held -= 1;
                shown.extend(times.take().map(|(at, _)| at));
            }
            times.keep(delay);
        }
        shown.extend(std::iter::from_fn(|| times.take()).take(held).map(|(at, _)| at));
        shown
    }

    #[test]
    fn every_frame_gets_the_time_of_one_packet() {
        let packets: Vec<i64> = (0..10).map(|number| number * 2).collect();
        for delay in [0, 1, 2, 4] {
            assert_eq!(times(&packets, delay, &[]), packets, "delay {delay}");
        }
    }

    #[test]
    fn frames_after_lost_ones_keep_their_times() {
        let packets: Vec<i64> = (0..10).collect();
        assert_eq!(times(&packets, 2, &[1, 2]), [2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(times(&packets, 0, &[4]), [0, 1, 2, 3, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn knows_the_distance_of_frames_despite_gaps() {
        let mut times = DisplayTimes::default();
        [0, 2, 4, 10, 12].into_iter().for_each(|dts| times.push(dts));
        assert_eq!(times.take(), Some((0, Some(2))));
    }
}
