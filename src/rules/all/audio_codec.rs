//! `audio-codec`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    AudioCodec,
    "audio-codec",
    what: "How the audio is encoded.",
    why: "Audio in another codec is lost or fails the processing of the whole video.",
    remedy: "Encode the audio again as AAC; the picture is copied.",
    source: "third-party lists",
    |subject, limits, out| {
let Some(audio) = subject.facts.main_audio() else { return };
let allowed = limits.words("allow");
let profiles = limits.words("profiles");
match &audio.codec {
    _ if allowed.is_empty() => {}
    None if audio.decodable => out.unknown(),
    None => {
        let tag = audio.codec_tag.clone().unwrap_or_else(|| "unknown".to_owned());
        let says = format!("the audio codec ({tag}) is not known");
        out.breach(Violation::new(says, tag, allowed.join(", "), Remedy::Refuse).at(audio.index));
    }
    Some(codec) if !allowed.contains(codec) => {
        let says = format!("the audio codec is {codec}");
        let remedy = if audio.decodable { Remedy::ReencodeAudio } else { Remedy::Refuse };
        out.breach(Violation::new(says, codec.clone(), allowed.join(", "), remedy).at(audio.index));
    }
    Some(codec) if codec == "aac" && !profiles.is_empty() => match &audio.profile {
        Some(profile) if !profiles.contains(profile) => {
            let says = format!("the AAC profile is {profile}");
            out.breach(Violation::new(says, profile.clone(), profiles.join(", "), Remedy::ReencodeAudio).at(audio.index));
        }
        _ => {}
    },
    Some(_) => {}
}
    }
);
