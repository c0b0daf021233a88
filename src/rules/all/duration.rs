//! `duration`.

use super::super::finding::Remedy;
use super::super::format;
use super::super::rule::{Violation, rule};

rule!(
    Duration,
    "duration",
    what: "How long the video lasts.",
    why: "Too long or too short a video is refused at upload, or when the ad is created.",
    remedy: "Cut a long video with --trim; make a short one longer with --extend loop or --extend freeze. Both need consent: content is neither lost nor invented by default.",
    source: "the destinations' own pages, named with each limit",
    |subject, limits, out| {
let Some(duration) = subject.facts.effective_duration_s() else {
    out.unknown();
    return;
};
let mut tell = |allowed: String, remedy, hard: bool| {
    let shown = format::seconds(duration);
    let breach = Violation::new(format!("the video lasts {shown}"), shown.clone(), allowed, remedy);
    out.breach(if hard { breach } else { breach.as_warning() });
};
// A frame more than the limit is rounding in the container, not a longer video.
let over = |limit: f64| duration > limit + 0.05;
let under = |limit: f64| duration < limit - 0.05;
if let Some(max) = limits.number("max_s").filter(|max| over(*max)) {
    tell(format!("at most {}", format::seconds(max)), Remedy::Trim, true);
} else if let Some(max) = limits.number("warn_max_s").filter(|max| over(*max)) {
    tell(format!("safely at most {}", format::seconds(max)), Remedy::Trim, false);
}
if let Some(min) = limits.number("min_s").filter(|min| under(*min)) {
    tell(format!("at least {}", format::seconds(min)), Remedy::ReencodeVideo, true);
} else if let Some(min) = limits.number("warn_min_s").filter(|min| under(*min)) {
    tell(format!("safely at least {}", format::seconds(min)), Remedy::ReencodeVideo, false);
}
    }
);
