//! `av-duration`.

use super::super::finding::Remedy;
use super::super::rule::{Breach, rule};
use super::super::words;

rule!(
    AvDuration,
    "av-duration",
    what: "Whether picture and sound are equally long.",
    why: "A long frozen or silent tail, or a film whose length each reader sees differently.",
    remedy: "Encode again to one length.",
    source: "measured on real files and public reports of mangled uploads",
    |subject, limits, out| {
let Some(video) = subject.video() else { return };
let Some(audio) = subject.facts.main_audio() else { return };
let (Some(picture), Some(sound)) = (video.duration_s, audio.duration_s) else { return };
let apart = (picture - sound).abs();
let max = limits.number("max_s").unwrap_or(1.0);
if apart > max {
    let says = format!("the picture lasts {} and the sound {}", words::seconds(picture), words::seconds(sound));
    out.say(Breach::new(says, words::seconds(apart), format!("at most {max} s apart"), Remedy::ReencodeAudio));
}
    }
);
