//! `audio-sample-rate`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    AudioSampleRate,
    "audio-sample-rate",
    what: "Samples a second.",
    why: "Unusual rates are resampled badly, or refused.",
    remedy: "Resample to 48 kHz and encode the audio again.",
    source: "measured on real files and public reports of mangled uploads",
    |subject, limits, out| {
let Some(audio) = subject.facts.main_audio() else { return };
let Some(rate) = audio.sample_rate else { return };
let allowed = limits.words("allow");
let shown = || format!("{rate} Hz");
if !allowed.is_empty() && !allowed.iter().any(|allowed| allowed.parse() == Ok(rate)) {
    let shown = shown();
    let says = format!("the sample rate is {shown}");
    out.breach(Violation::new(says, shown, format!("{} Hz", allowed.join(", ")), Remedy::ReencodeAudio).at(audio.index));
} else if let Some(max) = limits.number("max").filter(|max| f64::from(rate) > *max) {
    let shown = shown();
    let says = format!("the sample rate is {shown}");
    out.breach(Violation::new(says, shown, format!("at most {max} Hz"), Remedy::ReencodeAudio).at(audio.index));
}
    }
);
