//! `extension`.

use super::super::finding::Remedy;
use super::super::format;
use super::super::rule::{Violation, rule};

rule!(
    Extension,
    "extension",
    what: "The ending of the file name.",
    why: "Uploaders and platforms choose the MIME type by it; a QuickTime video named .mp4, or the other way round, is taken for the wrong thing.",
    remedy: "Rename; for a name that contradicts the bytes, remux.",
    source: "measured on real files and public reports of mangled uploads",
    |subject, limits, out| {
let allowed = limits.words("allow");
if allowed.is_empty() {
    return;
}
let extension = format::extension(subject.file_name);
let shown = extension.clone().unwrap_or_else(|| "none".to_owned());
if !extension.as_ref().is_some_and(|extension| allowed.contains(extension)) {
    let says = match &extension {
        Some(extension) => format!("the file name ends in {extension}"),
        None => "the file name has no ending".to_owned(),
    };
    out.breach(Violation::new(says, shown, allowed.join(", "), Remedy::Remux));
} else if let Some(container) = &subject.facts.container {
    let natural = format::extensions_of(container);
    if !natural.is_empty() && !natural.contains(&shown.as_str()) {
        let says = format!("the file is {container} and its name ends in {shown}");
        out.say(Violation::new(says, shown, natural.join(", "), Remedy::Remux).as_warning());
    }
}
    }
);
