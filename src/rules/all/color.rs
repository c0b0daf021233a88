//! `color`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    Color,
    "color",
    what: "Colour tags: range, primaries, transfer, matrix.",
    why: "Untagged video is guessed at by its size, so hues shift; full range is crushed by players that assume limited.",
    remedy: "Declared as BT.709, limited range, whenever the picture is encoded again.",
    source: "measured on real files and public reports of mangled uploads",
    |subject, _limits, out| {
let Some(video) = subject.video() else { return };
let color = &video.color;
if color.range.as_deref() == Some("pc") {
    let says = "samples use the full range";
    out.say(Violation::new(says, "full range", "limited range", Remedy::ReencodeVideo).at(video.index));
}
let missing: Vec<&str> = [("primaries", &color.primaries), ("transfer", &color.transfer), ("matrix", &color.matrix)]
    .into_iter()
    .filter(|(_, tag)| tag.is_none())
    .map(|(name, _)| name)
    .collect();
if !missing.is_empty() {
    let says = format!("colour {} not stated", missing.join(", "));
    out.say(Violation::new(says, "not stated", "bt709", Remedy::BitstreamFilter).at(video.index));
}
    }
);
