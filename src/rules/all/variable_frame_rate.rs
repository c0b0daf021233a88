//! `variable-frame-rate`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    VariableFrameRate,
    "variable-frame-rate",
    what: "Whether intervals between frames differ by more than rounding.",
    why: "Audio drifts after transcoding; several places ask for a fixed rate.",
    remedy: "Encoded again at a constant rate whenever the picture is encoded anyway.",
    source: "Meta and Amazon guides",
    |subject, _limits, out| {
let Some(video) = subject.video() else { return };
if video.variable_frame_rate == Some(true) {
    let says = "the frame rate varies within the video";
    out.say(Violation::new(says, "variable", "constant", Remedy::ReencodeVideo).at(video.index));
}
    }
);
