//! Estimates the frame rate of video without a declared frame duration, from the times of its first frames.
//!
//! The media library compares the times with the grids of usual frame rates. The result depends on how many frames it
//! analyses, so this module follows it step by step.

use super::super::effort::{ANALYSED_BYTES, ANALYSED_S};
use super::tracks::nearest_ratio;
use crate::model::Rational;
use crate::probe::timing::TimeBase;

/// Rates that the library compares: multiples of 1/12 frame per second up to 30, whole numbers up to 60, and others.
const RATES: usize = 30 * 12 + 30 + 3 + 6;
/// The denominator of the rates.
const RATE_UNIT: i64 = 12 * 1001;
/// Frames analysed; twice as many with a coarse clock.
const ANALYSED_FRAMES: i64 = 20;
/// The tick of a coarse clock, in seconds.
const COARSE_TICK_S: f64 = 0.0005;
/// The largest numerator or denominator of a rate from durations.
const MAX_RATE: u64 = 60_000;

/// Returns a rate that the library compares, in units of [`RATE_UNIT`].
fn rate(number: usize) -> i64 {
    const ABOVE: [i64; 3] = [80, 120, 240];
    const WHOLE: [i64; 6] = [24, 30, 60, 12, 15, 48];
    let at = number as i64;
    match number {
        0..360 => (at + 1) * 1001,
        360..390 => (at - 360 + 31) * RATE_UNIT,
        390..393 => ABOVE[number - 390] * RATE_UNIT,
        _ => WHOLE[number.saturating_sub(393).min(5)] * 12_000,
    }
}

/// The analysis of the first packets of a file.
pub(super) struct Analysis {
    base: TimeBase,
    streams: Vec<Stream>,
    bytes: u64,
    done: bool,
}

/// What is analysed of a stream.
#[derive(Default)]
struct Stream {
    /// Whether its frame rate is unknown.
    is_wanted: bool,
    /// Whether its first packet is needed.
    is_media: bool,
    /// Whether no frame can be decoded, so that the library looks for one.
    is_undecodable: bool,
    packets: u64,
    /// The duration of the packets from the third on, in ticks, and their number.
    duration: i64,
    durations: u64,
    times: Times,
    /// First and last time since the times last failed to increase or jumped, and the packets from one to the other.
    span: Option<(i64, i64, i64)>,
    declared_rate: Option<Rational>,
}

/// The times of the frames of a video.
#[derive(Default)]
struct Times {
    last: Option<i64>,
    count: i64,
    sum: i64,
    divisor: i64,
    /// By rate, sums of the distances and of their squares, to the grid and to the one shifted by half an interval.
    errors: Vec<[[f64; 2]; 2]>,
}

/// A packet as the analysis sees it.
pub(super) struct Seen {
    /// The time of decoding if it is known.
    pub(super) time: Option<i64>,
    pub(super) duration: i64,
    pub(super) bytes: u64,
}

impl Analysis {
    /// Creates the analysis of a file with this clock.
    pub(super) fn new(base: TimeBase) -> Analysis {
        Analysis { base, streams: Vec::new(), bytes: 0, done: false }
    }

    /// Adds a stream: `None` if its kind needs no packets, else the declared frame rate; and whether its rate is wanted.
    pub(super) fn add_stream(&mut self, media: Option<Option<Rational>>, is_wanted: bool) {
        let declared_rate = media.flatten();
        self.streams.push(Stream {
            is_media: media.is_some(),
            is_wanted,
            declared_rate,
            ..Stream::default()
        });
    }

    /// Notes that no frame of a stream can be decoded.
    pub(super) fn set_undecodable(&mut self, position: usize) {
        self.streams.iter_mut().skip(position).take(1).for_each(|stream| stream.is_undecodable = true);
    }

    /// Returns whether no frame of a stream can be decoded.
    pub(super) fn is_undecodable(&self, position: usize) -> bool {
        self.streams.get(position).is_some_and(|stream| stream.is_undecodable)
    }

    /// Returns whether the frame rate of a stream is wanted.
    pub(super) fn is_wanted(&self) -> bool {
        self.streams.iter().any(|stream| stream.is_wanted)
    }

    /// Returns whether `all` packets of a file, or the first, settle its rates. A coarser clock than one of milliseconds
    /// has rules of its own.
    pub(super) fn is_settled(&self, all: bool) -> bool {
        !self.is_wanted() || all && seconds(self.base) <= 0.001
    }

