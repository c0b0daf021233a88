//! `start-time`.

use super::super::finding::Remedy;
use super::super::format;
use super::super::rule::{Violation, rule};

rule!(
    StartTime,
    "start-time",
    what: "Whether the picture starts at zero and together with the audio.",
    why: "A late picture begins as a black frame; a late track is out of step after transcoding.",
    remedy: "Remux or encode again from zero.",
    source: "measured on real files and public reports of mangled uploads",
    |subject, limits, out| {
let Some(video) = subject.video() else { return };
let max = limits.number("max_s").unwrap_or(0.1);
let Some(start) = video.start_s else { return };
if start.abs() > max {
    let says = format!("the picture starts at {}", format::seconds(start));
    out.say(Violation::new(says, format::seconds(start), format!("within {max} s of zero"), Remedy::Remux).at(video.index));
}
let Some(audio) = subject.facts.main_audio() else { return };
if let Some(apart) = audio.start_s.map(|other| (other - start).abs()).filter(|apart| *apart > max) {
    let says = format!("picture and audio start {} apart", format::seconds(apart));
    out.say(Violation::new(says, format::seconds(apart), format!("at most {max} s apart"), Remedy::Remux).at(audio.index));
}
    }
);
