//! `video-bit-rate`.

use crate::profile::VideoBitRateLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation, value_text};

/// The highest bit rate assumed for an audio track of an ad.
const MAX_AUDIO_BIT_RATE: u64 = 512_000;

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::VideoBitRate,
    scope: Scope::Video,
    what: "Checks the video bit rate.",
    why: "Below the minimum, the platform refuses the video; above the maximum, it refuses the video or \
        slows down processing.",
    remedy: "Re-encode: to reach a minimum, at higher quality and then with filler data; to stay below a \
        maximum, with a capped rate.",
    source: "the pages of the destinations, given with each limit",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, limits: &VideoBitRateLimits, out: &mut FindingCollector<'_>) {
    let Some(video) = subject.video() else { return };
    if [limits.min, limits.max, limits.warn_min].iter().all(Option::is_none) {
        return;
    }
    let rate = match (video.bit_rate, subject.facts.effective_bit_rate()) {
        (Some(rate), _) => rate,
        // Containers such as Matroska declare no bit rates of streams: subtract the audio from the total.
        (None, Some(total)) => {
            let audio =
                subject.facts.audio.iter().map(|track| track.bit_rate.unwrap_or(MAX_AUDIO_BIT_RATE)).sum();
            let minimum = limits.min.or(limits.warn_min).unwrap_or(0.0);
            let at_least = total.saturating_sub(audio);
            if (at_least as f64) < minimum && (total as f64) >= minimum {
                out.mark_undecided();
                return;
            }
            if (total as f64) < minimum { total } else { at_least }
        }
        (None, None) => {
            out.mark_undecided();
            return;
        }
    };
    let value = rate as f64;
    let mut report = |allowed: String, is_error: bool| {
        let actual = value_text::bit_rate(rate);
        let message = format!("the video bit rate is {actual}");
        let violation = Violation::new(message, actual, allowed, Remedy::ReencodeVideo).at(video.index);
        out.add(if is_error { violation } else { violation.as_warning() });
    };
    if let Some(min) = limits.min.filter(|min| value < *min) {
        report(format!("at least {}", value_text::bit_rate(min as u64)), true);
    } else if let Some(min) = limits.warn_min.filter(|min| value < *min) {
        report(format!("at least {} (recommended)", value_text::bit_rate(min as u64)), false);
    }
    if let Some(max) = limits.max.filter(|max| value > *max) {
        report(format!("at most {}", value_text::bit_rate(max as u64)), true);
    }
}
