//! `audio-sample-rate`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    AudioSampleRate,
    "audio-sample-rate",
    what: "Checks the sample rate of the audio.",
    why: "Platforms refuse unusual rates or resample them badly.",
    remedy: "Resample to 48 kHz and re-encode the audio.",
    source: "measurements on real files, and public reports of damaged uploads",
    |subject, limits, out| {
        let Some(audio) = subject.facts.main_audio() else { return };
        let Some(rate) = audio.sample_rate else { return };
        let allowed = limits.strings("allow");
        let actual = || format!("{rate} Hz");
        if !allowed.is_empty() && !allowed.iter().any(|allowed| allowed.parse() == Ok(rate)) {
            let actual = actual();
            let message = format!("the sample rate is {actual}");
            out.add(
                Violation::new(message, actual, format!("{} Hz", allowed.join(", ")), Remedy::ReencodeAudio)
                    .at(audio.index),
            );
        } else if let Some(max) = limits.number("max").filter(|max| f64::from(rate) > *max) {
            let actual = actual();
            let message = format!("the sample rate is {actual}");
            out.add(
                Violation::new(message, actual, format!("at most {max} Hz"), Remedy::ReencodeAudio)
                    .at(audio.index),
            );
        }
    }
);
