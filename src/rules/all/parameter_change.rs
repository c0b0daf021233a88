//! `parameter-change`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    ParameterChange,
    "parameter-change",
    what: "Checks whether the frame size or the codec parameters change within the stream.",
    why: "Transcoders configure themselves once; YouTube reports `inconsistentResolution`.",
    remedy: "Re-encode the video at one size.",
    source: "YouTube API, processing errors",
    |subject, _limits, out| {
        let Some(video) = subject.video() else { return };
        if let Some(changes @ 1..) = video.parameter_changes {
            let message = format!("the codec parameters change {changes} times within the video");
            out.add_verbatim(
                Violation::new(message, changes.to_string(), "no change", Remedy::ReencodeVideo)
                    .at(video.index).stated(),
            );
        }
    }
);
