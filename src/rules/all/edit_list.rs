//! `edit-list`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    EditListRule,
    "edit-list",
    what: "Whether an edit list trims, delays or repeats.",
    why: "Transcoders that ignore it show hidden frames or lose the delay between picture and audio. Lists that only describe the encoding are harmless and not reported.",
    remedy: "Encode what the list plays.",
    source: "YouTube and Instagram guides",
    |subject, _limits, out| {
let video = subject.facts.video.iter().map(|stream| (stream.index, &stream.edit_list));
let audio = subject.facts.audio.iter().map(|stream| (stream.index, &stream.edit_list));
for (index, list) in video.chain(audio) {
    let Some(list) = list.as_ref().filter(|list| list.kind == crate::model::EditListKind::Editing) else { continue };
    let says = format!("an edit list changes the video: {}", list.reason);
    out.say(Violation::new(says, list.reason.clone(), "no editing edit list", Remedy::ReencodeVideo).at(index));
}
    }
);
