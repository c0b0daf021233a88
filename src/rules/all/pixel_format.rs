//! `pixel-format`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    PixelFormat,
    "pixel-format",
    what: "Chroma subsampling and bit depth.",
    why: "10-bit, 4:2:2, 4:4:4 and alpha are not decoded by browsers and phones; an uploaded video in them fails in processing or shows wrong colours.",
    remedy: "Encode the picture again in 8-bit 4:2:0; transparency is put over a background.",
    source: "X media best practices",
    |subject, limits, out| {
let Some(video) = subject.video() else { return };
let chroma = limits.words("chroma");
let max_depth = limits.number("max_bit_depth");
let (Some(format), Some(depth)) = (&video.pixel_format, video.bit_depth) else {
    out.unknown();
    return;
};
let chroma_ok = chroma.is_empty() || video.chroma.as_ref().is_some_and(|found| chroma.contains(found));
let depth_ok = max_depth.is_none_or(|max| f64::from(depth) <= max);
let opaque = video.alpha != Some(true);
if !(chroma_ok && depth_ok && opaque) {
    let depth = max_depth.map_or(String::new(), |max| format!("{max}-bit "));
    let allowed = format!("{depth}{}", chroma.join(", "));
    let says = format!("the pixel format is {format}");
    out.breach(Violation::new(says, format.clone(), allowed, Remedy::ReencodeVideo).at(video.index));
}
    }
);
