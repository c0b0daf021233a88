//! `loudness`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    Loudness,
    "loudness",
    what: "Integrated programme loudness (EBU R128). Measured only with --deep.",
    why: "Too loud a video is turned down, too quiet a one is not heard beside others.",
    remedy: "Adjust the gain and encode the audio again.",
    source: "EBU R128, loudness normalisation",
    |subject, limits, out| {
let Some(audio) = subject.facts.main_audio() else { return };
let (Some(target), Some(deep)) = (limits.number("target_lufs"), subject.deep) else { return };
let Some(loudness) = deep.loudness else { return };
let tolerance = limits.number("tolerance_lu").unwrap_or(1.0);
if (loudness.integrated_lufs - target).abs() > tolerance {
    let shown = format!("{:.1} LUFS", loudness.integrated_lufs);
    let allowed = format!("{target} LUFS within {tolerance} LU");
    out.breach(Violation::new(format!("the loudness is {shown}"), shown, allowed, Remedy::ReencodeAudio).at(audio.index));
}
    }
);
