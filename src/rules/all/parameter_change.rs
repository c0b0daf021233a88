//! `parameter-change`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    ParameterChange,
    "parameter-change",
    what: "Whether size or codec parameters change within the stream.",
    why: "Transcoders set themselves up once; YouTube names it `inconsistentResolution`.",
    remedy: "Encode the picture again at one size.",
    source: "YouTube API, processing errors",
    |subject, _limits, out| {
let Some(video) = subject.video() else { return };
if let Some(changes @ 1..) = video.parameter_changes {
    let says = format!("the codec parameters change {changes} times within the video");
    out.say(Violation::new(says, changes.to_string(), "no change", Remedy::ReencodeVideo).at(video.index));
}
    }
);
