//! `frame-rate`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};
use super::super::value_text;

rule!(
    FrameRate,
    "frame-rate",
    what: "Checks the average frame rate. The comparison is exact.",
    why: "Platforms refuse rates over the limit (60.02 is over 60) and very low ones.",
    remedy: "Retime a nearly constant rate without loss; re-encode other videos at a constant rate within \
        the limits.",
    source: "the pages of the destinations, given with each limit; public reports of refused 60.02 fps",
    |subject, limits, out| {
        let Some(video) = subject.video() else { return };
        let (min, max) = (limits.number("min"), limits.number("max"));
        if min.is_none() && max.is_none() {
            return;
        }
        let Some(rate) = video.frame_rate else {
            out.mark_undecided();
            return;
        };
        let value = rate.as_f64();
        // 23.976 satisfies a published minimum of 24.
        let below = min.is_some_and(|min| value < min * 0.998);
        if !below && !max.is_some_and(|max| value > max) {
            return;
        }
        let actual = value_text::rate(rate);
        let allowed = match (min, max) {
            (Some(min), Some(max)) => format!("{min} to {max} fps"),
            (Some(min), None) => format!("at least {min} fps"),
            (None, Some(max)) => format!("at most {max} fps"),
            (None, None) => return,
        };
        out.add(
            Violation::new(format!("the frame rate is {actual}"), actual, allowed, Remedy::ReencodeVideo)
                .at(video.index),
        );
    }
);
