//! `sample-aspect-ratio`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};
use crate::model::Rational;

rule!(
    SampleAspectRatio,
    "sample-aspect-ratio",
    what: "Checks whether the pixels are square.",
    why: "Players and transcoders that ignore the sample aspect ratio show the video stretched; X refuses \
        it.",
    remedy: "Re-encode the video with square pixels; where only container and bitstream disagree, rewrite \
        the tag.",
    source: "X media best practices",
    |subject, _limits, out| {
        let Some(video) = subject.video() else { return };
        let Some(ratio) = video.sample_aspect_ratio else { return };
        if ratio != Rational::ONE {
            let actual = ratio.with_colon();
            let message = format!("pixels are not square (sample aspect ratio {actual})");
            out.add_verbatim(Violation::new(message, actual, "1:1", Remedy::ReencodeVideo).at(video.index));
        }
    }
);
