//! `hdr`.

use super::super::finding::Remedy;
use super::super::format;
use super::super::rule::{Violation, rule};

rule!(
    HdrRule,
    "hdr",
    what: "High dynamic range: HLG, PQ, HDR10, Dolby Vision.",
    why: "Platforms transcode to standard range and wash the picture out; 8-bit video still tagged as HDR looks wrong everywhere.",
    remedy: "Tone-map to BT.709 and encode again; Dolby Vision without a compatible base layer cannot be read correctly and is refused.",
    source: "measured on real files and public reports of mangled uploads",
    |subject, _limits, out| {
let Some(video) = subject.video() else { return };
let Some(hdr) = video.hdr else { return };
let name = format::hdr(hdr);
let eight_bit = video.bit_depth == Some(8);
let says = if eight_bit {
    format!("8-bit samples are tagged as {name}")
} else {
    format!("the picture is {name}")
};
let unreadable = hdr.dolby_vision.is_some_and(|vision| vision.compatibility == 0);
let remedy = if unreadable { Remedy::Refuse } else { Remedy::ReencodeVideo };
out.say(Violation::new(says, name, "standard dynamic range", remedy).at(video.index));
    }
);
