//! `stream-order`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    StreamOrder,
    "stream-order",
    what: "Whether the picture comes before the audio.",
    why: "Seen together with an unexplained format failure on TikTok.",
    remedy: "Remux with the picture first.",
    source: "public report (gitroomhq/postiz-app#814)",
    |subject, _limits, out| {
let (Some(video), Some(audio)) = (subject.facts.video.first(), subject.facts.audio.first()) else { return };
if audio.index < video.index {
    out.say(Violation::new("the audio comes before the picture", "audio first", "video first", Remedy::Remux));
}
    }
);
