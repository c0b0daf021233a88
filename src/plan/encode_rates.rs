//! Chooses the frame rate, the bit rate and the number of encoder threads.

use crate::model::{MediaFacts, Rational, Size, VideoStream, common_frame_rates};
use crate::profile::{FrameRateLimits, Profile, VideoBitRateLimits};

use super::options::Machine;
use super::output_spec::RateControl;
use super::refusal::{Refusal, Refused};

/// A measured rate that differs from a declared one by a smaller share is the same rate; 29.97 and 30 differ by more.
const SAME_RATE: f64 = 0.0005;
/// A constant rate that was measured is a correction of the declared one up to this share.
const CORRECTION: f64 = 0.02;
/// The share of the file size taken by boxes and index.
const OVERHEAD: f64 = 0.02;
/// Pixels that justify one encoder thread: ten seconds of a small video. Several threads in one encoder cost a few
/// percent more processor time than several files in parallel, but keep all cores busy with the last file.
const WORK_PER_THREAD: f64 = 640.0 * 360.0 * 300.0;

/// Returns the constant frame rate of the output, and whether it is the source's own.
pub(super) fn frame_rate(video: &VideoStream, profile: &Profile, cap: f64) -> (Rational, bool) {
    let unlimited = FrameRateLimits::default();
    let limits = profile.rules().frame_rate.as_ref().map_or(&unlimited, |limits| &limits.values);
    let min = limits.min.unwrap_or(0.0);
    // A published minimum comes before what greenlit prefers.
    let max = limits.max.unwrap_or(60.0).min(cap).max(min);
    let allowed = &FrameRateLimits { min: Some(min), max: Some(max) };
    let Some(own) = own_rate(video) else { return (standard(30.0, allowed), false) };
    let fits = allowed.allows(own.as_f64());
    if fits && video.variable_frame_rate != Some(true) && own.as_f64() >= 10.0 {
        return (own, true);
    }
    let value = own.as_f64();
    let wanted = if value < min.max(10.0) {
        // Every frame is repeated a whole number of times, so motion stays as even as it was.
        let times = (min.max(10.0) / value.max(0.1)).ceil();
        let multiple = Rational::positive(i64::from(own.num()) * times as i64, i64::from(own.den()));
        match multiple.filter(|rate| rate.as_f64() <= max && video.variable_frame_rate != Some(true)) {
            Some(rate) => return (rate, false),
            None => max.min(30.0),
        }
    } else {
        value
    };
    (standard(wanted, allowed), false)
}

/// Returns the frame rate of the source: the most frequent one of a variable rate, else the declared one unless its
/// timestamps show another that is near.
fn own_rate(video: &VideoStream) -> Option<Rational> {
    let (measured, declared) = (video.modal_frame_rate, video.frame_rate);
    let corrects = |measured: &Rational| {
        let share = declared.map_or(0.0, |declared| (measured.as_f64() / declared.as_f64() - 1.0).abs());
        video.variable_frame_rate == Some(true) || (SAME_RATE..CORRECTION).contains(&share)
    };
    measured.filter(corrects).or(declared)
}

/// Returns the common frame rate nearest to `wanted` within the limits.
fn standard(wanted: f64, limits: &FrameRateLimits) -> Rational {
    let within = common_frame_rates().filter(|rate| limits.allows(rate.as_f64()));
    let distance = |rate: &Rational| (rate.as_f64() / wanted).ln().abs();
    let nearest = within.min_by(|a, b| distance(a).total_cmp(&distance(b)));
    // Limits that allow none of them: the highest rate in thousandths of a frame.
    let highest = || Rational::new((limits.max? * 1000.0).floor() as u32, 1000);
    nearest.or_else(highest).unwrap_or(Rational::ONE)
}

