//! `video-bit-rate`.

use super::super::finding::Remedy;
use super::super::rule::{Breach, rule};
use super::super::words;

rule!(
    VideoBitRate,
    "video-bit-rate",
    what: "Bits a second of the picture.",
    why: "Below the floor the platform refuses; above the ceiling it refuses or throttles processing.",
    remedy: "Encode again: at higher quality first, then with filler, for a floor; capped for a ceiling.",
    source: "limits of each destination",
    |subject, limits, out| {
let Some(video) = subject.video() else { return };
let keys = ["min", "max", "warn_min"];
if keys.iter().all(|key| limits.number(key).is_none()) {
    return;
}
let Some(rate) = video.bit_rate.or(subject.facts.bit_rate) else {
    out.unknown();
    return;
};
let shown = words::bit_rate(rate);
let value = rate as f64;
let says = format!("the video bit rate is {shown}");
if let Some(min) = limits.number("min").filter(|min| value < *min) {
    let allowed = format!("at least {}", words::bit_rate(min as u64));
    out.breach(Breach::new(says.clone(), shown.clone(), allowed, Remedy::ReencodeVideo).at(video.index));
} else if let Some(min) = limits.number("warn_min").filter(|min| value < *min) {
    let allowed = format!("safely at least {}", words::bit_rate(min as u64));
    out.breach(Breach::new(says.clone(), shown.clone(), allowed, Remedy::ReencodeVideo).at(video.index).as_warning());
}
if let Some(max) = limits.number("max").filter(|max| value > *max) {
    let allowed = format!("at most {}", words::bit_rate(max as u64));
    out.breach(Breach::new(says, shown, allowed, Remedy::ReencodeVideo).at(video.index));
}
    }
);
