//! `gop-length`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};
use crate::model::Rational;

rule!(
    GopLength,
    "gop-length",
    what: "Checks the longest distance between key frames.",
    why: "Seeking and thumbnails become slow; very long groups of pictures have made uploads fail.",
    remedy: "Re-encode the video with a key frame every two seconds.",
    source: "measurements on real files, and public reports of damaged uploads",
    |subject, limits, out| {
        let Some(video) = subject.video() else { return };
        let Some(frames) = video.max_gop_frames else { return };
        let too_many = limits.number("max_frames").filter(|max| frames as f64 > *max);
        let rate = video.frame_rate.map(Rational::as_f64);
        let too_long = limits.number("max_s").zip(rate).filter(|(max, rate)| frames as f64 / rate > *max);
        let allowed = match (too_many, too_long) {
            (Some(max), _) => format!("at most {max} frames"),
            (None, Some((max, _))) => format!("at most {max} s"),
            (None, None) => return,
        };
        let message = format!("key frames are up to {frames} frames apart");
        out.add_verbatim(
            Violation::new(message, format!("{frames} frames"), allowed, Remedy::ReencodeVideo)
                .at(video.index),
        );
    }
);
