//! `duration`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};
use super::super::value_text;

rule!(
    Duration,
    "duration",
    what: "Checks the duration of the video.",
    why: "Platforms refuse a video that is too long or too short, at upload or when the ad is created.",
    remedy: "Cut a long video with --trim; lengthen a short one with --extend loop or --extend freeze. Both \
        need consent, because they remove or add content.",
    source: "the pages of the destinations, given with each limit",
    |subject, limits, out| {
        let Some(duration) = subject.facts.effective_duration_s() else {
            out.mark_undecided();
            return;
        };
        let mut report = |allowed: String, remedy, is_error: bool| {
            let actual = value_text::seconds(duration);
            let violation =
                Violation::new(format!("the video lasts {actual}"), actual.clone(), allowed, remedy);
            out.add(if is_error { violation } else { violation.as_warning() });
        };
        // One frame over the limit is rounding in the container, not a longer video.
        let over = |limit: f64| duration > limit + 0.05;
        let under = |limit: f64| duration < limit - 0.05;
        if let Some(max) = limits.number("max_s").filter(|max| over(*max)) {
            report(format!("at most {}", value_text::seconds(max)), Remedy::Trim, true);
        } else if let Some(max) = limits.number("warn_max_s").filter(|max| over(*max)) {
            report(format!("at most {} (recommended)", value_text::seconds(max)), Remedy::Trim, false);
        }
        if let Some(min) = limits.number("min_s").filter(|min| under(*min)) {
            report(format!("at least {}", value_text::seconds(min)), Remedy::ReencodeVideo, true);
        } else if let Some(min) = limits.number("warn_min_s").filter(|min| under(*min)) {
            report(format!("at least {} (recommended)", value_text::seconds(min)), Remedy::ReencodeVideo, false);
        }
    }
);
