//! Decides which frame is shown at which tick of a constant frame rate.
//!
//! Follows FFmpeg's `fps` filter with `round=near` in exact arithmetic: tick n shows the last frame
//! whose rounded time is not after n. Unlike it, a single short interval, as where recordings are joined, loses no
//! frame: the frames after it are shown late, by less than a tick, until a longer interval. Pacing runs before
//! filtering, so that dropped frames are not filtered and repeated frames are filtered once.

use crate::model::Rational;

/// Maximum seconds between two frames; a longer distance is a timestamp error.
const MAX_HOLD_S: u64 = 900;

/// An interval of at least this share of a tick is regular: frames at such intervals all get a tick.
const REGULAR: (i128, i128) = (98, 100);

/// A time base in seconds per unit, as numerator and denominator.
pub type TimeBase = (i32, i32);

/// A jump in the timestamps that is too large to pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the timestamps of two successive video frames are more than {MAX_HOLD_S} s apart")]
pub struct TimestampJump;

/// Assigns a number of ticks to each frame, in presentation order.
#[derive(Clone, Debug)]
pub struct FramePacer {
    rate: Rational,
    /// The first tick not yet assigned.
    next: u64,
    /// The tick at which the held frame starts, if a frame is held.
    held: Option<u64>,
    /// Ticks at or after this one are not assigned.
    limit: Option<u64>,
    /// The time of the last frame, and whether the interval before it was regular.
    last: Option<(i64, bool)>,
}

impl FramePacer {
    /// Creates a pacer for `rate` frames a second that ends before `limit_s`, if given.
    pub fn new(rate: Rational, limit_s: Option<f64>) -> FramePacer {
        let limit = limit_s.map(|s| ticks_of_seconds(s, rate).max(1));
        FramePacer { rate, next: 0, held: None, limit, last: None }
    }

    /// Adds a frame shown from `time` (in `base`, zero is the start of the video). Returns for how many
    /// ticks the previous frame is shown.
    ///
    /// # Errors
    ///
    /// [`TimestampJump`] when the previous frame would be shown for too long.
    pub fn push(&mut self, time: i64, base: TimeBase) -> Result<u64, TimestampJump> {
        let mut tick = ticks(time, base, self.rate);
        if self.held.is_some() && tick <= self.next && self.keeps_previous(time, base) {
            tick = self.next + 1;
        }
        self.last = Some((time, self.is_regular(time, base)));
        let ticks = if self.held.is_some() { self.take(tick)? } else { 0 };
        self.held = Some(tick.max(self.next));
        Ok(ticks)
    }

    /// Returns whether the previous frame is shown although the next one is nearest to the same tick.
    fn keeps_previous(&self, time: i64, base: TimeBase) -> bool {
        let (num, den) = fraction(time, base, self.rate);
        // Otherwise the next frame would be a whole tick late.
        let is_later = num > i128::from(self.next) * den;
        is_later && (self.last.is_some_and(|(_, regular)| regular) || self.is_regular(time, base))
    }

    /// Returns whether a frame at `time` is about a tick or more after the last one.
    fn is_regular(&self, time: i64, base: TimeBase) -> bool {
        self.last.is_some_and(|(last, _)| {
            let (num, den) = fraction(time.saturating_sub(last), base, self.rate);
            num * REGULAR.1 >= den * REGULAR.0
        })
    }

    /// Ends the video at `end_s`. Returns for how many ticks the last frame is shown, at least one.
    ///
    /// # Errors
    ///
    /// As [`FramePacer::push`].
    pub fn finish(&mut self, end_s: f64) -> Result<u64, TimestampJump> {
        match self.held.take() {
            Some(_) => self.take(ticks_of_seconds(end_s, self.rate).max(self.next + 1)),
            None => Ok(0),
        }
    }

    /// Returns whether the limit has been reached.
    pub fn reached_limit(&self) -> bool {
        self.limit.is_some_and(|limit| self.next >= limit)
    }

    /// Returns the number of ticks assigned so far.
    pub fn total(&self) -> u64 {
        self.next
    }

