//! `metadata-privacy`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    MetadataPrivacy,
    "metadata-privacy",
    judges: File,
    what: "Tags that say where, with what and by whom the video was made.",
    why: "They are published with the video unless the platform strips them.",
    remedy: "Remux without them.",
    source: "measured on real files and public reports of mangled uploads",
    |subject, _limits, out| {
let tags = &subject.facts.privacy;
if !tags.location.is_empty() {
    let names = tags.location.join(", ");
    out.say(Violation::new(format!("the file says where it was made ({names})"), names, "no position", Remedy::Remux));
}
    }
);
