//! Frame rates, bit rates, threads.

use crate::model::{MediaFacts, Rational, Size, VideoStream};
use crate::profile::Profile;

use super::options::Machine;
use super::refusal::{Refusal, Refused};
use super::spec::RateControl;

/// Rates people and platforms work with, ascending.
const STANDARD: [(u32, u32); 9] =
    [(24000, 1001), (24, 1), (25, 1), (30000, 1001), (30, 1), (48, 1), (50, 1), (60000, 1001), (60, 1)];
/// Bytes beside picture and audio: boxes and index, as a share.
const OVERHEAD: f64 = 0.02;
/// One thread encodes this much without keeping anybody waiting: ten seconds of a small clip. Threads of
/// one encoder cost a few percent of processor time over files side by side, and nobody waits for the
/// last file with idle processors.
const WORK_PER_THREAD: f64 = 640.0 * 360.0 * 300.0;

/// The constant rate of the output, and whether it is the source's own.
pub(super) fn frame_rate(video: &VideoStream, profile: &Profile, cap: f64) -> (Rational, bool) {
    let limits = profile.limits("frame-rate");
    let limit = |key| limits.and_then(|limits| limits.number(key));
    let min = limit("min").unwrap_or(0.0);
    let max = limit("max").unwrap_or(60.0).min(cap);
    let own = video.modal_frame_rate.filter(|_| video.variable_frame_rate == Some(true)).or(video.frame_rate);
    let Some(own) = own else { return (standard(30.0, min, max), false) };
    let fits = own.as_f64() >= min * 0.998 && own.as_f64() <= max;
    if fits && video.variable_frame_rate != Some(true) && own.as_f64() >= 10.0 {
        return (own, true);
    }
    let value = own.as_f64();
    let wanted = if value < min.max(10.0) {
        // Every frame is shown a whole number of times, so motion stays as even as it was.
        let times = (min.max(10.0) / value.max(0.1)).ceil();
        let multiple = Rational::positive(i64::from(own.num()) * times as i64, i64::from(own.den()));
        match multiple.filter(|rate| rate.as_f64() <= max && video.variable_frame_rate != Some(true)) {
            Some(rate) => return (rate, false),
            None => max.min(30.0),
        }
    } else {
        value
    };
    (standard(wanted, min, max), false)
}

/// The standard rate nearest to `wanted` within the limits.
fn standard(wanted: f64, min: f64, max: f64) -> Rational {
    let all = STANDARD.iter().filter_map(|(num, den)| Rational::new(*num, *den));
    let within = all.filter(|rate| rate.as_f64() >= min * 0.998 && rate.as_f64() <= max);
    let distance = |rate: &Rational| (rate.as_f64() / wanted).ln().abs();
    let nearest = within.min_by(|a, b| distance(a).total_cmp(&distance(b)));
    nearest.or_else(|| Rational::new(30, 1)).unwrap_or(Rational::ONE)
}

/// How bits are spent: constant quality, capped where a limit says so. The ceiling is provable:
/// a stream under VBV control has at most `rate * duration + buffer` bits.
pub(super) fn rate_control(
    crf: f32,
    profile: &Profile,
    duration_s: Option<f64>,
    audio_bits: u64,
) -> Result<RateControl, Refused> {
    let number = |rule, key| profile.limits(rule).and_then(|limits| limits.number(key));
    let mut ceiling: Option<f64> = number("video-bit-rate", "max").map(|max| max * 0.9);
    if let (Some(bytes), Some(duration)) =
        (size_limit(profile), duration_s.filter(|duration| *duration > 0.0))
    {
        // The buffer holds two seconds, so it is part of the budget.
        let bits = bytes * 8.0 * (1.0 - OVERHEAD) - audio_bits as f64 * duration;
        let by_size = bits / (duration + 2.0);
        if by_size < 50_000.0 {
            return Err(Refusal::SizeLimit.because(format!(
                "{duration:.0} s do not fit into {:.0} MB at any watchable rate",
                bytes / 1e6
            )));
        }
        ceiling = Some(ceiling.map_or(by_size, |other| other.min(by_size)));
    }
    let floor = number("video-bit-rate", "min")
        .or(number("video-bit-rate", "warn_min"))
        .map(|min| min * 1.05)
        .filter(|floor| ceiling.is_none_or(|ceiling| *floor < ceiling));
    let whole = |value: f64| value as u64;
    // Only a ceiling that can be reached is worth the encoder's attention.
    let ceiling = ceiling.filter(|ceiling| *ceiling < 200_000_000.0);
    Ok(RateControl {
        crf,
        max_bit_rate: ceiling.map(whole),
        buffer_bits: ceiling.map(|ceiling| whole(ceiling * 2.0)),
        min_bit_rate: floor.map(whole),
    })
}

