//! `video-bit-rate`.

use super::super::finding::Remedy;
use super::super::format;
use super::super::rule::{Violation, rule};

/// No audio track of an ad has more bits a second.
const AUDIO_AT_MOST: u64 = 512_000;

rule!(
    VideoBitRate,
    "video-bit-rate",
    what: "Bits a second of the picture.",
    why: "Below the floor the platform refuses; above the ceiling it refuses or throttles processing.",
    remedy: "Encode again: at higher quality first, then with filler, for a floor; capped for a ceiling.",
    source: "the destinations' own pages, named with each limit",
    |subject, limits, out| {
let Some(video) = subject.video() else { return };
let keys = ["min", "max", "warn_min"];
if keys.iter().all(|key| limits.number(key).is_none()) {
    return;
}
let rate = match (video.bit_rate, subject.facts.effective_bit_rate()) {
            (Some(rate), _) => rate,
            // Containers such as Matroska state no rate of a stream: what the audio leaves is the picture's.
            (None, Some(total)) => {
                let audio = subject.facts.audio.iter().map(|track| track.bit_rate.unwrap_or(AUDIO_AT_MOST)).sum();
                let floor = limits.number("min").or(limits.number("warn_min")).unwrap_or(0.0);
                let at_least = total.saturating_sub(audio);
                if (at_least as f64) < floor && (total as f64) >= floor {
                    out.unknown();
                    return;
                }
                if (total as f64) < floor { total } else { at_least }
            }
            (None, None) => {
                out.unknown();
                return;
            }
        };
let value = rate as f64;
let mut tell = |allowed: String, hard: bool| {
    let shown = format::bit_rate(rate);
    let says = format!("the video bit rate is {shown}");
    let breach = Violation::new(says, shown, allowed, Remedy::ReencodeVideo).at(video.index);
    out.breach(if hard { breach } else { breach.as_warning() });
};
if let Some(min) = limits.number("min").filter(|min| value < *min) {
    tell(format!("at least {}", format::bit_rate(min as u64)), true);
} else if let Some(min) = limits.number("warn_min").filter(|min| value < *min) {
    tell(format!("safely at least {}", format::bit_rate(min as u64)), false);
}
if let Some(max) = limits.number("max").filter(|max| value > *max) {
    tell(format!("at most {}", format::bit_rate(max as u64)), true);
}
    }
);
