//! `timestamps`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    Timestamps,
    "timestamps",
    what: "Checks whether presentation timestamps are regular and unique.",
    why: "Strict platforms refuse a very short first frame or duplicate timestamps; remuxing does not \
        always fix them.",
    remedy: "Retime or re-encode the video.",
    source: "public report about a strict platform, 2026-07",
    |subject, _limits, out| {
        let Some(video) = subject.video() else { return };
        let Some(timing) = &video.timing else { return };
        if timing.duplicates > 0 {
            let message = format!("{} frames have the timestamp of another frame", timing.duplicates);
            out.add_verbatim(
                Violation::new(
                    message,
                    timing.duplicates.to_string(),
                    "a unique timestamp for every frame",
                    Remedy::ReencodeVideo,
                )
                .at(video.index),
            );
        }
    }
);
