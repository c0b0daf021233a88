//! `image-aspect-ratio`.

use super::image_format::remedy;
use crate::model::{Size, StillImage};
use crate::profile::{ImageAspectRatioLimits, within_tolerance};
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation, value_text};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::ImageAspectRatio,
    scope: Scope::Image,
    what: "Checks the aspect ratio of an image; a cover must match its video.",
    why: "The platform refuses to create an ad whose cover has another aspect ratio than its video.",
    remedy: "`greenlit fix` pads or crops an image whose ratio the profile refuses. For a cover, choose another image or leave it \
             empty: a frame of the video always fits.",
    source: "ad create API of the destination",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, limits: &ImageAspectRatioLimits, out: &mut FindingCollector<'_>) {
    let Some(image) = subject.facts.still_image() else { return };
    let Some(ratio) = image.stream.display_aspect_ratio() else {
        out.mark_undecided();
        return;
    };
    let (tolerance, actual) = (limits.tolerance(), value_text::ratio(ratio));
    for (allowed, is_error) in [(&limits.allow, true), (&limits.warn_allow, false)] {
        if allowed.is_empty() || allowed.iter().any(|wanted| within_tolerance(ratio, *wanted, tolerance)) {
            continue;
        }
        let message = format!("the aspect ratio of the image is {actual}");
        let violation =
            Violation::new(message, actual.clone(), value_text::ratios(allowed), remedy(&image.format));
        out.add(if is_error { violation } else { violation.as_warning() });
    }
}

/// Checks an image as the cover of a video with the display size `video`.
pub(crate) fn check_cover(
    image: &StillImage<'_>,
    video: Size,
    limits: &ImageAspectRatioLimits,
    out: &mut FindingCollector<'_>,
) {
    let (Some(own), Some(wanted)) = (image.stream.display_aspect_ratio(), video.aspect_ratio()) else {
        out.mark_undecided();
        return;
    };
    if !within_tolerance(own, wanted, limits.tolerance()) {
        let (own, wanted) = (value_text::ratio(own), value_text::ratio(wanted));
        let message = format!("the aspect ratio of the cover is {own}, but that of its video is {wanted}");
        out.add_verbatim(Violation::new(message, own, wanted, Remedy::Refuse));
    }
}
