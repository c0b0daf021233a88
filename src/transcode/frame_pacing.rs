//! Which frame is shown at which tick of a constant frame rate.
//!
//! The rule of FFmpeg's `fps` filter with `round=near`, in exact arithmetic: at tick n the last
//! frame is shown whose rounded time is not after n. Decided before filtering, so that frames
//! nobody sees cost no filtering and repeated ones only one.

use crate::model::Rational;

/// A still of more than this many seconds inside a video is a broken clock, not a still.
const MAX_HOLD_S: u64 = 900;

/// A time base as a pair, seconds per unit.
pub type TimeBase = (i32, i32);

/// Times that cannot be paced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the timestamps jump by more than {MAX_HOLD_S} seconds between two frames")]
pub struct TimestampJump;

/// Gives frames, in order of presentation, their number of ticks.
#[derive(Clone, Debug)]
pub struct Pace {
    rate: Rational,
    /// The first tick not yet given away.
    next: u64,
    /// The tick the held frame starts at, once there is one.
    held: Option<u64>,
    /// No tick at or after this one is given away.
    limit: Option<u64>,
}

impl Pace {
    /// A pace of `rate` frames a second, ending before `limit_s` where that is given.
    pub fn new(rate: Rational, limit_s: Option<f64>) -> Pace {
        let limit = limit_s.map(|s| ticks_of_seconds(s, rate).max(1));
        Pace { rate, next: 0, held: None, limit }
    }

    /// A frame shown from `time` (in `base`, zero is the start of the video) has arrived. Returns
    /// how many ticks its predecessor is shown.
    ///
    /// # Errors
    ///
    /// [`TimestampJump`] when the predecessor would be held for longer than any video does.
    pub fn arrive(&mut self, time: i64, base: TimeBase) -> Result<u64, TimestampJump> {
        let tick = ticks(time, base, self.rate);
        let ticks = if self.held.is_some() { self.take(tick)? } else { 0 };
        self.held = Some(tick.max(self.next));
        Ok(ticks)
    }

    /// No more frames: how many ticks the last one is shown, to `end_s` and at least one.
    ///
    /// # Errors
    ///
    /// As [`Pace::arrive`].
    pub fn finish(&mut self, end_s: f64) -> Result<u64, TimestampJump> {
        match self.held.take() {
            Some(_) => self.take(ticks_of_seconds(end_s, self.rate).max(self.next + 1)),
            None => Ok(0),
        }
    }

    /// Whether the limit has been reached.
    pub fn is_full(&self) -> bool {
        self.limit.is_some_and(|limit| self.next >= limit)
    }

    /// The number of ticks given away so far.
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

/// The tick nearest to `time`, never below zero; halves go up.
pub fn ticks(time: i64, base: TimeBase, rate: Rational) -> u64 {
    let num = i128::from(time) * i128::from(base.0) * i128::from(rate.num());
    let den = i128::from(base.1.max(1)) * i128::from(rate.den());
    u64::try_from((2 * num + den).div_euclid(2 * den).max(0)).unwrap_or(u64::MAX / 4)
}

/// How long the whole frames last, at least one, that come nearest to `seconds`.
pub fn whole_frames(seconds: f64, rate: Rational) -> f64 {
    ticks_of_seconds(seconds, rate).max(1) as f64 / rate.as_f64()
}

/// The number of whole frames nearest to `seconds`.
pub fn ticks_of_seconds(seconds: f64, rate: Rational) -> u64 {
    // A video rarely lasts exactly a multiple of a frame: tolerate the noise of a decimal fraction.
    (seconds * rate.as_f64()).round().max(0.0) as u64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn paced(rate: u32, times_ms: &[i64], end_s: f64, limit: Option<f64>) -> Vec<u64> {
        let mut pace = Pace::new(Rational::new(rate, 1).unwrap(), limit);
        let mut counts: Vec<u64> =
            times_ms.iter().map(|t| pace.arrive(*t, (1, 1000)).unwrap()).skip(1).collect();
        counts.push(pace.finish(end_s).unwrap());
        counts
    }

    #[test]
    fn an_even_clock_gives_every_frame_one_tick() {
        assert_eq!(paced(25, &[0, 40, 80, 120], 0.16, None), [1, 1, 1, 1]);
    }

    #[test]
    fn sixty_to_thirty_drops_every_other_frame() {
        assert_eq!(paced(30, &[0, 17, 33, 50, 67, 83], 0.1, None).iter().sum::<u64>(), 3);
    }

    #[test]
    fn holes_are_filled_by_holding_and_the_start_by_the_first_frame() {
        assert_eq!(paced(10, &[200, 300, 700], 0.8, None), [3, 4, 1]);
    }

    #[test]
    fn time_running_backwards_gives_no_tick_twice() {
        assert_eq!(paced(10, &[0, 300, 200, 400], 0.5, None), [3, 0, 1, 1]);
    }

    #[test]
    fn the_limit_cuts() {
        assert_eq!(paced(10, &[0, 100, 200, 300], 0.4, Some(0.2)), [1, 1, 0, 0]);
    }

    #[test]
    fn a_broken_clock_is_an_error() {
        let mut pace = Pace::new(Rational::new(30, 1).unwrap(), None);
        pace.arrive(0, (1, 1)).unwrap();
        assert_eq!(pace.arrive(100_000, (1, 1)), Err(TimestampJump));
    }
}
