//! `even-dimensions`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    EvenDimensions,
    "even-dimensions",
    what: "Whether both sides of the coded picture are even.",
    why: "4:2:0 chroma covers two by two pixels; encoders behind the upload fail on an odd side or drop a line.",
    remedy: "Encode the picture again with even sides.",
    source: "measured on real files and public reports of mangled uploads",
    |subject, _limits, out| {
let Some(video) = subject.video() else { return };
let Some(size) = video.coded_size() else {
    out.unknown();
    return;
};
if size.width % 2 == 1 || size.height % 2 == 1 {
    let says = format!("a side of the picture is odd ({size})");
    out.say(Violation::new(says, size.to_string(), "even width and height", Remedy::ReencodeVideo).at(video.index));
}
    }
);
