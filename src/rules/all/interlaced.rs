//! `interlaced`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    Interlaced,
    "interlaced",
    what: "Whether frames are made of two fields, by tag; by picture with --deep.",
    why: "Moving edges show as combs; several places refuse it.",
    remedy: "Deinterlace and encode the picture again.",
    source: "YouTube and X guides",
    |subject, _limits, out| {
let Some(video) = subject.video() else { return };
let by_tag = video.field_order.as_deref().filter(|order| *order != "progressive" && *order != "unknown");
let by_picture = subject.deep.and_then(|deep| deep.interlaced_frames).filter(|(combed, seen)| *seen >= 10 && combed * 2 > *seen);
let actual = match (by_tag, by_picture) {
    (Some(order), _) => format!("interlaced ({order})"),
    (None, Some((combed, seen))) => format!("{combed} of {seen} frames combed"),
    (None, None) => return,
};
let says = format!("the picture is interlaced: {actual}");
out.say(Violation::new(says, actual, "progressive", Remedy::ReencodeVideo).at(video.index));
    }
);
