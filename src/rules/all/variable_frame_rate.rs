//! `variable-frame-rate`.

use crate::profile::NoLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::VariableFrameRate,
    scope: Scope::Video,
    what: "Checks whether the intervals between frames differ by more than rounding.",
    why: "Audio drifts after transcoding, and several platforms ask for a constant frame rate.",
    remedy: "Use a constant frame rate whenever the video is re-encoded for another reason.",
    source: "Meta and Amazon guides",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, _limits: &NoLimits, out: &mut FindingCollector<'_>) {
    let Some(video) = subject.video() else { return };
    if video.variable_frame_rate == Some(true) {
        let message = "the frame rate varies within the video";
        out.add_verbatim(
            Violation::new(message, "variable", "constant", Remedy::ReencodeVideo).at(video.index).stated(),
        );
    }
}
