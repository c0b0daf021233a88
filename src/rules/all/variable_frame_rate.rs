//! `variable-frame-rate`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    VariableFrameRate,
    "variable-frame-rate",
    what: "Checks whether the intervals between frames differ by more than rounding.",
    why: "Audio drifts after transcoding, and several platforms ask for a constant frame rate.",
    remedy: "Use a constant frame rate whenever the video is re-encoded for another reason.",
    source: "Meta and Amazon guides",
    |subject, _limits, out| {
        let Some(video) = subject.video() else { return };
        if video.variable_frame_rate == Some(true) {
            let message = "the frame rate varies within the video";
            out.add_verbatim(
                Violation::new(message, "variable", "constant", Remedy::ReencodeVideo)
                    .at(video.index)
                    .stated(),
            );
        }
    }
);
