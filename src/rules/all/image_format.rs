//! `image-format`.

use super::super::finding::Remedy;
use super::super::format;
use super::super::rule::{Violation, rule};

rule!(
    ImageFormat,
    "image-format",
    judges: Picture,
    what: "The kind of a picture file, by its bytes: a cover or an image ad.",
    why: "Other kinds are refused. A name that says another kind makes uploaders send the wrong type.",
    remedy: "Convert the picture; rename it where only the name is wrong.",
    source: "image upload API of the destination",
    |subject, limits, out| {
        let Some(still) = subject.facts.still() else { return };
        let (format, allowed) = (still.format, limits.words("allow"));
        if !allowed.is_empty() && !allowed.iter().any(|kind| kind == format) {
            let says = format!("the picture is a {format} file");
            out.breach(Violation::new(says, format, allowed.join(", "), Remedy::Refuse));
            return;
        }
        let natural = format::extensions_of(format);
        let ending = format::extension(subject.file_name).unwrap_or_else(|| "none".to_owned());
        if !natural.is_empty() && !natural.contains(&ending.as_str()) {
            let says = format!("the picture is a {format} file and the ending of its name is {ending}");
            out.say(Violation::new(says, ending, natural.join(", "), Remedy::Refuse).as_warning());
        }
    }
);
