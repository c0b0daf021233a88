//! `letterbox`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    Letterbox,
    "letterbox",
    what: "Constant black borders inside the picture.",
    why: "The video looks small, and some places refuse borders. Seen only with --deep.",
    remedy: "Crop them off and encode again.",
    source: "Amazon creative acceptance",
    |subject, _limits, out| {
let Some(video) = subject.video() else { return };
let (Some(deep), Some(size)) = (subject.deep, video.coded_size()) else { return };
let Some([_, _, width, height]) = deep.active_picture else { return };
// A few dark lines at an edge are a camera's, not a letterbox.
if u64::from(width) * u64::from(height) * 100 < size.pixels() * 95 {
    let says = format!("the picture fills {width}x{height} of {size}, the rest is black");
    out.say(Violation::new(says, format!("{width}x{height}"), "no borders", Remedy::ReencodeVideo).at(video.index));
}
    }
);
