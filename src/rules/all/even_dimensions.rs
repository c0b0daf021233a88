//! `even-dimensions`.

use crate::profile::NoLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::EvenDimensions,
    scope: Scope::Video,
    what: "Checks whether the coded width and height are even.",
    why: "4:2:0 chroma covers blocks of two by two pixels. With an odd side, the platform's encoder fails \
        or drops a line of pixels.",
    remedy: "Re-encode the video with even dimensions.",
    source: "measurements on real files, and public reports of damaged uploads",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, _limits: &NoLimits, out: &mut FindingCollector<'_>) {
    let Some(video) = subject.video() else { return };
    let Some(size) = video.coded_size() else {
        out.mark_undecided();
        return;
    };
    if size.width % 2 == 1 || size.height % 2 == 1 {
        let message = format!("the width or height is odd ({size})");
        out.add_verbatim(
            Violation::new(message, size.to_string(), "even width and height", Remedy::ReencodeVideo)
                .at(video.index)
                .stated(),
        );
    }
}
