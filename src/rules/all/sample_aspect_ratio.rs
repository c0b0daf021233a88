//! `sample-aspect-ratio`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};
use crate::model::Rational;

rule!(
    SampleAspectRatio,
    "sample-aspect-ratio",
    what: "Whether pixels are square.",
    why: "Players and transcoders that ignore it show the video stretched; X refuses it.",
    remedy: "Encode the picture again with square pixels; where only container and bitstream disagree, rewrite the tag.",
    source: "X media best practices",
    |subject, _limits, out| {
let Some(video) = subject.video() else { return };
let Some(ratio) = video.sample_aspect_ratio else { return };
if ratio != Rational::ONE {
    let shown = ratio.with_colon();
    let says = format!("pixels are not square (sample aspect ratio {shown})");
    out.say(Violation::new(says, shown, "1:1", Remedy::ReencodeVideo).at(video.index));
}
    }
);
