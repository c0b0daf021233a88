//! `letterbox`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    Letterbox,
    "letterbox",
    what: "Finds constant black borders inside the frame. Only with --deep.",
    why: "The video looks small, and some platforms refuse borders.",
    remedy: "Crop the borders and re-encode the video.",
    source: "Amazon creative acceptance",
    |subject, _limits, out| {
        let Some(video) = subject.video() else { return };
        let (Some(deep), Some(size)) = (subject.deep, video.coded_size()) else { return };
        let Some([_, _, width, height]) = deep.active_area else { return };
        // Cameras leave a few dark lines at an edge, which are no letterbox.
        if u64::from(width) * u64::from(height) * 100 < size.pixels() * 95 {
            let message = format!("the content fills {width}x{height} of {size}; the rest is a black border");
            out.add_verbatim(
                Violation::new(message, format!("{width}x{height}"), "no borders", Remedy::ReencodeVideo)
                    .at(video.index),
            );
        }
    }
);
