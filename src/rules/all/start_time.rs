//! `start-time`.

use super::super::finding::Remedy;
use super::super::rule::{Breach, rule};
use super::super::words;

rule!(
    StartTime,
    "start-time",
    what: "Whether the picture starts at zero and together with the sound.",
    why: "A late picture begins as a black frame; a late track is out of step after transcoding.",
    remedy: "Remux or encode again from zero.",
    source: "measured on real files and public reports of mangled uploads",
    |subject, limits, out| {
let Some(video) = subject.video() else { return };
let max = limits.number("max_s").unwrap_or(0.1);
let Some(start) = video.start_s else { return };
if start.abs() > max {
    let says = format!("the picture starts at {}", words::seconds(start));
    out.say(Breach::new(says, words::seconds(start), format!("within {max} s of zero"), Remedy::Remux).at(video.index));
}
let Some(audio) = subject.facts.main_audio() else { return };
if let Some(apart) = audio.start_s.map(|other| (other - start).abs()).filter(|apart| *apart > max) {
    let says = format!("picture and sound start {} apart", words::seconds(apart));
    out.say(Breach::new(says, words::seconds(apart), format!("at most {max} s apart"), Remedy::Remux).at(audio.index));
}
    }
);
