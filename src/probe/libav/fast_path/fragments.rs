//! Completes the facts of a fragmented file from its packets: frame rate and duration, computed like the
//! library.

use ffmpeg_next::ffi;

use super::duration::{duration_us, set_starts};
use super::unresolved::Unresolved;
use crate::model::{MediaFacts, Rational};
use crate::probe::declared_facts::set_duration;
use crate::probe::packet_walk::PacketWalk;

/// Relative deviation up to which a measured rate counts as a standard rate.
const RATE_TOLERANCE: f64 = 0.01;
/// Denominator of [`standard_rates`].
const RATE_UNIT: i64 = 12 * 1001;

/// Completes the facts of a fragmented file after all packets were read.
///
/// # Errors
/// Returns what is unresolved.
///
/// # Safety
/// `context` is open.
pub(crate) unsafe fn complete(
    context: *mut ffi::AVFormatContext,
    walk: &PacketWalk,
    facts: &mut MediaFacts,
) -> Result<(), Unresolved> {
    for video in facts.video.iter_mut().filter(|video| video.frame_rate.is_none()) {
        let duration = walk.constant_duration(video.index).ok_or(Unresolved::Video(video.index))?;
        // SAFETY: the context is open and the index is that of one of its streams.
        let base = unsafe { (**(*context).streams.add(video.index as usize)).time_base };
        let measured = f64::from(base.den) / (duration as f64 * f64::from(base.num));
        let standard = nearest_standard_rate(measured);
        let exact = || Rational::positive(i64::from(base.den), duration.checked_mul(i64::from(base.num))?);
        video.frame_rate = Some(standard.or_else(exact).ok_or(Unresolved::Video(video.index))?);
    }
    // SAFETY: the context is open.
    unsafe { set_starts(context, facts) };
    // SAFETY: the context is open.
    let duration_us = unsafe { duration_us(context) }.ok_or(Unresolved::StartTime)?;
    set_duration(duration_us, facts);
    Ok(())
}

/// Returns the standard rate that the library assumes for `measured` frames per second.
fn nearest_standard_rate(measured: f64) -> Option<Rational> {
    let mut best: Option<(f64, i64)> = None;
    for rate in standard_rates() {
        let error = (measured / (rate as f64 / RATE_UNIT as f64) - 1.0).abs();
        if error < best.map_or(RATE_TOLERANCE, |(least, _)| least) {
            best = Some((error, rate));
        }
    }
    Rational::positive(best?.1, RATE_UNIT)
}

/// Returns the library's standard rates, in 1/[`RATE_UNIT`] frames per second: twelfths up to 30, whole
/// numbers up to 60, some higher ones, then the NTSC rates.
fn standard_rates() -> impl Iterator<Item = i64> {
    let twelfths = (1..=360).map(|twelfth| twelfth * 1001);
    let whole = (31..=60).chain([80, 120, 240]).map(|rate| rate * 1001 * 12);
    twelfths.chain(whole).chain([24, 30, 60, 12, 15, 48].map(|rate| rate * 1000 * 12))
}

#[cfg(test)]
mod tests {
    use super::nearest_standard_rate;
    use crate::model::Rational;

    #[test]
    fn rates_snap_to_standard_rates() {
        assert_eq!(nearest_standard_rate(29.97), Rational::new(30_000, 1001));
        assert_eq!(nearest_standard_rate(25.01), Rational::new(25, 1));
        assert_eq!(nearest_standard_rate(59.94), Rational::new(60_000, 1001));
        assert_eq!(nearest_standard_rate(1000.0), None);
    }
}
