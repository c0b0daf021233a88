//! `parameter-change`.

use crate::profile::NoLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Severity, Subject, Violation};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::ParameterChange,
    scope: Scope::Video,
    what: "Checks whether the frame size or the codec parameters change within the stream.",
    why: "Transcoders configure themselves once; YouTube reports `inconsistentResolution`.",
    remedy: "Re-encode the video at one size. A change of the frame size is an error under every profile.",
    source: "YouTube API, processing errors",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, _limits: &NoLimits, out: &mut FindingCollector<'_>) {
    let Some(video) = subject.video() else { return };
    if let [first, _, ..] = &video.frame_sizes[..] {
        let sizes: Vec<String> = video.frame_sizes.iter().map(ToString::to_string).collect();
        let message = format!("the frame size changes within the video: {}", sizes.join(", "));
        // Players and transcoders stretch or cut the other parts, and a container declares one size only.
        out.add_verbatim(
            Violation::new(message, sizes.join(", "), first.to_string(), Remedy::ReencodeVideo)
                .at(video.index)
                .at_least(Severity::Error),
        );
        return;
    }
    if let Some(changes @ 1..) = video.parameter_changes {
        let message = format!("the codec parameters change {changes} times within the video");
        out.add_verbatim(
            Violation::new(message, changes.to_string(), "no change", Remedy::ReencodeVideo)
                .at(video.index)
                .stated(),
        );
    }
}
