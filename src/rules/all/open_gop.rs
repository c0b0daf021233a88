//! `open-gop`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    OpenGop,
    "open-gop",
    what: "Whether every group of pictures can be decoded on its own.",
    why: "Segmenting transcoders cut at key frames; leading pictures of an open group refer across the cut.",
    remedy: "Encode the picture again with closed groups.",
    source: "X, Meta and YouTube guides",
    |subject, _limits, out| {
let Some(video) = subject.video() else { return };
if video.closed_gop == Some(false) {
    let says = "pictures refer across key frames (open GOP)";
    out.say(Violation::new(says, "open", "closed GOP", Remedy::ReencodeVideo).at(video.index));
}
    }
);
