//! Counts the frame rate of a stream by its decode times.

use std::collections::BTreeMap;

use ffmpeg_next::ffi;

use crate::model::{Rational, VideoStream};

/// Distinct intervals that are counted.
const MAX_INTERVALS: usize = 256;
/// Relative difference from which the counted rate replaces the declared one.
const TOLERANCE: f64 = 0.01;

/// The intervals between the decode times of a stream.
#[derive(Default)]
pub(super) struct DecodeRate {
    last: Option<i64>,
    intervals: BTreeMap<i64, u64>,
}

impl DecodeRate {
    /// Adds the decode time of the next packet.
    pub(super) fn add(&mut self, dts: i64) {
        let Some(last) = self.last.replace(dts) else { return };
        let interval = dts.saturating_sub(last);
        if self.intervals.len() < MAX_INTERVALS || self.intervals.contains_key(&interval) {
            *self.intervals.entry(interval).or_default() += 1;
        }
    }

    /// Returns the rate of the most frequent interval.
    fn rate(&self, base: ffi::AVRational) -> Option<Rational> {
        let positive = self.intervals.iter().filter(|(interval, _)| **interval > 0);
        let (&modal, _) = positive.max_by_key(|(interval, count)| (**count, **interval))?;
        Rational::positive(i64::from(base.den), i64::from(base.num).saturating_mul(modal))
    }

    /// Replaces a declared rate, and the number of frames that goes with it, unless the packets have it: H.264 in
    /// AVI often counts fields, and then the header declares twice as many frames as there are.
    pub(super) fn correct(&self, base: ffi::AVRational, packets: u64, video: &mut VideoStream) {
        let Some(counted) = self.rate(base) else { return };
        let is_right = |rate: Rational| (rate.as_f64() / counted.as_f64() - 1.0).abs() <= TOLERANCE;
        if video.frame_rate.is_none_or(|rate| !is_right(rate)) {
            video.frame_rate = Some(counted);
            video.frames = Some(packets);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_frames_instead_of_fields() {
        let mut rate = DecodeRate::default();
        [0, 2, 4, 6, 9, 11].into_iter().for_each(|dts| rate.add(dts));
        let base = ffi::AVRational { num: 1, den: 60 };
        let mut video =
            VideoStream { frame_rate: Rational::new(60, 1), frames: Some(12), ..VideoStream::default() };
        rate.correct(base, 6, &mut video);
        assert_eq!((video.frame_rate, video.frames), (Rational::new(30, 1), Some(6)));
    }
}
