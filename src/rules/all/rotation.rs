//! `rotation`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    Rotation,
    "rotation",
    what: "Whether the picture must be turned or mirrored for viewing.",
    why: "A transcoder that ignores the display matrix shows the video lying on its side.",
    remedy: "Turned upright whenever the picture is encoded again anyway.",
    source: "measured on real files and public reports of mangled uploads",
    |subject, _limits, out| {
let Some(video) = subject.video() else { return };
let degrees = video.rotation.degrees();
if degrees != 0 || video.flip.is_some() {
    let flip = if video.flip.is_some() { ", mirrored" } else { "" };
    let says = format!("players must turn the picture by {degrees} degrees{flip}");
    out.say(Violation::new(says, format!("{degrees}{flip}"), "upright as coded", Remedy::ReencodeVideo).at(video.index));
}
    }
);