/// Returns the rate control: constant quality, capped if a limit requires it. A stream under VBV control has at
/// most `rate * duration + buffer` bits, so the cap guarantees the size limit. `audio_bit_rate` is in bits per
/// second.
pub(super) fn rate_control(
    crf: f32,
    profile: &Profile,
    duration_s: Option<f64>,
    audio_bit_rate: u64,
) -> Result<RateControl, Refused> {
    let unlimited = VideoBitRateLimits::default();
    let limits = profile.rules().video_bit_rate.as_ref().map_or(&unlimited, |limits| &limits.values);
    let (mut min_rate, mut max_rate) = video_rates(limits);
    if let (Some(bytes), Some(duration)) =
        (size_limit(profile), duration_s.filter(|duration| *duration > 0.0))
    {
        // The buffer holds two seconds and counts towards the size.
        let bits = bytes * 8.0 * (1.0 - OVERHEAD) - audio_bit_rate as f64 * duration;
        let by_size = bits / (duration + 2.0);
        if by_size < 50_000.0 {
            return Err(Refusal::SizeLimit.because(format!(
                "a video of {duration:.0} s cannot be encoded to at most {:.0} MB at an acceptable bit rate",
                bytes / 1e6
            )));
        }
        max_rate = Some(max_rate.map_or(by_size, |other| other.min(by_size)));
    }
    // The size comes first: no video can be larger than the file.
    min_rate = min_rate.filter(|min| max_rate.is_none_or(|max| *min <= max));
    let whole = |value: f64| value as u64;
    // A cap this high is never reached.
    let max_rate = max_rate.filter(|rate| *rate < 200_000_000.0);
    Ok(RateControl {
        crf,
        max_bit_rate: max_rate.map(whole),
        buffer_bits: max_rate.map(|rate| whole(rate * 2.0)),
        min_bit_rate: min_rate.map(|rate| whole(rate.ceil())),
    })
}

/// Returns the lowest and the highest rate of an encode in bits per second: within the limits by a margin, since no
/// encoder meets a rate exactly; in the middle between limits that leave no margin.
fn video_rates(limits: &VideoBitRateLimits) -> (Option<f64>, Option<f64>) {
    let (least, most) = (limits.min.map(|min| min * 1.05), limits.max.map(|max| max * 0.9));
    match (limits.min, limits.max, least, most) {
        (Some(min), Some(max), Some(least), Some(most)) if least > most => {
            let middle = f64::midpoint(min, max);
            (Some(middle), Some(middle))
        }
        (None, ..) => {
            let recommended = limits.warn_min.map(|min| min * 1.05);
            (recommended.filter(|min| most.is_none_or(|max| *min < max)), most)
        }
        _ => (least, most),
    }
}

/// Returns the size limit to plan for in bytes: the warning limit if there is one, which is the stricter.
fn size_limit(profile: &Profile) -> Option<f64> {
    let limits = &profile.rules().file_size.as_ref()?.values;
    limits.warn_max_bytes.or(limits.max_bytes)
}

/// Returns the hard size limit in bytes.
pub(super) fn max_bytes(profile: &Profile) -> Option<u64> {
    profile.rules().file_size.as_ref()?.values.max_bytes.map(|bytes| bytes as u64)
}

/// Returns the number of encoder threads: one for short videos, which are encoded in parallel; more for long ones.
/// The number depends only on the file and the machine, so that results do not depend on the load.
pub(super) fn threads(size: Size, rate: Rational, facts: &MediaFacts, machine: &Machine) -> u32 {
    let frames = facts.effective_duration_s().unwrap_or(30.0) * rate.as_f64();
    let work = size.pixels() as f64 * frames / WORK_PER_THREAD;
    let cores = machine.cores.max(1);
    match (work.ceil() as u32).clamp(1, cores) {
        // An encoder that uses the whole machine needs 1.5 threads per core, because some wait for rows of
        // reference frames (x264's default, too).
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
    fn keeps_allowed_constant_rates_and_replaces_others_by_common_ones() {
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
    fn long_videos_get_all_cores_and_short_ones_one_thread() {
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
    fn the_rate_cap_keeps_the_output_within_the_size_limit() {
        let profile =
            Profile::parse("id = \"x\"\n[rule.file-size]\nmax_bytes = 16000000\n", &|_| None).unwrap();
        let control = rate_control(20.0, &profile, Some(60.0), 128_000).unwrap();
        let most = control.max_bit_rate.unwrap() * 60 + control.buffer_bits.unwrap() + 128_000 * 60;
        assert!(most < 16_000_000 * 8, "{most}");
        assert!(rate_control(20.0, &profile, Some(100_000.0), 128_000).is_err());
    }
}
