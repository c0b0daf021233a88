//! `timestamps`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    Timestamps,
    "timestamps",
    what: "Whether presentation times are regular and never repeat.",
    why: "Strict ingests refuse a runt first frame or doubled times; remuxing does not always cure it.",
    remedy: "Retime or encode again.",
    source: "public report of a strict ingest, 2026-07",
    |subject, _limits, out| {
let Some(video) = subject.video() else { return };
let Some(timing) = &video.timing else { return };
if timing.duplicates > 0 {
    let says = format!("{} frames have the time of another", timing.duplicates);
    out.say(Violation::new(says, timing.duplicates.to_string(), "every frame at its own time", Remedy::ReencodeVideo).at(video.index));
}
    }
);
