//! `fragmented`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    Fragmented,
    "fragmented",
    what: "Whether an MP4 is made of movie fragments.",
    why: "Fragments have no index over the whole video; some ingests refuse them.",
    remedy: "Remux into one plain MP4.",
    source: "measured on real files and public reports of mangled uploads",
    |subject, _limits, out| {
if subject.facts.fragmented == Some(true) {
    out.say(Violation::new("the file is a fragmented MP4", "fragmented", "one plain movie", Remedy::Remux));
}
    }
);
