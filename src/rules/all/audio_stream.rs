//! `audio-stream`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    AudioStreamRule,
    "audio-stream",
    what: "Whether there is audio, how many tracks, and whether they can be decoded.",
    why: "Some places refuse silent videos; a second or undecodable track (such as apac of recent phones) makes a transcoder pick the wrong one.",
    remedy: "Drop surplus tracks by remuxing; add a silent track with --add-silence where audio is required.",
    source: "measured on real files and public reports of mangled uploads",
    |subject, limits, out| {
let audio = &subject.facts.audio;
if audio.is_empty() && limits.flag("required") {
    out.say(Violation::new("the video has no audio", "none", "one audio stream", Remedy::ReencodeAudio));
}
if let Some(max) = limits.number("max_streams").filter(|max| audio.len() as f64 > *max) {
    let says = format!("the file has {} audio tracks", audio.len());
    let breach = Violation::new(says, audio.len().to_string(), format!("at most {max}"), Remedy::Remux);
            // Where nobody publishes a number, a second track is a risk and no refusal.
            let published = limits.confidence != crate::profile::Confidence::Practice;
            out.say(if published { breach } else { breach.as_warning() });
}
let deaf = audio.iter().filter(|track| !track.decodable);
for track in deaf {
    let codec = track.codec.clone().or_else(|| track.codec_tag.clone()).unwrap_or_else(|| "unknown".to_owned());
    let alone = audio.iter().all(|other| !other.decodable);
    let remedy = if alone { Remedy::Refuse } else { Remedy::Remux };
    let says = format!("no decoder is known for the audio track ({codec})");
    let breach = Violation::new(says, codec, "audio that can be decoded", remedy).at(track.index);
            out.say(if alone { breach } else { breach.as_warning() });
}
    }
);
