//! `audio-channels`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};
use crate::model::count;

rule!(
    AudioChannels,
    "audio-channels",
    what: "Checks the number of audio channels.",
    why: "Platforms refuse more than two channels or downmix them unpredictably.",
    remedy: "Downmix to stereo and re-encode the audio.",
    source: "measurements on real files, and public reports of damaged uploads",
    |subject, limits, out| {
        let Some(audio) = subject.facts.main_audio() else { return };
        let Some(channels) = audio.channels else { return };
        let mut report = |allowed: String| {
            let message = format!("the audio has {}", count(u64::from(channels), "channel", "channels"));
            out.add(
                Violation::new(message, channels.to_string(), allowed, Remedy::ReencodeAudio).at(audio.index),
            );
        };
        if let Some(max) = limits.number("max").filter(|max| f64::from(channels) > *max) {
            report(format!("at most {max}"));
        }
        if let Some(min) = limits.number("min").filter(|min| f64::from(channels) < *min) {
            report(format!("at least {min}"));
        }
    }
);
