//! `letterbox`.

use crate::profile::NoLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::Letterbox,
    scope: Scope::Video,
    what: "Finds constant black borders inside the frame. Only with --deep.",
    why: "The video looks small, and some platforms refuse borders.",
    remedy: "Crop the borders and re-encode the video.",
    source: "Amazon creative acceptance",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, _limits: &NoLimits, out: &mut FindingCollector<'_>) {
    let Some(video) = subject.video() else { return };
    let (Some(deep), Some(size)) = (subject.deep, video.coded_size()) else { return };
    let Some([_, _, width, height]) = deep.active_area else { return };
    // Cameras leave a few dark lines at an edge, which are no letterbox.
    if u64::from(width) * u64::from(height) * 100 < size.pixels() * 95 {
        let message = format!("the content fills {width}x{height} of {size}; the rest is a black border");
        out.add_verbatim(
            Violation::new(message, format!("{width}x{height}"), "no borders", Remedy::ReencodeVideo)
                .at(video.index),
        );
    }
}
