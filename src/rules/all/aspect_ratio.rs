//! `aspect-ratio`.

use super::super::finding::Remedy;
use super::super::rule::{Breach, rule};
use super::super::words;
use crate::model::Rational;

rule!(
    AspectRatio,
    "aspect-ratio",
    what: "Width to height as a viewer sees it: turned upright, square pixels.",
    why: "Other ratios are refused, or cropped without asking.",
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
let mut tell = |allowed: String, hard: bool| {
    let shown = words::ratio(ratio);
    let breach = Breach::new(format!("the aspect ratio is {shown}"), shown.clone(), allowed, Remedy::ReencodeVideo);
    let breach = breach.at(video.index);
    out.breach(if hard { breach } else { breach.as_warning() });
};
if !allow.is_empty() && !allow.iter().any(|wanted| words::near(ratio, *wanted, tolerance)) {
    tell(allow.iter().map(|wanted| wanted.with_colon()).collect::<Vec<_>>().join(", "), true);
}
let (min, max) = (limits.ratios("min").first(), limits.ratios("max").first());
let low = min.is_some_and(|min| ratio < *min && !words::near(ratio, *min, tolerance));
let high = max.is_some_and(|max| ratio > *max && !words::near(ratio, *max, tolerance));
if low || high {
    let end = |end: Option<&Rational>| end.map_or("any".to_owned(), |ratio| ratio.with_colon());
    tell(format!("{} to {}", end(min), end(max)), true);
}
    }
);
