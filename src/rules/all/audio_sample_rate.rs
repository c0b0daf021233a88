//! `audio-sample-rate`.

use crate::profile::AudioSampleRateLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::AudioSampleRate,
    scope: Scope::Video,
    what: "Checks the sample rate of the audio.",
    why: "Platforms refuse unusual rates or resample them badly.",
    remedy: "Resample to 48 kHz and re-encode the audio.",
    source: "measurements on real files, and public reports of damaged uploads",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, limits: &AudioSampleRateLimits, out: &mut FindingCollector<'_>) {
    let Some(audio) = subject.facts.main_audio() else { return };
    let Some(rate) = audio.sample_rate else { return };
    let allowed = &limits.allow;
    let actual = || format!("{rate} Hz");
    if !allowed.is_empty() && !allowed.contains(&rate) {
        let actual = actual();
        let message = format!("the sample rate is {actual}");
        let joined: Vec<String> = allowed.iter().map(u32::to_string).collect();
        out.add(
            Violation::new(message, actual, format!("{} Hz", joined.join(", ")), Remedy::ReencodeAudio)
                .at(audio.index),
        );
    } else if let Some(max) = limits.max.filter(|max| f64::from(rate) > *max) {
        let actual = actual();
        let message = format!("the sample rate is {actual}");
        out.add(
            Violation::new(message, actual, format!("at most {max} Hz"), Remedy::ReencodeAudio)
                .at(audio.index),
        );
    }
}
