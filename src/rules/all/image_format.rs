//! `image-format`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};
use super::super::value_text;

rule!(
    ImageFormat,
    "image-format",
    scope: Image,
    what: "Checks the format of an image (a cover or an image ad), by the content of the file.",
    why: "Platforms refuse other formats. With the wrong extension, uploaders send the wrong MIME type.",
    remedy: "Convert the image; rename it if only the extension is wrong.",
    source: "image upload API of the destination",
    |subject, limits, out| {
        let Some(image) = subject.facts.still_image() else { return };
        let (format, allowed) = (image.format, limits.strings("allow"));
        if !allowed.is_empty() && !allowed.iter().any(|kind| kind == format) {
            let message = format!("the image is a {format} file");
            out.add(Violation::new(message, format, allowed.join(", "), Remedy::Refuse));
            return;
        }
        let natural = value_text::extensions_of(format);
        let extension = value_text::extension(subject.file_name).unwrap_or_else(|| "none".to_owned());
        if !natural.is_empty() && !natural.contains(&extension.as_str()) {
            let message = format!("the image is a {format} file, but its extension is {extension}");
            out.add_verbatim(
                Violation::new(message, extension, natural.join(", "), Remedy::Refuse).as_warning(),
            );
        }
    }
);