    fn is_done(&self) -> bool {
        self.done || !self.is_wanted()
    }

    /// Adds the next packet, of the stream with this position.
    pub(super) fn add(&mut self, position: usize, seen: &Seen) {
        let frames = if seconds(self.base) > COARSE_TICK_S { 2 * ANALYSED_FRAMES } else { ANALYSED_FRAMES };
        let is_ready = |stream: &Stream| {
            let is_analysed = !stream.is_wanted || stream.times.count >= frames;
            is_analysed && !stream.is_undecodable && (!stream.is_media || stream.packets > 0)
        };
        self.done |= self.streams.iter().all(is_ready) || self.bytes >= ANALYSED_BYTES;
        if self.is_done() {
            return;
        }
        self.bytes += seen.bytes;
        let Some(stream) = self.streams.get_mut(position) else { return };
        if stream.packets > 1 {
            seen.time.into_iter().for_each(|time| stream.add_span(time));
            if stream.analysed_s(self.base) >= ANALYSED_S {
                self.done = true;
                return;
            }
            if seen.duration > 0 {
                stream.duration = stream.duration.saturating_add(seen.duration);
                stream.durations += 1;
            }
        }
        if stream.is_wanted {
            seen.time.into_iter().for_each(|time| stream.times.add(time, self.base));
        }
        stream.packets += 1;
    }

    /// Returns the average frame rate of a stream.
    pub(super) fn rate(&self, position: usize) -> Option<Rational> {
        let stream = self.streams.get(position)?;
        let times = &stream.times;
        let is_near = |rate: &Rational| {
            let interval = 1.0 / (rate.as_f64() * seconds(self.base));
            (interval - times.sum as f64 / times.count as f64).abs() <= 1.0
        };
        match stream.duration {
            ..=0 => times.rate(stream.duration, self.base).filter(|rate| times.count > 2 && is_near(rate)),
            duration => average(stream.durations, duration, self.base),
        }
    }

    /// Returns how many ticks a frame lasts after the analysis, without a duration of its own; zero before its end.
    pub(super) fn frame_ticks(&self, position: usize) -> i64 {
        let Some(stream) = self.streams.get(position).filter(|stream| self.done && stream.is_wanted) else {
            return 0;
        };
        match stream.times.rate(stream.duration, self.base) {
            Some(rate) => (1.0 / (rate.as_f64() * seconds(self.base)) + 1e-9) as i64,
            // Without a better rate, the library takes a frame per tick.
            None => 1,
        }
    }
}

/// Returns the rate of this many packets that last this many ticks together, rounded to a usual one.
pub(super) fn average(packets: u64, duration: i64, base: TimeBase) -> Option<Rational> {
    let ticks = u64::try_from(duration).ok()?.checked_mul(2 * u64::try_from(base.num).ok()?)?;
    let (num, den) =
        nearest_ratio((2 * packets).checked_mul(u64::try_from(base.den).ok()?)?, ticks, MAX_RATE)?;
    let measured = num as f64 / den as f64;
    let mut best = (0.01, None);
    for rate in (0..RATES).map(rate) {
        let error = (measured / (rate as f64 / RATE_UNIT as f64) - 1.0).abs();
        if error < best.0 {
            best = (error, Some(rate));
        }
    }
    match best.1 {
        Some(rate) => Rational::positive(rate, RATE_UNIT),
        None => Rational::positive(i64::try_from(num).ok()?, i64::try_from(den).ok()?),
    }
}

fn seconds(base: TimeBase) -> f64 {
    f64::from(base.num) / f64::from(base.den)
}

impl Stream {
    fn add_span(&mut self, time: i64) {
        let jumps = |first: i64, last: i64, packets: i64| {
            packets > 0 && (time - last) / 1000 > (last - first) / packets
        };
        self.span = match self.span {
            Some((first, last, packets)) if last < time && !jumps(first, last, packets) => {
                Some((first, time, packets + 1))
            }
            _ => Some((time, time, 0)),
        };
    }

