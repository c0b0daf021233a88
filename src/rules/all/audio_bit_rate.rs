//! `audio-bit-rate`.

use crate::profile::AudioBitRateLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation, value_text};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::AudioBitRate,
    scope: Scope::Video,
    what: "Checks the audio bit rate.",
    why: "Platforms re-encode the audio, and a low bit rate then becomes audible.",
    remedy: "Re-encode the audio. Quality that is already lost cannot be restored.",
    source: "the pages of the destinations, given with each limit",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, limits: &AudioBitRateLimits, out: &mut FindingCollector<'_>) {
    let Some(audio) = subject.facts.main_audio() else { return };
    let Some(rate) = audio.bit_rate else { return };
    let actual = value_text::bit_rate(rate);
    let message = format!("the audio bit rate is {actual}");
    if let Some(min) = limits.min.filter(|_| limits.is_low(rate as f64)) {
        let allowed = format!("at least {}", value_text::bit_rate(min as u64));
        out.add(Violation::new(message, actual, allowed, Remedy::ReencodeAudio).at(audio.index));
    } else if let Some(max) = limits.max.filter(|max| rate as f64 > *max) {
        let allowed = format!("at most {}", value_text::bit_rate(max as u64));
        out.add(Violation::new(message, actual, allowed, Remedy::ReencodeAudio).at(audio.index));
    }
}
