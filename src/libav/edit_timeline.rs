//! Places the packets of a video whose edit list plays several parts of it.
//!
//! The media library repeats the packets of each part, but marks and times those at the ends of a part imprecisely:
//! with reordered frames it loses some or delays the next part. What a part shows follows from the composition times
//! of its samples.

use std::collections::HashMap;

/// A part of the media that is played, in units of the stream's time base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EditPart {
    /// Where it is played.
    pub(crate) at: i64,
    /// How long it is played.
    pub(crate) length: i64,
    /// The composition time from which the media is played; `None` for a pause, for which the library repeats other
    /// packets.
    pub(crate) media: Option<i64>,
}

/// Where a packet is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) pts: i64,
    /// Whether its frame is shown; others are only decoded.
    pub(crate) shown: bool,
    /// Whether it is the first packet of a part.
    pub(crate) begins: bool,
}

/// The parts of a video, and what the packets of the current one have in common.
#[derive(Clone, Debug)]
pub(crate) struct EditTimeline {
    parts: Vec<EditPart>,
    /// The number and the composition time of the sample at each position of the file.
    samples: HashMap<i64, (usize, i64)>,
    /// Differences below this are rounding of the movie's time scale.
    rounding: i64,
    /// The current part.
    current: Option<CurrentPart>,
}

/// What the packets of a part have in common.
#[derive(Clone, Copy, Debug)]
struct CurrentPart {
    index: usize,
    /// The difference between the library's times and composition times.
    offset: i64,
    /// Number of the last sample.
    sample: usize,
}

impl EditTimeline {
    /// Creates a timeline of these parts. `samples` has the number in decode order and the composition time of the
    /// sample at each position of the file.
    pub(crate) fn new(
        parts: Vec<EditPart>,
        samples: HashMap<i64, (usize, i64)>,
        rounding: i64,
    ) -> EditTimeline {
        EditTimeline { parts, samples, rounding, current: None }
    }

    /// Begins again at the first packet.
    pub(crate) fn restart(&mut self) {
        self.current = None;
    }

    /// Places the packet of the sample at this position, with the library's presentation time; `None` for a sample that
    /// is unknown.
    pub(crate) fn place(&mut self, position: i64, pts: i64, duration: i64) -> Option<Placed> {
        let (sample, composed) = *self.samples.get(&position)?;
        let offset = pts - composed;
        let continues = |current: &CurrentPart| {
            sample > current.sample && (current.offset - offset).abs() <= self.rounding
        };
        let (current, begins) = match self.current {
            None => (CurrentPart { index: 0, offset, sample }, false),
            Some(current) if continues(&current) => (CurrentPart { sample, ..current }, false),
            Some(current) => (CurrentPart { index: current.index + 1, offset, sample }, true),
        };
        self.current = Some(current);
        let index = current.index;
        // Packets beyond the last part are not shown.
        let part = self.parts.get(index).and_then(|part| Some((part, part.media?)));
        let Some((part, media)) = part else { return Some(Placed { pts, shown: false, begins }) };
        let from = composed - media;
        let shown = from + duration.max(1) > self.rounding.min(duration.max(1) - 1)
            && from < part.length - self.rounding;
        Some(Placed { pts: part.at + if shown { from.max(0) } else { from }, shown, begins })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the frames shown, with their times, of a video with frames of 10 units in this decode order.
    fn shown(parts: &[EditPart], packets: &[(i64, i64)]) -> Vec<(i64, i64)> {
        let order = |number: i64| packets.iter().position(|(packet, _)| *packet == number);
        let numbers = (0..100).filter_map(|number| Some((number, (order(number)?, number * 10))));
        let composition = numbers.collect();
        let mut timeline = EditTimeline::new(parts.to_vec(), composition, 1);
        let mut placed: Vec<(i64, i64)> = packets
            .iter()
            .filter_map(|(number, pts)| {
                let placed = timeline.place(*number, *pts, 10)?;
                placed.shown.then_some((placed.pts, *number))
            })
            .collect();
        placed.sort_unstable();
        placed
    }

    #[test]
    fn frames_are_shown_as_the_parts_say() {
        let parts = [
            EditPart { at: 0, length: 30, media: Some(50) },
            EditPart { at: 30, length: 20, media: Some(10) },
        ];
        // Decoded from frame 4 on; the library delays the second part by two frames.
        let first = [4, 7, 5, 6, 9, 8].map(|number| (number, number * 10 - 50));
        let second = [0, 3, 1, 2, 5, 4].map(|number| (number, number * 10 + 40));
        let packets = [&first[..], &second[..]].concat();
        assert_eq!(shown(&parts, &packets), [(0, 5), (10, 6), (20, 7), (30, 1), (40, 2)]);
    }

    #[test]
    fn a_part_that_begins_within_a_frame_shows_it() {
        let parts = [
            EditPart { at: 0, length: 20, media: Some(15) },
            EditPart { at: 20, length: 10, media: Some(40) },
        ];
        let packets = [(0, -15), (1, -5), (2, 5), (3, 15), (4, 27), (5, 37)];
        assert_eq!(shown(&parts, &packets), [(0, 1), (5, 2), (15, 3), (20, 4)]);
    }

    #[test]
    fn packets_for_a_pause_are_not_shown() {
        let pause = EditPart { at: 10, length: 20, media: None };
        let parts = [
            EditPart { at: 0, length: 10, media: Some(0) },
            pause,
            EditPart { at: 30, length: 10, media: Some(30) },
        ];
        let packets = [(0, 0), (1, 10), (0, 20), (1, 30), (3, 30)];
        assert_eq!(shown(&parts, &packets), [(0, 0), (30, 3)]);
    }

    #[test]
    fn a_part_may_be_played_again() {
        let part = |at| EditPart { at, length: 20, media: Some(0) };
        let packets = [(0, 0), (1, 10), (2, 20), (0, 20), (1, 30), (2, 40)];
        assert_eq!(shown(&[part(0), part(20)], &packets), [(0, 0), (10, 1), (20, 0), (30, 1)]);
    }
}
