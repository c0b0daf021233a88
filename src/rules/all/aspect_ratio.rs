//! `aspect-ratio`.

use super::super::finding::Remedy;
use super::super::format;
use super::super::rule::{Violation, rule};
use crate::model::Rational;

/// A hair's breadth beside the best ratio is no reason to talk.
const PREFER_TOLERANCE: f64 = 0.01;

rule!(
    AspectRatio,
    "aspect-ratio",
    what: "Width to height as a viewer sees it: turned upright, square pixels.",
    why: "Other ratios are refused, or cropped without asking. Where several are allowed, one fills the screen.",
    remedy: "Borders (--fit pad or blur) or a cut (--fit crop) to the ratio that needs no enlarging and the fewest added pixels.",
    source: "the destinations' own pages, named with each limit",
    |subject, limits, out| {
        let Some(video) = subject.video() else { return };
        let Some(ratio) = video.display_aspect_ratio() else {
            out.unknown();
            return;
        };
        let tolerance = limits.number("tolerance").unwrap_or(0.0);
        let allow = limits.ratios("allow");
        let shown = format::ratio(ratio);
        let breach = |allowed: String| {
            let says = format!("the aspect ratio is {shown}");
            Violation::new(says, shown.clone(), allowed, Remedy::ReencodeVideo).at(video.index)
        };
        let is_allowed = allow.is_empty() || allow.iter().any(|wanted| format::near(ratio, *wanted, tolerance));
        if !is_allowed {
            out.breach(breach(format::ratios(allow)));
        }
        let (min, max) = (limits.ratios("min").first(), limits.ratios("max").first());
        let low = min.is_some_and(|min| ratio < *min && !format::near(ratio, *min, tolerance));
        let high = max.is_some_and(|max| ratio > *max && !format::near(ratio, *max, tolerance));
        if low || high {
            let end = |end: Option<&Rational>| end.map_or("any".to_owned(), |ratio| ratio.with_colon());
            out.breach(breach(format!("{} to {}", end(min), end(max))));
        }
        let prefer = limits.ratios("prefer");
        let best = prefer.is_empty()
            || prefer.iter().any(|wanted| format::near(ratio, *wanted, tolerance.max(PREFER_TOLERANCE)));
        if is_allowed && !low && !high && !best {
            let prefer = format::ratios(prefer);
            let says = format!("the aspect ratio is {shown}, which is allowed but does not fill the screen as {prefer} does");
            out.say(Violation::new(says, shown, prefer, Remedy::None).at(video.index).as_advice());
        }
    }
);
