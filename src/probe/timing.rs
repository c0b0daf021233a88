//! Derives the cadence from timestamps: constant or variable frame rate, modal interval, GOP length.

use std::collections::BTreeMap;

use crate::model::{FrameLoss, LossKind, Rational, Timing, VideoStream, common_frame_rates, set_loss};

/// The seconds in one tick of a stream's clock, as a ratio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeBase {
    pub(crate) num: i32,
    pub(crate) den: i32,
}

impl TimeBase {
    /// Converts ticks to seconds; `None` if the clock has no ticks.
    pub(crate) fn seconds(self, ticks: i64) -> Option<f64> {
        (self.den != 0)
            .then(|| ticks as f64 * f64::from(self.num) / f64::from(self.den))
            .filter(|seconds| seconds.is_finite())
    }
}

/// Distinct intervals counted; a video with more has a variable frame rate anyway.
const MAX_INTERVALS: usize = 4096;

/// Deviations from the modal interval up to this are rounding, in seconds: containers that count
/// milliseconds write 33, 33, 34.
const ROUNDING_S: f64 = 0.001;

/// Collects the timestamps of a stream, in increasing order.
#[derive(Default)]
pub(crate) struct Cadence {
    last: Option<i64>,
    first_interval: Option<i64>,
    /// The intervals, how often each occurs, and where it begins first.
    intervals: BTreeMap<i64, (u64, i64)>,
    duplicates: u32,
    frames: u64,
    frames_since_key: u64,
    keys: u64,
    longest_gop: u64,
}

impl Cadence {
    /// Adds the next frame.
    pub(crate) fn add(&mut self, timestamp: i64, key: bool) {
        self.frames += 1;
        if key {
            self.keys += 1;
            self.longest_gop = self.longest_gop.max(self.frames_since_key);
            self.frames_since_key = 0;
        }
        self.frames_since_key += 1;
        let Some(last) = self.last.replace(timestamp) else { return };
        let interval = timestamp.saturating_sub(last);
        if interval <= 0 {
            self.duplicates = self.duplicates.saturating_add(1);
            return;
        }
        self.first_interval.get_or_insert(interval);
        if self.intervals.len() < MAX_INTERVALS || self.intervals.contains_key(&interval) {
            self.intervals.entry(interval).or_insert((0, last)).0 += 1;
        }
    }

    /// Returns the most frequent interval; the longest in case of a tie.
    fn modal_interval(&self) -> Option<i64> {
        self.intervals
            .iter()
            .max_by_key(|&(interval, (count, _))| (*count, *interval))
            .map(|(interval, _)| *interval)
    }

    /// Writes the results to the facts.
    pub(crate) fn write_to(&self, base: TimeBase, video: &mut VideoStream) {
        if self.keys > 0 {
            video.max_gop_frames = Some(self.longest_gop.max(self.frames_since_key));
        }
        let Some(modal) = self.modal_interval() else { return };
        let unit = f64::from(base.num) / f64::from(base.den.max(1));
        let rounding = ((ROUNDING_S / unit).round() as i64).max(1);
        let constant = self.intervals.keys().all(|interval| (interval - modal).abs() <= rounding);
        video.variable_frame_rate = Some(!constant);
        let modal_rate =
            || Rational::positive(i64::from(base.den), i64::from(base.num).saturating_mul(modal));
        let declared = video.frame_rate.filter(|_| constant);
        video.modal_frame_rate = self.rounded_rate(modal, rounding, unit).or(declared).or_else(modal_rate);
        let seconds = |ticks: i64| ticks as f64 * unit;
        set_loss(&mut video.lost_frames, self.gaps(modal, rounding, unit));
        video.timing = Some(Timing {
            min_interval_s: self.intervals.keys().next().copied().map(seconds),
            max_interval_s: self.intervals.keys().next_back().copied().map(seconds),
            modal_interval_s: Some(seconds(modal)),
            first_interval_s: self.first_interval.map(seconds),
            duplicates: self.duplicates,
            negative_dts_s: None,
        });
    }
}

/// Ticks at least this long round the intervals of common rates, in seconds.
const COARSE_TICK_S: f64 = 0.0005;
/// Shorter videos do not show whether their rate is 29.97 or 30.
const MIN_MEASURED_S: f64 = 2.5;
/// A rate is a common one if it differs by at most this share; 29.97 and 30 differ by twice as much.
const RATE_TOLERANCE: f64 = 0.0005;

impl Cadence {
    /// Returns the common frame rate of timestamps that are rounded so much that no single interval shows it: the mean
    /// of all intervals that last one or several frames.
    fn rounded_rate(&self, modal: i64, rounding: i64, unit: f64) -> Option<Rational> {
        let (mut ticks, mut frames) = (0.0, 0.0);
        for (&interval, &(count, _)) in &self.intervals {
            let times = (interval + modal / 2) / modal;
            if times > 0 && (interval - times * modal).abs() <= rounding * times {
                ticks += interval as f64 * count as f64;
                frames += times as f64 * count as f64;
            }
        }
        if unit < COARSE_TICK_S || ticks * unit < MIN_MEASURED_S {
            return None;
        }
        let rate = frames / (ticks * unit);
        let share = |common: &Rational| (rate / common.as_f64() - 1.0).abs();
        common_frame_rates()
            .filter(|common| share(common) <= RATE_TOLERANCE)
            .min_by(|one, other| share(one).total_cmp(&share(other)))
    }
}

