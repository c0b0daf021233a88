//! `audio-bit-rate`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};
use super::super::value_text;

rule!(
    AudioBitRate,
    "audio-bit-rate",
    what: "Checks the audio bit rate.",
    why: "Platforms re-encode the audio, and a low bit rate then becomes audible.",
    remedy: "Re-encode the audio. Quality that is already lost cannot be restored.",
    source: "the pages of the destinations, given with each limit",
    |subject, limits, out| {
        let Some(audio) = subject.facts.main_audio() else { return };
        let Some(rate) = audio.bit_rate else { return };
        let actual = value_text::bit_rate(rate);
        let message = format!("the audio bit rate is {actual}");
        if let Some(min) = limits.number("min").filter(|min| (rate as f64) < *min * 0.9) {
            let allowed = format!("at least {}", value_text::bit_rate(min as u64));
            out.add(Violation::new(message, actual, allowed, Remedy::ReencodeAudio).at(audio.index));
        } else if let Some(max) = limits.number("max").filter(|max| rate as f64 > *max) {
            let allowed = format!("at most {}", value_text::bit_rate(max as u64));
            out.add(Violation::new(message, actual, allowed, Remedy::ReencodeAudio).at(audio.index));
        }
    }
);
