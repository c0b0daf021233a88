//! `resolution`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};
use crate::model::Rational;

rule!(
    Resolution,
    "resolution",
    what: "The size of the picture as a viewer sees it: turned upright, square pixels.",
    why: "Smaller pictures are refused, larger ones scaled down badly.",
    remedy: "Scale down within the limits; enlarging needs consent (--upscale), because it adds no detail. Borders never count towards the least size.",
    source: "the destinations' own pages, named with each limit",
    |subject, limits, out| {
let Some(video) = subject.video() else { return };
let Some(size) = video.display_size() else {
    out.unknown();
    return;
};
let mut tell = |allowed: String| {
    let says = format!("the picture is {size}");
    out.breach(Violation::new(says, size.to_string(), allowed, Remedy::ReencodeVideo).at(video.index));
};
let floors = limits.sizes("min_for_ratio");
if let Some((ratio, width, height)) = nearest_floor(size, floors)
    && (size.width < width || size.height < height)
{
    tell(format!("at least {width}x{height} at {}", ratio.with_colon()));
}
let (small, large) = (size.width.min(size.height), size.width.max(size.height));
let checks = [
    ("min_width", size.width, true, "width at least"),
    ("min_height", size.height, true, "height at least"),
    ("min_side", small, true, "each side at least"),
    ("max_width", size.width, false, "width at most"),
    ("max_height", size.height, false, "height at most"),
    ("max_side", large, false, "each side at most"),
];
for (key, side, is_floor, word) in checks {
    let Some(limit) = limits.number(key) else { continue };
    let side = f64::from(side);
    if (is_floor && side < limit) || (!is_floor && side > limit) {
        tell(format!("{word} {limit} px"));
    }
}
for (key, side, word) in [("warn_max_side", large, "each side"), ("warn_max_short_side", small, "the shorter side")] {
    if let Some(limit) = limits.number(key).filter(|limit| f64::from(side) > *limit) {
        let (says, allowed) = (format!("the picture is {size}"), format!("safely {word} at most {limit} px"));
        let breach = Violation::new(says, size.to_string(), allowed, Remedy::ReencodeVideo);
        out.breach(breach.at(video.index).as_warning());
        break;
    }
}
    }
);

/// The floor of the ratio that is nearest to the picture's own, compared as factors.
pub fn nearest_floor(
    size: crate::model::Size,
    floors: &[(Rational, u32, u32)],
) -> Option<(Rational, u32, u32)> {
    let ratio = f64::from(size.width) / f64::from(size.height.max(1));
    let distance = |floor: &&(Rational, u32, u32)| (ratio / floor.0.as_f64()).ln().abs();
    floors.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).copied()
}
