//! `audio-stream`.

use crate::profile::AudioStreamLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::AudioStream,
    scope: Scope::Video,
    what: "Checks whether the file has audio, how many audio tracks it has, and whether they can be decoded.",
    why: "Some platforms refuse videos without audio. With a second or an undecodable track (such as apac \
        on recent phones), a transcoder may pick the wrong one.",
    remedy: "Drop surplus tracks by remuxing; add a silent track with --add-silence where audio is required.",
    source: "measurements on real files, and public reports of damaged uploads",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, limits: &AudioStreamLimits, out: &mut FindingCollector<'_>) {
    let (empty, audio): (Vec<_>, Vec<_>) = subject.facts.audio.iter().partition(|track| track.empty);
    if audio.is_empty() && limits.required {
        let message = match empty.is_empty() {
            true => "the video has no audio",
            false => "the video has no audio: its audio track has no samples",
        };
        out.add_verbatim(Violation::new(message, "none", "one audio stream", Remedy::ReencodeAudio));
    }
    if let Some(max) = limits.max_streams.filter(|max| audio.len() as f64 > *max) {
        let message = format!("the file has {} audio tracks", audio.len());
        let violation =
            Violation::new(message, audio.len().to_string(), format!("at most {max}"), Remedy::Remux);
        // Without a published limit, a second track is only a risk.
        let published = out.is_published();
        out.add_verbatim(if published { violation } else { violation.as_warning() });
    }
    for track in empty {
        let violation = Violation::new(
            "an audio track has no samples",
            "no samples",
            "audio tracks with samples",
            Remedy::Remux,
        );
        out.add_verbatim(violation.at(track.index).as_warning());
    }
    let undecodable = audio.iter().filter(|track| !track.decodable);
    for track in undecodable {
        let codec = track.codec_or_tag().unwrap_or("unknown");
        let none_decodable = audio.iter().all(|other| !other.decodable);
        let remedy = if none_decodable { Remedy::Refuse } else { Remedy::Remux };
        let message = format!("no decoder is available for the audio track ({codec})");
        let violation = Violation::new(message, codec, "audio that can be decoded", remedy).at(track.index);
        out.add_verbatim(if none_decodable { violation } else { violation.as_warning() });
    }
}
