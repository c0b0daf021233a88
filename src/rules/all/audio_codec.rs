//! `audio-codec`.

use crate::model::Codec;
use crate::profile::AudioCodecLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::AudioCodec,
    scope: Scope::Video,
    what: "Checks the audio codec and, for AAC, its profile.",
    why: "With another codec, the platform drops the audio or fails to process the whole video.",
    remedy: "Re-encode the audio as AAC; the video stream is copied.",
    source: "lists published by third parties",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, limits: &AudioCodecLimits, out: &mut FindingCollector<'_>) {
    let Some(audio) = subject.facts.main_audio() else { return };
    let allowed = &limits.allow;
    let profiles = &limits.profiles;
    match &audio.codec {
        _ if allowed.is_empty() => {}
        None if audio.decodable => out.mark_undecided(),
        None => {
            let tag = audio.codec_tag.clone().unwrap_or_else(|| "unknown".to_owned());
            let message = format!("the audio codec ({tag}) is unknown");
            out.add(Violation::new(message, tag, allowed.join(", "), Remedy::Refuse).at(audio.index));
        }
        Some(codec) if !allowed.contains(codec) => {
            let message = format!("the audio codec is {codec}");
            let remedy = if audio.decodable { Remedy::ReencodeAudio } else { Remedy::Refuse };
            out.add(Violation::new(message, codec.name(), allowed.join(", "), remedy).at(audio.index));
        }
        Some(Codec::Aac) if !profiles.is_empty() => match &audio.profile {
            Some(profile) if !profiles.contains(profile) => {
                let message = format!("the AAC profile is {profile}");
                out.add(
                    Violation::new(message, profile.clone(), profiles.join(", "), Remedy::ReencodeAudio)
                        .at(audio.index),
                );
            }
            _ => {}
        },
        Some(_) => {}
    }
}