/// A video counts as one with a constant frame rate and gaps if it has at most one gap in this many frames.
const FRAMES_PER_GAP: u64 = 20;
/// The longest gap that may be lost frames, in seconds; screen recordings and slides hold frames for longer.
const MAX_GAP_S: f64 = 2.0;

impl Cadence {
    /// Returns the frames that are missing in a video with a constant frame rate: few intervals last several times as
    /// long as all others.
    fn gaps(&self, modal: i64, rounding: i64, unit: f64) -> FrameLoss {
        let mut loss = FrameLoss::new(LossKind::TimeGap, self.frames);
        let mut gaps: Vec<(i64, u64, i64)> = Vec::new();
        for (&interval, &(count, first)) in &self.intervals {
            let times = (interval + modal / 2) / modal;
            // The modal interval itself is rounded.
            let is_whole = (interval - times * modal).abs() <= rounding * (times + 1);
            if !is_whole || times == 0 || interval as f64 * unit > MAX_GAP_S {
                return loss;
            }
            if times > 1 {
                gaps.push((first, count, times - 1));
            }
        }
        let count: u64 = gaps.iter().map(|(_, count, _)| count).sum();
        if count.saturating_mul(FRAMES_PER_GAP) > self.frames {
            return loss;
        }
        gaps.sort_unstable();
        for (first, count, frames) in gaps {
            let at_s = (first + modal) as f64 * unit;
            loss.add(count.saturating_mul(frames.unsigned_abs()), Some(at_s));
        }
        loss.of = loss.of.saturating_add(loss.count);
        loss
    }
}

/// Writes cadence and GOP length, from presentation times and key flags in decode order: GOPs are counted
/// in decode order, intervals in presentation order. Sorts the timestamps.
pub(crate) fn write_timing(timestamps: &mut [(i64, bool)], base: TimeBase, video: &mut VideoStream) {
    let (mut longest, mut gop, mut any_key) = (0_u64, 0_u64, false);
    for (_, key) in &*timestamps {
        any_key |= *key;
        gop = if *key { 1 } else { gop + 1 };
        longest = longest.max(gop);
    }
    timestamps.sort_unstable();
    let mut cadence = Cadence::default();
    for (timestamp, key) in timestamps {
        cadence.add(*timestamp, *key);
    }
    cadence.write_to(base, video);
    video.max_gop_frames = any_key.then_some(longest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timed(base: i32, timestamps: &[i64]) -> VideoStream {
        let mut cadence = Cadence::default();
        for (number, timestamp) in timestamps.iter().enumerate() {
            cadence.add(*timestamp, number % 4 == 0);
        }
        let mut video = VideoStream::default();
        cadence.write_to(TimeBase { num: 1, den: base }, &mut video);
        video
    }

    #[test]
    fn millisecond_rounding_is_constant() {
        assert_eq!(timed(1000, &[0, 33, 67, 100, 133]).variable_frame_rate, Some(false));
    }

    #[test]
    fn rounded_timestamps_show_their_rate_as_a_whole() {
        let times = |rate: f64| (0..200).map(move |frame| (f64::from(frame) * 1000.0 / rate).round() as i64);
        let rate = |times: Vec<i64>| timed(1000, &times).modal_frame_rate;
        for (num, den) in [(30, 1), (30_000, 1001), (24_000, 1001), (60, 1)] {
            let common = Rational::new(num, den);
            let all: Vec<i64> = times(f64::from(num) / f64::from(den)).collect();
            assert_eq!(rate(all.clone()), common);
            let some = all.into_iter().enumerate().filter(|(number, _)| !matches!(number % 20, 5 | 6));
            assert_eq!(rate(some.map(|(_, time)| time).collect()), common, "with gaps");
        }
        assert_eq!(rate(times(30.0).take(30).collect()), Rational::new(1000, 33), "too short");
    }

    #[test]
    fn one_long_interval_is_variable() {
        let video = timed(90_000, &[0, 3000, 6000, 12_000, 15_000, 18_000]);
        assert_eq!(video.variable_frame_rate, Some(true));
        assert_eq!(video.modal_frame_rate, Rational::new(30, 1));
        assert_eq!(video.max_gop_frames, Some(4));
    }

    #[test]
    fn few_gaps_in_a_constant_rate_are_lost_frames() {
        let all: Vec<i64> = (0..100).map(|number| number * 3000).collect();
        let without = |lost: &[usize]| {
            let kept = all.iter().enumerate().filter(|(number, _)| !lost.contains(number));
            timed(90_000, &kept.map(|(_, time)| *time).collect::<Vec<_>>()).lost_frames
        };
        assert_eq!(without(&[]), []);
        let [loss] = &without(&[30, 31, 32, 60])[..] else { panic!("no loss") };
        assert_eq!((loss.kind, loss.count, &loss.at_s[..]), (LossKind::TimeGap, 4, &[1.0, 2.0][..]));
        assert_eq!(without(&(0..50).map(|number| number * 2 + 1).collect::<Vec<_>>()), []);
        // Many gaps are a rate that varies.
        assert_eq!(without(&[10, 20, 30, 40, 50, 60, 70]), []);
        // A time between two frames of the rate is no lost frame.
        let mut uneven = all.clone();
        uneven[50] += 1400;
        assert_eq!(timed(90_000, &uneven).lost_frames, []);
    }

    #[test]
    fn a_single_frame_has_no_rate() {
        let video = timed(25, &[0]);
        assert_eq!((video.variable_frame_rate, video.timing), (None, None));
    }
}
