//! `image-size`.

use super::image_format::remedy;
use crate::profile::{ImageSizeLimits, SizeForRatio, size_for_nearest_ratio};
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation, value_text};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::ImageSize,
    scope: Scope::Image,
    what: "Checks the size of an image (a cover or an image ad) in bytes and pixels.",
    why: "Platforms refuse larger images, and scale images outside the recommended range badly.",
    remedy: "`greenlit fix` scales a large image down; export a small one in another size.",
    source: "image upload API of the destination",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, limits: &ImageSizeLimits, out: &mut FindingCollector<'_>) {
    let Some(image) = subject.facts.still_image() else { return };
    let (bytes, remedy) = (subject.facts.size_bytes, remedy(&image.format));
    if let Some(max) = limits.max_bytes.filter(|max| bytes as f64 > *max) {
        let message = format!("the image file size is {}", value_text::bytes(bytes));
        let allowed = format!("at most {}", value_text::bytes(max as u64));
        out.add(Violation::new(message, value_text::bytes(bytes), allowed, remedy));
    } else if let Some(max) = limits.warn_max_bytes.filter(|max| bytes as f64 > *max) {
        let message = format!("the image file size is {}", value_text::bytes(bytes));
        let allowed = format!("at most {} (recommended)", value_text::bytes(max as u64));
        out.add(Violation::new(message, value_text::bytes(bytes), allowed, remedy).as_warning());
    }
    let Some(size) = image.stream.display_size() else {
        out.mark_undecided();
        return;
    };
    let violation = |actual: String, allowed: String| {
        Violation::new(format!("the image is {size}"), actual, allowed, remedy)
    };
    let pixels = u64::from(size.width) * u64::from(size.height);
    if let Some(max) = limits.max_pixels.filter(|max| pixels as f64 > *max) {
        out.add(violation(format!("{pixels} pixels"), format!("at most {max} pixels")));
    }
    let short = size.width.min(size.height);
    if let Some(max) = limits.max_short_side.filter(|max| f64::from(short) > *max) {
        out.add(violation(size.to_string(), format!("a shorter side of at most {max} px")));
    }
    if let Some(SizeForRatio { ratio, width, height }) =
        size_for_nearest_ratio(size, &limits.warn_min_for_ratio)
        && (size.width < width || size.height < height)
    {
        let allowed = format!("at least {width}x{height} at {} (recommended)", ratio.with_colon());
        // A fix never enlarges an image.
        let violation = Violation { remedy: Remedy::Refuse, ..violation(size.to_string(), allowed) };
        out.add(violation.as_warning());
    }
    if let Some(SizeForRatio { ratio, width, height }) =
        size_for_nearest_ratio(size, &limits.warn_max_for_ratio)
        && (size.width > width || size.height > height)
    {
        let allowed = format!("at most {width}x{height} at {} (recommended)", ratio.with_colon());
        out.add(violation(size.to_string(), allowed).as_warning());
    }
}
