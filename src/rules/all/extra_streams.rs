//! `extra-streams`.

use super::super::finding::Remedy;
use super::super::format;
use super::super::rule::{Violation, rule};

rule!(
    ExtraStreams,
    "extra-streams",
    what: "Tracks beside picture and audio: data, timecode, subtitles, cover art, a second picture.",
    why: "Ingests stumble over what they do not know, or take the wrong picture.",
    remedy: "Remux without them.",
    source: "measured on real files and public reports of mangled uploads",
    |subject, _limits, out| {
for stream in &subject.facts.other {
    let name = stream.codec.clone().unwrap_or_else(|| "unknown".to_owned());
    let kind = format::kind(stream.kind);
    let says = format!("there is a {kind} track ({name})");
    out.say(Violation::new(says, format!("{kind} {name}"), "picture and audio only", Remedy::Remux).at(stream.index));
}
for stream in subject.facts.video.iter().skip(1) {
    let says = "there is a second video track";
    out.say(Violation::new(says, "second video", "one video track", Remedy::Remux).at(stream.index));
}
    }
);
