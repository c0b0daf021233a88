//! `extra-streams`.

use crate::profile::NoLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation, value_text};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::ExtraStreams,
    scope: Scope::Video,
    what: "Checks for streams other than one video and the audio: data, timecode, subtitles, cover art, a \
        second video.",
    why: "Platforms may fail on streams they do not know, or pick the wrong video stream.",
    remedy: "Remux without them.",
    source: "measurements on real files, and public reports of damaged uploads",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, _limits: &NoLimits, out: &mut FindingCollector<'_>) {
    for stream in &subject.facts.other {
        let name = stream.codec.clone().unwrap_or_else(|| "unknown".to_owned());
        let kind = value_text::stream_kind(stream.kind);
        let message = format!("the file has a {kind} stream ({name})");
        out.add_verbatim(
            Violation::new(message, format!("{kind} {name}"), "video and audio only", Remedy::Remux)
                .at(stream.index)
                .stated(),
        );
    }
    let main = subject.video().map(|main| main.index);
    for stream in subject.facts.video.iter().filter(|stream| main.is_some_and(|main| main != stream.index)) {
        let (message, actual) = if stream.empty {
            ("a video track has no samples", "no samples")
        } else if stream.is_single_image() {
            ("the file has an image as a second video stream", "second video")
        } else {
            ("the file has a second video stream", "second video")
        };
        out.add_verbatim(
            Violation::new(message, actual, "one video stream", Remedy::Remux).at(stream.index).stated(),
        );
    }
}