    fn take(&mut self, until: u64) -> Result<u64, TimestampJump> {
        let until = self.limit.map_or(until, |limit| until.min(limit));
        let count = until.saturating_sub(self.next);
        if count > MAX_HOLD_S.saturating_mul(self.rate.as_f64().ceil() as u64) {
            return Err(TimestampJump);
        }
        self.next += count;
        Ok(count)
    }
}

/// Returns the tick nearest to `time`, at least zero; halves round up.
pub fn ticks(time: i64, base: TimeBase, rate: Rational) -> u64 {
    let (num, den) = fraction(time, base, rate);
    u64::try_from((2 * num + den).div_euclid(2 * den).max(0)).unwrap_or(u64::MAX / 4)
}

/// Returns `time` in ticks, as numerator and positive denominator.
fn fraction(time: i64, base: TimeBase, rate: Rational) -> (i128, i128) {
    let num = i128::from(time) * i128::from(base.0) * i128::from(rate.num());
    (num, i128::from(base.1.max(1)) * i128::from(rate.den()))
}

/// Rounds `seconds` to a whole number of frames, at least one.
pub fn whole_frames(seconds: f64, rate: Rational) -> f64 {
    ticks_of_seconds(seconds, rate).max(1) as f64 / rate.as_f64()
}

/// Returns the number of whole frames nearest to `seconds`.
pub fn ticks_of_seconds(seconds: f64, rate: Rational) -> u64 {
    // Durations are decimal fractions and rarely an exact multiple of a frame.
    (seconds * rate.as_f64()).round().max(0.0) as u64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn tick_counts(rate: u32, times_ms: &[i64], end_s: f64, limit: Option<f64>) -> Vec<u64> {
        let mut pacer = FramePacer::new(Rational::new(rate, 1).unwrap(), limit);
        let mut counts: Vec<u64> =
            times_ms.iter().map(|t| pacer.push(*t, (1, 1000)).unwrap()).skip(1).collect();
        counts.push(pacer.finish(end_s).unwrap());
        counts
    }

    #[test]
    fn a_short_interval_between_regular_ones_loses_no_frame() {
        // 25 frames a second with 14 ms at the joint, then a gap that makes up for the delay.
        let times = [0, 40, 80, 94, 134, 174, 240, 280];
        assert_eq!(tick_counts(25, &times, 0.32, None), [1; 8]);
        // Twice the rate: every second frame has no tick of its own.
        assert_eq!(tick_counts(25, &[0, 20, 40, 60, 80, 100], 0.12, None), [1, 0, 1, 0, 1, 1]);
        // Duplicate times do not add up to a delay of a tick.
        assert_eq!(tick_counts(25, &[0, 40, 80, 80, 120], 0.16, None), [1, 1, 0, 1, 1]);
    }

    #[test]
    fn evenly_spaced_frames_get_one_tick_each() {
        assert_eq!(tick_counts(25, &[0, 40, 80, 120], 0.16, None), [1, 1, 1, 1]);
    }

    #[test]
    fn sixty_to_thirty_drops_every_other_frame() {
        assert_eq!(tick_counts(30, &[0, 17, 33, 50, 67, 83], 0.1, None).iter().sum::<u64>(), 3);
    }

    #[test]
    fn gaps_repeat_the_previous_frame_and_the_start_repeats_the_first() {
        assert_eq!(tick_counts(10, &[200, 300, 700], 0.8, None), [3, 4, 1]);
    }

    #[test]
    fn backward_timestamps_do_not_repeat_ticks() {
        assert_eq!(tick_counts(10, &[0, 300, 200, 400], 0.5, None), [3, 0, 1, 1]);
    }

    #[test]
    fn frames_after_the_limit_get_no_ticks() {
        assert_eq!(tick_counts(10, &[0, 100, 200, 300], 0.4, Some(0.2)), [1, 1, 0, 0]);
    }

    #[test]
    fn a_timestamp_jump_is_an_error() {
        let mut pacer = FramePacer::new(Rational::new(30, 1).unwrap(), None);
        pacer.push(0, (1, 1)).unwrap();
        assert_eq!(pacer.push(100_000, (1, 1)), Err(TimestampJump));
    }
}