    /// Returns how many seconds of the stream are analysed.
    fn analysed_s(&self, base: TimeBase) -> f64 {
        let microseconds = |ticks: i64| (ticks as f64 * seconds(base) * 1e6).round() / 1e6;
        let counted = self.declared_rate.map_or(0.0, |rate| self.packets as f64 / rate.as_f64());
        let analysed = microseconds(self.duration).max(counted);
        match self.span {
            Some((first, last, _)) if analysed == 0.0 && self.packets > 30 => microseconds(last - first),
            _ => analysed,
        }
    }
}

impl Times {
    fn add(&mut self, time: i64, base: TimeBase) {
        let Some(last) = self.last.replace(time).filter(|last| *last < time) else { return };
        self.errors.resize(RATES, [[0.0; 2]; 2]);
        let at_s = time as f64 * seconds(base);
        for (number, errors) in self.errors.iter_mut().enumerate() {
            if errors[0][1] >= 1e10 {
                continue;
            }
            let ticks = at_s * rate(number) as f64 / RATE_UNIT as f64;
            for (half, sums) in errors.iter_mut().enumerate() {
                let shift = half as f64 * 0.5;
                let error = ticks - (ticks + shift).round_ties_even() + shift;
                sums[0] += error;
                sums[1] += error * error;
            }
        }
        self.count += 1;
        self.sum += time - last;
        if self.count % 10 == 0 {
            for errors in self.errors.iter_mut().filter(|errors| errors[0][1] < 1e10) {
                if errors.iter().all(|sums| variance(sums, self.count) > 0.04) {
                    errors.iter_mut().for_each(|sums| sums[1] = 2e10);
                }
            }
        }
        // The first intervals may be irregular.
        if self.count > 3 {
            self.divisor = divisor(self.divisor, time - last);
        }
    }

    /// Returns the rate whose grid the times fit best; `duration` is that of the packets in ticks.
    fn rate(&self, duration: i64, base: TimeBase) -> Option<Rational> {
        let coarse = i64::from(base.den) / (500 * i64::from(base.num));
        if self.count > 15 && self.divisor > coarse.max(1) {
            return Rational::positive(i64::from(base.den), i64::from(base.num) * self.divisor);
        }
        if self.count <= 1 {
            return None;
        }
        let mut best = (0.01, None);
        for (number, errors) in self.errors.iter().enumerate() {
            let rate = rate(number);
            let is_slow = match duration {
                0 => rate < RATE_UNIT,
                duration => duration as f64 * seconds(base) < 1001.0 * 11.5 / rate as f64,
            };
            let interval = seconds(base) * self.sum as f64 / self.count as f64;
            if is_slow || interval < 1001.0 * 12.0 * 0.8 / rate as f64 {
                continue;
            }
            for sums in errors {
                let error = variance(sums, self.count);
                if error < best.0 && best.0 > 1e-9 {
                    best = (error, Some(rate));
                }
            }
        }
        // A rate is not raised by more than a hundredth above one frame per tick.
        let is_possible = |rate: &i64| {
            (*rate as f64 / RATE_UNIT as f64) < 1.01 * (f64::from(base.den) / f64::from(base.num))
        };
        best.1.filter(is_possible).and_then(|rate| Rational::positive(rate, RATE_UNIT))
    }
}

/// Returns the variance of distances with these sums.
fn variance(sums: &[f64; 2], count: i64) -> f64 {
    let mean = sums[0] / count as f64;
    sums[1] / count as f64 - mean * mean
}

/// Returns the greatest common divisor.
fn divisor(first: i64, second: i64) -> i64 {
    if second == 0 { first } else { divisor(second, first % second) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the estimated rate of frames at these times in milliseconds.
    fn estimated(times: impl Iterator<Item = i64>) -> Option<Rational> {
        let mut analysis = Analysis::new(TimeBase { num: 1, den: 1000 });
        analysis.add_stream(Some(None), true);
        times.for_each(|time| analysis.add(0, &Seen { time: Some(time), duration: 0, bytes: 1000 }));
        analysis.rate(0)
    }

    #[test]
    fn rounded_times_give_the_rate_of_their_grid() {
        assert_eq!(estimated((0..60).map(|frame| frame * 1000 / 30)), Rational::new(30, 1));
        assert_eq!(estimated((0..60).map(|frame| frame * 40)), Rational::new(25, 1));
        assert_eq!(estimated((0..60).map(|frame| frame * 1001 / 24)), Rational::new(24_000, 1001));
        assert_eq!(estimated(0..1), None);
    }
}
