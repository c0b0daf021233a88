//! What only its packets tell of a fragmented file: rate and duration, reckoned as the library would.

use ffmpeg_next::ffi;

use super::super::walk::Walk;
use super::duration::duration_us;
use super::{Open, overall_rate, set_starts};
use crate::model::{MediaFacts, Rational};

/// A guess within this share of a standard rate is that rate.
const SNAP: f64 = 0.01;
/// Denominator of [`standard_rates`].
const RATE_UNIT: i64 = 12 * 1001;

/// Completes settled facts of a fragmented file after all packets were read.
///
/// # Errors
/// What is not settled.
pub(in super::super) fn complete(
    context: *mut ffi::AVFormatContext,
    walk: &Walk,
    facts: &mut MediaFacts,
) -> Result<(), Open> {
    for video in facts.video.iter_mut().filter(|video| video.frame_rate.is_none()) {
        let duration = walk.steady_duration(video.index).ok_or(Open::Picture(video.index))?;
        // SAFETY: the context is open and the index is that of one of its streams.
        let base = unsafe { (**(*context).streams.add(video.index as usize)).time_base };
        let guess = f64::from(base.den) / (duration as f64 * f64::from(base.num));
        let snapped = nearest_standard(guess);
        let exact = || Rational::positive(i64::from(base.den), duration.checked_mul(i64::from(base.num))?);
        video.frame_rate = Some(snapped.or_else(exact).ok_or(Open::Picture(video.index))?);
    }
    set_starts(context, facts);
    // SAFETY: the context is open.
    let duration_us = unsafe { duration_us(context) }.ok_or(Open::Start)?;
    facts.duration_s = Some(duration_us as f64 / 1_000_000.0);
    facts.bit_rate = overall_rate(facts.size_bytes, duration_us);
    Ok(())
}

/// The rate the library takes for meant when it measures `guess` frames a second.
fn nearest_standard(guess: f64) -> Option<Rational> {
    let mut best: Option<(f64, i64)> = None;
    for rate in standard_rates() {
        let error = (guess / (rate as f64 / RATE_UNIT as f64) - 1.0).abs();
        if error < best.map_or(SNAP, |(least, _)| least) {
            best = Some((error, rate));
        }
    }
    Rational::positive(best?.1, RATE_UNIT)
}

/// Twelfths up to 30, whole numbers up to 60, some above, then those of television.
fn standard_rates() -> impl Iterator<Item = i64> {
    let twelfths = (1..=360).map(|twelfth| twelfth * 1001);
    let whole = (31..=60).chain([80, 120, 240]).map(|rate| rate * 1001 * 12);
    twelfths.chain(whole).chain([24, 30, 60, 12, 15, 48].map(|rate| rate * 1000 * 12))
}

#[cfg(test)]
mod tests {
    use super::nearest_standard;
    use crate::model::Rational;

    #[test]
    fn rates_snap_to_those_of_video_and_television() {
        assert_eq!(nearest_standard(29.97), Rational::new(30_000, 1001));
        assert_eq!(nearest_standard(25.01), Rational::new(25, 1));
        assert_eq!(nearest_standard(59.94), Rational::new(60_000, 1001));
        assert_eq!(nearest_standard(1000.0), None);
    }
}
