//! From time stamps to cadence: constant or variable, the usual interval, the length of groups.

use std::collections::BTreeMap;

use ffmpeg_next::ffi;

use crate::model::{Rational, Timing, VideoStream};

/// Different intervals counted one by one; a video with more is variable anyway.
const MAX_INTERVALS: usize = 4096;

/// Intervals closer than this to the usual one are rounding: containers that count milliseconds
/// write 33, 33, 34.
const ROUNDING_S: f64 = 0.001;

/// Collects stamps in increasing order.
#[derive(Default)]
pub(super) struct Cadence {
    last: Option<i64>,
    first_interval: Option<i64>,
    intervals: BTreeMap<i64, u64>,
    duplicates: u32,
    frames: u64,
    since_key: u64,
    keys: u64,
    longest_group: u64,
}

impl Cadence {
    /// Adds the next frame.
    pub(super) fn add(&mut self, stamp: i64, key: bool) {
        self.frames += 1;
        if key {
            self.keys += 1;
            self.longest_group = self.longest_group.max(self.since_key);
            self.since_key = 0;
        }
        self.since_key += 1;
        let Some(last) = self.last.replace(stamp) else { return };
        let interval = stamp.saturating_sub(last);
        if interval <= 0 {
            self.duplicates = self.duplicates.saturating_add(1);
            return;
        }
        self.first_interval.get_or_insert(interval);
        if self.intervals.len() < MAX_INTERVALS || self.intervals.contains_key(&interval) {
            *self.intervals.entry(interval).or_default() += 1;
        }
    }

    /// The interval that most frames have; among equals the longest.
    fn usual(&self) -> Option<i64> {
        self.intervals
            .iter()
            .max_by_key(|&(interval, count)| (*count, *interval))
            .map(|(interval, _)| *interval)
    }

    /// Writes what was learnt into the facts.
    pub(super) fn tell(&self, base: ffi::AVRational, video: &mut VideoStream) {
        if self.keys > 0 {
            video.max_gop_frames = Some(self.longest_group.max(self.since_key));
        }
        let Some(usual) = self.usual() else { return };
        let unit = f64::from(base.num) / f64::from(base.den.max(1));
        let rounding = ((ROUNDING_S / unit).round() as i64).max(1);
        let steady = self.intervals.keys().all(|interval| (interval - usual).abs() <= rounding);
        video.variable_frame_rate = Some(!steady);
        video.modal_frame_rate = if steady && video.frame_rate.is_some() {
            video.frame_rate
        } else {
            Rational::positive(i64::from(base.den), i64::from(base.num).saturating_mul(usual))
        };
        let at = |ticks: i64| ticks as f64 * unit;
        video.timing = Some(Timing {
            min_interval_s: self.intervals.keys().next().copied().map(at),
            max_interval_s: self.intervals.keys().next_back().copied().map(at),
            modal_interval_s: Some(at(usual)),
            first_interval_s: self.first_interval.map(at),
            duplicates: self.duplicates,
            negative_dts_s: None,
        });
    }
}

/// Writes what times and sync marks in decode order say: groups are counted in that order, intervals
/// in the order shown. Sorts the stamps.
pub(super) fn tell_stamps(stamps: &mut [(i64, bool)], base: ffi::AVRational, video: &mut VideoStream) {
    let (mut longest, mut run, mut any_key) = (0_u64, 0_u64, false);
    for (_, key) in &*stamps {
        any_key |= *key;
        run = if *key { 1 } else { run + 1 };
        longest = longest.max(run);
    }
    stamps.sort_unstable();
    let mut cadence = Cadence::default();
    for (stamp, key) in stamps {
        cadence.add(*stamp, *key);
    }
    cadence.tell(base, video);
    video.max_gop_frames = any_key.then_some(longest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(base: i32, stamps: &[i64]) -> VideoStream {
        let mut cadence = Cadence::default();
        for (number, stamp) in stamps.iter().enumerate() {
            cadence.add(*stamp, number % 4 == 0);
        }
        let mut video = VideoStream::default();
        cadence.tell(ffi::AVRational { num: 1, den: base }, &mut video);
        video
    }

    #[test]
    fn milliseconds_are_rounding_not_variable() {
        assert_eq!(told(1000, &[0, 33, 67, 100, 133]).variable_frame_rate, Some(false));
    }

    #[test]
    fn one_long_frame_is_variable() {
        let video = told(90_000, &[0, 3000, 6000, 12_000, 15_000, 18_000]);
        assert_eq!(video.variable_frame_rate, Some(true));
        assert_eq!(video.modal_frame_rate, Rational::new(30, 1));
        assert_eq!(video.max_gop_frames, Some(4));
    }

    #[test]
    fn a_single_frame_tells_no_rate() {
        let video = told(25, &[0]);
        assert_eq!((video.variable_frame_rate, video.timing), (None, None));
    }
}
