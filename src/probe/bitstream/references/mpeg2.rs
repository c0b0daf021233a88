//! The temporal references of MPEG-1 and MPEG-2 video (ISO/IEC 13818-2, 6.3.9): they count the frames of a group of
//! pictures in display order, so that a missing I or P frame leaves a hole.

use super::display_order::{DisplayOrder, Numbered};
use super::sample_info::SampleInfo;

/// Temporal references have ten bits.
const MODULUS: u32 = 1 << 10;
/// A hole of more frames is a counter that the encoder does not keep.
const MAX_HOLE: u32 = 64;
/// I and P frames whose counters must be right before a hole counts: some encoders do not keep them at all.
const MIN_REGULAR: u32 = 3;
/// Units read per packet before its first picture.
const MAX_UNITS: usize = 16;

/// Follows the temporal references of a stream.
#[derive(Default)]
pub(super) struct TemporalReferences {
    /// That of the latest I or P frame of the group.
    anchor: Option<u32>,
    /// Number of frames that should follow, because they are shown before the latest I or P frame.
    expected: u32,
    /// How many of them did.
    seen: u32,
    /// The most frames that followed one as expected.
    widest: u32,
    /// Number of I and P frames that followed as expected.
    regular: u32,
}

impl TemporalReferences {
    pub(super) fn restart(&mut self) {
        (self.anchor, self.expected, self.seen) = (None, 0, 0);
    }

    pub(super) fn add(&mut self, sample: &[u8], info: SampleInfo, order: &mut DisplayOrder) -> u64 {
        let Some((begins_group, number, kind)) = picture(sample) else {
            order.end_sequence();
            return 0;
        };
        if begins_group {
            order.end_sequence();
        }
        let numbered = Numbered {
            order: number,
            modulus: MODULUS,
            disposable: kind == 3,
            begins: kind == 1 || begins_group,
        };
        order.add(info.time, numbered);
        let mut missing = 0;
        if begins_group || matches!(kind, 1 | 2) && self.anchor != Some(number) {
            missing += self.close();
        }
        if begins_group {
            self.restart();
        }
        match (kind, self.anchor) {
            (1, None) => self.anchor = Some(number),
            // The same number is the second field.
            (1 | 2, Some(previous)) if previous != number => {
                let between = (number + MODULUS - previous - 1) % MODULUS;
                // Without its group header, the next group counts backwards.
                if between >= MAX_HOLE {
                    missing += u64::from(number < previous && self.regular >= MIN_REGULAR);
                    self.regular = 0;
                }
                self.expected = if between < MAX_HOLE { between } else { 0 };
                self.anchor = Some(number);
            }
            // A frame between two others is shown before the later one, which comes first.
            (3, Some(anchor)) if number > anchor && number - anchor < MAX_HOLE => {
                missing += u64::from(self.regular >= MIN_REGULAR);
                // The missing frame is at the usual distance.
                self.anchor = Some((anchor + self.widest + 1).max(number + 1));
                (self.expected, self.seen) = (0, 0);
            }
            (3, Some(_)) => self.seen += 1,
            _ => {}
        }
        missing
    }

    /// Ends the frames that are shown before the latest I or P frame. Returns how many I or P frames are missing there:
    /// all if nothing followed, else one for each span that is longer than any before.
    fn close(&mut self) -> u64 {
        let (expected, seen) = (std::mem::take(&mut self.expected), std::mem::take(&mut self.seen));
        if self.anchor.is_none() {
            return 0;
        }
        if expected == 0 || seen >= expected {
            self.regular += 1;
            self.widest = self.widest.max(expected);
            return 0;
        }
        if self.regular < MIN_REGULAR {
            self.regular = 0;
            return 0;
        }
        match seen {
            0 => u64::from(expected),
            seen if expected > self.widest => u64::from((expected - seen).div_ceil(self.widest + 1)),
            _ => 0,
        }
    }
}

/// Returns whether a packet begins a group of pictures, and the temporal reference and the type of its first picture.
fn picture(sample: &[u8]) -> Option<(bool, u32, u8)> {
    let (mut rest, mut begins_group) = (sample, false);
    for _ in 0..MAX_UNITS {
        let start = rest.windows(3).position(|code| code == [0, 0, 1])?;
        rest = rest.get(start + 3..)?;
        match *rest {
            [0, high, low, ..] => {
                return Some((begins_group, u32::from(high) << 2 | u32::from(low) >> 6, low >> 3 & 7));
            }
            [0xb8, ..] => begins_group = true,
            [] => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(begins_group: bool, number: u32, kind: u8) -> Vec<u8> {
        let group: &[u8] = if begins_group { &[0, 0, 1, 0xb3, 1, 2, 0, 0, 1, 0xb8, 0, 8] } else { &[] };
        [group, &[0, 0, 1, 0, (number >> 2) as u8, (number << 6) as u8 | kind << 3, 0]].concat()
    }

    fn missing(frames: &[(bool, u32, u8)]) -> Vec<u64> {
        let mut references = TemporalReferences::default();
        frames
            .iter()
            .map(|&(group, number, kind)| {
                references.add(
                    &packet(group, number, kind),
                    SampleInfo::default(),
                    &mut DisplayOrder::default(),
                )
            })
            .collect()
    }

    /// Two groups of I and P frames only.
    fn plain() -> Vec<(bool, u32, u8)> {
        (0..24).map(|n| (n % 12 == 0, n % 12, if n % 12 == 0 { 1 } else { 2 })).collect()
    }

    /// Two open groups with two frames between the others.
    fn reordered() -> Vec<(bool, u32, u8)> {
        let group = [(true, 2, 1), (false, 0, 3), (false, 1, 3)];
        let rest =
            [5_u32, 8, 11].into_iter().flat_map(|n| [(false, n, 2), (false, n - 2, 3), (false, n - 1, 3)]);
        let group: Vec<_> = group.into_iter().chain(rest).collect();
        [group.clone(), group].concat()
    }

    #[test]
    fn complete_groups_miss_nothing() {
        assert_eq!(missing(&plain()).iter().sum::<u64>(), 0);
        assert_eq!(missing(&reordered()).iter().sum::<u64>(), 0);
        // An encoder that does not count.
        assert_eq!(missing(&[(false, 7, 2); 20]).iter().sum::<u64>(), 0);
    }

    #[test]
    fn a_missing_frame_leaves_a_hole() {
        let without = |mut frames: Vec<(bool, u32, u8)>, at: usize| {
            frames.remove(at);
            missing(&frames)
        };
        assert_eq!(without(plain(), 6)[7], 1);
        assert_eq!(without(plain(), 12)[12], 1, "a whole group header");
        // The frames between arrive after the one that they are shown before.
        let lost = without(reordered(), 15);
        assert_eq!((lost[15], lost.iter().sum::<u64>()), (1, 1));
        let two_lost = [reordered(), vec![(true, 2, 1)]].concat().into_iter().enumerate();
        let lost = missing(
            &two_lost.filter(|(at, _)| !(14..21).contains(at)).map(|(_, one)| one).collect::<Vec<_>>(),
        );
        assert_eq!(lost.iter().sum::<u64>(), 2, "{lost:?}");
        // Frames that no other needs are not missed.
        assert_eq!(without(reordered(), 4).iter().sum::<u64>(), 0);
    }
}
