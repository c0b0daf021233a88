//! `av-duration`.

use super::super::finding::Remedy;
use super::super::format;
use super::super::rule::{Violation, rule};

rule!(
    AvDuration,
    "av-duration",
    what: "Whether picture and audio are equally long.",
    why: "A long frozen or silent tail, or a video whose length each reader sees differently.",
    remedy: "Encode again to one length.",
    source: "measured on real files and public reports of mangled uploads",
    |subject, limits, out| {
let Some(video) = subject.video() else { return };
let Some(audio) = subject.facts.main_audio() else { return };
let (Some(picture), Some(audio)) = (video.duration_s, audio.duration_s) else { return };
let apart = (picture - audio).abs();
let max = limits.number("max_s").unwrap_or(1.0);
if apart > max {
    let says = format!("the picture lasts {} and the audio {}", format::seconds(picture), format::seconds(audio));
    out.say(Violation::new(says, format::seconds(apart), format!("at most {max} s apart"), Remedy::ReencodeAudio));
}
    }
);
