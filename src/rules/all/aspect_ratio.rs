//! `aspect-ratio`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};
use super::super::value_text;
use crate::model::Rational;

/// Share by which a ratio may differ from the preferred one without a finding.
const PREFER_TOLERANCE: f64 = 0.01;

rule!(
    AspectRatio,
    "aspect-ratio",
    what: "Checks the display aspect ratio: width to height after rotation, with square pixels.",
    why: "Platforms refuse or crop other ratios. Where several ratios are allowed, only one fills the \
        screen.",
    remedy: "Add borders (--fit pad or blur) or crop (--fit crop) to the ratio that needs no upscaling and \
        the fewest added pixels.",
    source: "the pages of the destinations, given with each limit",
    |subject, limits, out| {
        let Some(video) = subject.video() else { return };
        let Some(ratio) = video.display_aspect_ratio() else {
            out.mark_undecided();
            return;
        };
        let tolerance = limits.number("tolerance").unwrap_or(0.0);
        let allow = limits.ratios("allow");
        let actual = value_text::ratio(ratio);
        let violation = |allowed: String| {
            let message = format!("the aspect ratio is {actual}");
            Violation::new(message, actual.clone(), allowed, Remedy::ReencodeVideo).at(video.index)
        };
        let is_allowed = allow.is_empty()
            || allow.iter().any(|wanted| value_text::within_tolerance(ratio, *wanted, tolerance));
        if !is_allowed {
            out.add(violation(value_text::ratios(allow)));
        }
        let (min, max) = (limits.ratios("min").first(), limits.ratios("max").first());
        let low = min.is_some_and(|min| ratio < *min && !value_text::within_tolerance(ratio, *min, tolerance));
        let high = max.is_some_and(|max| ratio > *max && !value_text::within_tolerance(ratio, *max, tolerance));
        if low || high {
            let bound = |bound: Option<&Rational>| bound.map_or("any".to_owned(), |ratio| ratio.with_colon());
            out.add(violation(format!("{} to {}", bound(min), bound(max))));
        }
        let prefer = limits.ratios("prefer");
        let best = prefer.is_empty()
            || prefer
                .iter()
                .any(|wanted| value_text::within_tolerance(ratio, *wanted, tolerance.max(PREFER_TOLERANCE)));
        if is_allowed && !low && !high && !best {
            let prefer = value_text::ratios(prefer);
            let message =
                format!("the aspect ratio {actual} is allowed but does not fill the screen; {prefer} does");
            out.add_verbatim(
                Violation::new(message, actual, prefer, Remedy::None).at(video.index).as_advice(),
            );
        }
    }
);
