//! `image-format`.

use crate::model::ImageFormat;
use crate::profile::ImageFormatLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation, value_text};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::ImageFormat,
    scope: Scope::Image,
    what: "Checks the format of an image (a cover or an image ad), by the content of the file.",
    why: "Platforms refuse other formats. With the wrong extension, uploaders send the wrong MIME type.",
    remedy: "`greenlit fix` converts the image to JPEG or PNG, and changes the extension if only that is wrong.",
    source: "image upload API of the destination",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, limits: &ImageFormatLimits, out: &mut FindingCollector<'_>) {
    let Some(image) = subject.facts.still_image() else { return };
    let (format, allowed) = (image.format, &limits.allow);
    if !allowed.is_empty() && !allowed.contains(&format) {
        let message = format!("the image is {format}");
        out.add(Violation::new(message, format.name(), allowed.join(", "), remedy(&format)));
        return;
    }
    let natural = format.extensions();
    let extension = value_text::extension(subject.file_name).unwrap_or_else(|| "none".to_owned());
    if !natural.is_empty() && !natural.contains(&extension.as_str()) {
        let message = format!("the image is {format}, but its extension is {extension}");
        out.add_verbatim(Violation::new(message, extension, natural.join(", "), Remedy::Remux).as_warning());
    }
}

/// Returns what clears a finding that a new image clears.
pub(super) fn remedy(format: &ImageFormat) -> Remedy {
    if format.is_convertible() { Remedy::ReencodeVideo } else { Remedy::Refuse }
}
