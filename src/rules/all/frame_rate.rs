//! `frame-rate`.

use super::super::finding::Remedy;
use super::super::format;
use super::super::rule::{Violation, rule};

rule!(
    FrameRate,
    "frame-rate",
    what: "Frames a second, on average, compared exactly.",
    why: "Rates over the limit are refused (60.02 is over 60), very low ones too.",
    remedy: "Nearly constant rates are retimed without loss; others are encoded again at a constant rate within the limits.",
    source: "the destinations' own pages, named with each limit; public reports of refused 60.02 fps",
    |subject, limits, out| {
let Some(video) = subject.video() else { return };
let (min, max) = (limits.number("min"), limits.number("max"));
if min.is_none() && max.is_none() {
    return;
}
let Some(rate) = video.frame_rate else {
    out.unknown();
    return;
};
let value = rate.as_f64();
// 23.976 satisfies a floor of 24, as everybody who writes 24 means.
let below = min.is_some_and(|min| value < min * 0.998);
if !below && !max.is_some_and(|max| value > max) {
    return;
}
let shown = format::rate(rate);
let allowed = match (min, max) {
    (Some(min), Some(max)) => format!("{min} to {max} fps"),
    (Some(min), None) => format!("at least {min} fps"),
    (None, Some(max)) => format!("at most {max} fps"),
    (None, None) => return,
};
out.breach(Violation::new(format!("the frame rate is {shown}"), shown, allowed, Remedy::ReencodeVideo).at(video.index));
    }
);
