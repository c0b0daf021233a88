//! Counts the frame rate of a stream by its decode times.

use std::collections::BTreeMap;

use super::timing::TimeBase;
use crate::model::{Rational, VideoStream};

/// Distinct intervals that are counted.
const MAX_INTERVALS: usize = 256;
/// Relative difference from which the counted rate replaces the declared one.
const TOLERANCE: f64 = 0.01;

/// The intervals between the decode times of a stream.
#[derive(Default)]
pub(crate) struct DecodeRate {
    last: Option<i64>,
    intervals: BTreeMap<i64, u64>,
}

impl DecodeRate {
    /// Adds the decode time of the next packet.
    pub(crate) fn add(&mut self, dts: i64) {
        let Some(last) = self.last.replace(dts) else { return };
        self.count(dts.saturating_sub(last));
    }

    /// Adds the duration of a packet of a container without timestamps.
    pub(crate) fn add_duration(&mut self, duration: i64) {
        self.count(duration);
    }

    fn count(&mut self, interval: i64) {
        if self.intervals.len() < MAX_INTERVALS || self.intervals.contains_key(&interval) {
            *self.intervals.entry(interval).or_default() += 1;
        }
    }

    /// Returns the rate of the most frequent interval.
    fn rate(&self, base: TimeBase) -> Option<Rational> {
        let positive = self.intervals.iter().filter(|(interval, _)| **interval > 0);
        let (&modal, _) = positive.max_by_key(|(interval, count)| (**count, **interval))?;
        Rational::positive(i64::from(base.den), i64::from(base.num).saturating_mul(modal))
    }

    /// Replaces a declared rate, and the number of frames that goes with it, unless the packets have it: H.264 in
    /// AVI often counts fields, and then the header declares twice as many frames as there are.
    pub(crate) fn correct(&self, base: TimeBase, packets: u64, video: &mut VideoStream) {
        let Some(counted) = self.rate(base) else { return };
        let is_right = |rate: Rational| (rate.as_f64() / counted.as_f64() - 1.0).abs() <= TOLERANCE;
        if video.frame_rate.is_none_or(|rate| !is_right(rate)) {
            video.frame_rate = Some(counted);
            video.frames = Some(packets);
        }
    }

    /// Replaces the rate of a stream without timestamps by that of its packets' durations, which come from the
    /// bitstream. From FFmpeg 6 on, the rate of such a stream is the demuxer's assumption of 25 frames per second.
    /// A packet may hold a field, so twice the rate is no contradiction.
    pub(crate) fn correct_untimed(&self, base: TimeBase, video: &mut VideoStream) {
        let (Some(counted), Some(declared)) = (self.rate(base), video.frame_rate) else { return };
        let ratio = counted.as_f64() / declared.as_f64();
        if [1.0, 2.0].iter().all(|expected| (ratio / expected - 1.0).abs() > TOLERANCE) {
            video.frame_rate = Some(counted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_replace_an_assumed_rate_but_not_for_fields() {
        let base = TimeBase { num: 1, den: 1_200_000 };
        let corrected = |declared: u32, duration: i64| {
            let mut rate = DecodeRate::default();
            (0..5).for_each(|_| rate.add_duration(duration));
            let mut video = VideoStream { frame_rate: Rational::new(declared, 1), ..VideoStream::default() };
            rate.correct_untimed(base, &mut video);
            video.frame_rate
        };
        assert_eq!(corrected(25, 40_000), Rational::new(30, 1));
        assert_eq!(corrected(25, 48_000), Rational::new(25, 1));
        assert_eq!(corrected(25, 24_000), Rational::new(25, 1), "fields");
    }

    #[test]
    fn counts_frames_instead_of_fields() {
        let mut rate = DecodeRate::default();
        [0, 2, 4, 6, 9, 11].into_iter().for_each(|dts| rate.add(dts));
        let base = TimeBase { num: 1, den: 60 };
        let mut video =
            VideoStream { frame_rate: Rational::new(60, 1), frames: Some(12), ..VideoStream::default() };
        rate.correct(base, 6, &mut video);
        assert_eq!((video.frame_rate, video.frames), (Rational::new(30, 1), Some(6)));
    }
}
