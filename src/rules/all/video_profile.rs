//! `video-profile`.

use crate::profile::VideoProfileLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::VideoProfile,
    scope: Scope::Video,
    what: "Checks the codec profile and level.",
    why: "Phones decode only up to a certain profile and level; WhatsApp on Android fails on High profile \
        with B-frames.",
    remedy: "Re-encode the video in an allowed profile.",
    source: "WhatsApp media documentation",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, limits: &VideoProfileLimits, out: &mut FindingCollector<'_>) {
    let Some(video) = subject.video() else { return };
    let allowed = &limits.allow;
    if let Some(profile) =
        video.profile.as_ref().filter(|profile| !allowed.is_empty() && !allowed.contains(profile))
    {
        let message = format!("the video profile is {profile}");
        out.add(
            Violation::new(message, profile.clone(), allowed.join(", "), Remedy::ReencodeVideo)
                .at(video.index),
        );
    }
    if let (Some(max), Some(level)) = (limits.max_level, video.level)
        && f64::from(level) > max
    {
        let message = format!(
            "the codec level, which bounds size, frame rate and bit rate, is {}",
            f64::from(level) / 10.0
        );
        let allowed = format!("level at most {}", max / 10.0);
        let actual = format!("level {}", f64::from(level) / 10.0);
        out.add(Violation::new(message, actual, allowed, Remedy::ReencodeVideo).at(video.index));
    }
}
