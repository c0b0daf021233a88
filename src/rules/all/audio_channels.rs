//! `audio-channels`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    AudioChannels,
    "audio-channels",
    what: "The number of channels.",
    why: "More than stereo is mixed down unpredictably, or refused.",
    remedy: "Mix to stereo and encode the audio again.",
    source: "measured on real files and public reports of mangled uploads",
    |subject, limits, out| {
let Some(audio) = subject.facts.main_audio() else { return };
let Some(channels) = audio.channels else { return };
let mut tell = |allowed: String| {
    let says = format!("the audio has {channels} channels");
    out.breach(Violation::new(says, channels.to_string(), allowed, Remedy::ReencodeAudio).at(audio.index));
};
if let Some(max) = limits.number("max").filter(|max| f64::from(channels) > *max) {
    tell(format!("at most {max}"));
}
if let Some(min) = limits.number("min").filter(|min| f64::from(channels) < *min) {
    tell(format!("at least {min}"));
}
    }
);
