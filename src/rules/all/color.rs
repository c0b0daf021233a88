//! `color`.

use crate::model::Transfer;
use crate::profile::NoLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Severity, Subject, Violation};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::Color,
    scope: Scope::Video,
    what: "Checks the tags that tell players how to show colours: range, primaries, transfer and matrix.",
    why: "Players guess the colours of untagged video from its size, so hues shift. Players that assume \
        limited range clip the darkest and brightest tones of full-range video.",
    remedy: "If the video has to be re-encoded anyway, convert it to BT.709, limited range, the standard of HD video.",
    source: "measurements on real files, and public reports of damaged uploads",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, _limits: &NoLimits, out: &mut FindingCollector<'_>) {
    let Some(video) = subject.video() else { return };
    let color = &video.color;
    if color.range.as_deref() == Some("pc") {
        let message = "the video uses full-range samples";
        out.add_verbatim(
            Violation::new(message, "full range", "limited range", Remedy::ReencodeVideo)
                .at(video.index)
                .stated(),
        );
    }
    // Tone mapping converts the primaries of HDR, which has its own rule.
    if let Some(primaries) = color.other_primaries().filter(|_| video.hdr.is_none()) {
        let title = primaries.title();
        let message = format!("the video has {title} primaries, which many players show as BT.709");
        let violation =
            Violation::new(message, title, "bt709", Remedy::ReencodeVideo).at(video.index).stated();
        // The difference is a few steps of 255.
        let slight = primaries.is_standard_definition();
        out.add_verbatim(if slight { violation.as_advice() } else { violation.at_least(Severity::Warning) });
    }
    let transfer = Transfer::by_name(color.transfer.as_deref());
    if let Some(title) = transfer.unlike_video().filter(|_| video.hdr.is_none()) {
        let message = format!(
            "the video has the transfer {title}, which many players show as BT.709, with wrong brightness"
        );
        let violation =
            Violation::new(message, title, "bt709", Remedy::ReencodeVideo).at(video.index).stated();
        out.add_verbatim(violation.at_least(Severity::Warning));
    }
    let missing: Vec<&str> =
        [("primaries", &color.primaries), ("transfer", &color.transfer), ("matrix", &color.matrix)]
            .into_iter()
            .filter(|(_, tag)| tag.is_none())
            .map(|(name, _)| name)
            .collect();
    if !missing.is_empty() {
        let message = format!("the video does not declare its colour {}", missing.join(", "));
        // BT.709 can only be declared of samples that are read as such.
        let remedy = match video.undeclared_colors().0.is_bt709() {
            true => Remedy::BitstreamFilter,
            false => Remedy::ReencodeVideo,
        };
        out.add_verbatim(Violation::new(message, "unspecified", "bt709", remedy).at(video.index).stated());
    }
}
