//! `hdr`.

use crate::profile::NoLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation, value_text};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::Hdr,
    scope: Scope::Video,
    what: "Checks for high dynamic range: HLG, PQ, HDR10, Dolby Vision.",
    why: "Platforms convert to standard dynamic range and wash out the colours. 8-bit video that is still \
        tagged as HDR looks wrong everywhere.",
    remedy: "Tone-map to BT.709 and re-encode. Dolby Vision without a compatible base layer cannot be \
        decoded correctly and is refused.",
    source: "measurements on real files, and public reports of damaged uploads",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, _limits: &NoLimits, out: &mut FindingCollector<'_>) {
    let Some(video) = subject.video() else { return };
    let Some(hdr) = video.hdr else { return };
    let name = value_text::hdr(hdr);
    let eight_bit = video.bit_depth == Some(8);
    let message =
        if eight_bit { format!("8-bit video is tagged as {name}") } else { format!("the video is {name}") };
    let unreadable = hdr.dolby_vision.is_some_and(|vision| vision.compatibility == 0);
    let remedy = if unreadable { Remedy::Refuse } else { Remedy::ReencodeVideo };
    out.add_verbatim(Violation::new(message, name, "standard dynamic range", remedy).at(video.index));
}
