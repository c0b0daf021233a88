//! Compares the times at which the frames of a source are shown with the times of its packets.
//!
//! The times of frames come from the decoder, which has to guess where a container states only decode times; those of
//! the packets come from the container. Sorted, both are the same.

/// Maximum number of times kept of each kind: five hours at 50 frames a second.
const MAX_TIMES: usize = 1_000_000;

/// The times of the packets and of the frames of a stream, in its time base.
#[derive(Clone, Debug, Default)]
pub(crate) struct ShownTimes {
    packets: Vec<i64>,
    frames: Vec<i64>,
    unusable: bool,
}

impl ShownTimes {
    /// Adds the time of a packet whose frame is shown; `None` where it has none.
    pub(crate) fn add_packet(&mut self, at: Option<i64>) {
        match at {
            Some(at) if self.packets.len() < MAX_TIMES => self.packets.push(at),
            _ => self.unusable = true,
        }
    }

    /// Adds the time of the next frame.
    pub(crate) fn add_frame(&mut self, at: i64) {
        if self.frames.len() < MAX_TIMES {
            self.frames.push(at);
        }
    }

    /// Stops comparing: the stream is played again with other times.
    pub(crate) fn stop(&mut self) {
        self.unusable = true;
    }

    /// Returns how many frames are shown at a time that differs by more than `tolerance` from that of their packet, and
    /// the time of the first.
    pub(crate) fn misplaced(&self, tolerance: i64) -> (u64, Option<i64>) {
        if self.unusable {
            return (0, None);
        }
        let mut packets = self.packets.clone();
        packets.sort_unstable();
        let wrong =
            |at: i64, packet: Option<&i64>| packet.is_none_or(|packet| (packet - at).abs() > tolerance);
        let mut misplaced = Vec::new();
        if packets.len() == self.frames.len() {
            let pairs = self.frames.iter().zip(&packets);
            misplaced.extend(pairs.filter(|(at, packet)| wrong(**at, Some(packet))).map(|(at, _)| *at));
        } else {
            // Packets may give no frame, or hold one field of it.
            let mut next = 0;
            for at in &self.frames {
                while packets.get(next).is_some_and(|packet| *packet < at - tolerance) {
                    next += 1;
                }
                if wrong(*at, packets.get(next)) {
                    misplaced.push(*at);
                } else {
                    next += 1;
                }
            }
        }
        (misplaced.len() as u64, misplaced.first().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn misplaced(packets: &[i64], frames: &[i64]) -> u64 {
        let mut times = ShownTimes::default();
        packets.iter().for_each(|at| times.add_packet(Some(*at)));
        frames.iter().for_each(|at| times.add_frame(*at));
        times.misplaced(1).0
    }

    #[test]
    fn frames_in_display_order_match_packets_in_decode_order() {
        assert_eq!(misplaced(&[0, 6, 2, 4, 8], &[0, 2, 4, 6, 8]), 0);
        assert_eq!(misplaced(&[0, 2, 4, 6, 8], &[0, 2, 6, 8]), 0, "a lost frame is not misplaced");
        assert_eq!(misplaced(&[0, 0, 2, 2, 4, 4], &[0, 2, 4]), 0, "two fields in each frame");
    }

    #[test]
    fn delayed_and_swapped_frames_are_misplaced() {
        assert_eq!(misplaced(&[0, 2, 4, 6, 8], &[4, 6, 8, 9, 10]), 5, "delayed by the decoder");
        assert_eq!(misplaced(&[0, 2, 4, 6, 8], &[0, 4, 2, 6, 8]), 2);
        assert_eq!(misplaced(&[0, 2, 4, 6], &[0, 2, 4, 6, 8]), 1, "a frame too many");
    }

    #[test]
    fn packets_without_times_are_not_compared() {
        let mut times = ShownTimes::default();
        times.add_packet(None);
        times.add_frame(5);
        assert_eq!(times.misplaced(1), (0, None));
    }
}
