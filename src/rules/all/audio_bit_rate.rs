//! `audio-bit-rate`.

use super::super::finding::Remedy;
use super::super::format;
use super::super::rule::{Violation, rule};

rule!(
    AudioBitRate,
    "audio-bit-rate",
    what: "Bits a second of the audio.",
    why: "A low rate is audible after the platform encodes again.",
    remedy: "Encode the audio again; what is lost already does not come back.",
    source: "the destinations' own pages, named with each limit",
    |subject, limits, out| {
let Some(audio) = subject.facts.main_audio() else { return };
let Some(rate) = audio.bit_rate else { return };
let shown = format::bit_rate(rate);
let says = format!("the audio bit rate is {shown}");
if let Some(min) = limits.number("min").filter(|min| (rate as f64) < *min * 0.9) {
    let allowed = format!("at least {}", format::bit_rate(min as u64));
    out.breach(Violation::new(says, shown, allowed, Remedy::ReencodeAudio).at(audio.index));
} else if let Some(max) = limits.number("max").filter(|max| rate as f64 > *max) {
    let allowed = format!("at most {}", format::bit_rate(max as u64));
    out.breach(Violation::new(says, shown, allowed, Remedy::ReencodeAudio).at(audio.index));
}
    }
);
