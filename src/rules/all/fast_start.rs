//! `fast-start`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    FastStart,
    "fast-start",
    what: "Whether the index (`moov`) lies before the media data.",
    why: "Processing cannot start before the last byte; several places refuse it (`nonStreamableMov`).",
    remedy: "Remux: the index moves, nothing else.",
    source: "YouTube API, processing hints",
    |subject, _limits, out| {
if subject.facts.fast_start == Some(false) && subject.facts.fragmented != Some(true) {
    let says = "the index (moov) lies behind the media data";
    out.say(Violation::new(says, "moov last", "moov first", Remedy::Remux));
}
    }
);
