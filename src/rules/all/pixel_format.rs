//! `pixel-format`.

use crate::profile::PixelFormatLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::PixelFormat,
    scope: Scope::Video,
    what: "Checks chroma subsampling, bit depth and transparency.",
    why: "Browsers and phones do not decode 10-bit, 4:2:2, 4:4:4 or alpha. Such a video fails in processing \
        or shows wrong colours.",
    remedy: "Re-encode the video as 8-bit 4:2:0; transparent areas get a background.",
    source: "X media best practices",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, limits: &PixelFormatLimits, out: &mut FindingCollector<'_>) {
    let Some(video) = subject.video() else { return };
    let chroma = &limits.chroma;
    let max_depth = limits.max_bit_depth;
    let (Some(format), Some(depth)) = (&video.pixel_format, video.bit_depth) else {
        out.mark_undecided();
        return;
    };
    let chroma_ok = chroma.is_empty() || video.chroma.as_ref().is_some_and(|found| chroma.contains(found));
    let depth_ok = max_depth.is_none_or(|max| f64::from(depth) <= max);
    let opaque = video.alpha != Some(true);
    if !(chroma_ok && depth_ok && opaque) {
        let depth = max_depth.map_or(String::new(), |max| format!("{max}-bit "));
        let allowed = format!("{depth}{}", chroma.join(", "));
        // VP8 and VP9 hold transparency beside frames of an opaque format.
        let found =
            if chroma_ok && depth_ok { format!("{format} with transparency") } else { format.clone() };
        let message = format!("the pixel format is {found}");
        out.add(Violation::new(message, found, allowed, Remedy::ReencodeVideo).at(video.index));
    }
}