/// The number of bytes that is safe everywhere: the stricter of two conflicting limits.
fn size_limit(profile: &Profile) -> Option<f64> {
    let limits = profile.limits("file-size")?;
    limits.number("warn_max_bytes").or(limits.number("max_bytes"))
}

/// The hard limit in bytes.
pub(super) fn max_bytes(profile: &Profile) -> Option<u64> {
    profile.limits("file-size")?.number("max_bytes").map(|bytes| bytes as u64)
}

/// Threads for the encoder: one for short work, so that files run side by side; more for long work.
/// Follows from the file and the machine alone, so that results do not depend on load.
pub(super) fn threads(size: Size, rate: Rational, facts: &MediaFacts, machine: &Machine) -> u32 {
    let frames = facts.effective_duration_s().unwrap_or(30.0) * rate.as_f64();
    let work = size.pixels() as f64 * frames / WORK_PER_THREAD;
    let cores = machine.cores.max(1);
    match (work.ceil() as u32).clamp(1, cores) {
        // An encoder that has the machine to itself keeps it busy with half as many threads more: those
        // that wait for another's lines are no use (x264's own choice, too).
        all if all == cores && cores > 1 => cores * 3 / 2,
        some => some,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn rate_of(num: u32, den: u32, variable: bool) -> String {
        let video = VideoStream {
            frame_rate: Rational::new(num, den),
            variable_frame_rate: Some(variable),
            ..VideoStream::default()
        };
        frame_rate(&video, &Profile::builtin("tiktok-ads").unwrap(), 60.0).0.to_string()
    }

    #[test]
    fn constant_rates_within_the_limits_stay_and_others_become_standard() {
        assert_eq!(rate_of(30000, 1001, false), "30000/1001");
        assert_eq!(rate_of(39600, 1321, true), "30000/1001");
        assert_eq!(rate_of(60001, 1000, false), "60/1");
        assert_eq!(rate_of(120, 1, false), "60/1");
        assert_eq!(rate_of(15, 1, false), "30/1");
        assert_eq!(rate_of(12, 1, false), "24/1");
        assert_eq!(rate_of(16, 1, false), "32/1");
        assert_eq!(rate_of(37, 4, true), "30/1");
    }

    #[test]
    fn long_work_gets_the_machine_and_short_work_a_thread() {
        let threads_of = |seconds: f64, cores| {
            let facts = MediaFacts { duration_s: Some(seconds), ..MediaFacts::default() };
            threads(Size::new(640, 360), Rational::new(30, 1).unwrap(), &facts, &Machine { cores })
        };
        assert_eq!(threads_of(9.0, 8), 1);
        assert_eq!(threads_of(25.0, 8), 3);
        assert_eq!(threads_of(600.0, 8), 12);
        assert_eq!(threads_of(600.0, 1), 1);
    }

    #[test]
    fn a_size_limit_becomes_a_provable_ceiling() {
        let profile =
            Profile::parse("id = \"x\"\n[rule.file-size]\nmax_bytes = 16000000\n", &|_| None).unwrap();
        let control = rate_control(20.0, &profile, Some(60.0), 128_000).unwrap();
        let most = control.max_bit_rate.unwrap() * 60 + control.buffer_bits.unwrap() + 128_000 * 60;
        assert!(most < 16_000_000 * 8, "{most}");
        assert!(rate_control(20.0, &profile, Some(100_000.0), 128_000).is_err());
    }
}
