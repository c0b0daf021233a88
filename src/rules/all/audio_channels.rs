//! `audio-channels`.

use crate::model::count;
use crate::profile::AudioChannelsLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::AudioChannels,
    scope: Scope::Video,
    what: "Checks the number of audio channels.",
    why: "Platforms refuse more than two channels or downmix them unpredictably.",
    remedy: "Downmix to stereo and re-encode the audio.",
    source: "measurements on real files, and public reports of damaged uploads",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, limits: &AudioChannelsLimits, out: &mut FindingCollector<'_>) {
    let Some(audio) = subject.facts.main_audio() else { return };
    let Some(channels) = audio.channels else { return };
    let mut report = |allowed: String| {
        let message = format!("the audio has {}", count(u64::from(channels), "channel", "channels"));
        out.add(
            Violation::new(message, channels.to_string(), allowed, Remedy::ReencodeAudio).at(audio.index),
        );
    };
    if let Some(max) = limits.max.filter(|max| f64::from(channels) > *max) {
        report(format!("at most {max}"));
    }
    if let Some(min) = limits.min.filter(|min| f64::from(channels) < *min) {
        report(format!("at least {min}"));
    }
}
