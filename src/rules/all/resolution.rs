//! `resolution`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};
use crate::model::Rational;

rule!(
    Resolution,
    "resolution",
    what: "Checks the display size: width and height after rotation, with square pixels.",
    why: "Platforms refuse smaller videos and scale larger ones down badly.",
    remedy: "Scale down to the limits. Upscaling needs consent (--upscale), because it adds no detail. \
        Borders never count towards the minimum size.",
    source: "the pages of the destinations, given with each limit",
    |subject, limits, out| {
        let Some(video) = subject.video() else { return };
        let Some(size) = video.display_size() else {
            out.mark_undecided();
            return;
        };
        let mut report = |allowed: String| {
            let message = format!("the video is {size}");
            out.add(
                Violation::new(message, size.to_string(), allowed, Remedy::ReencodeVideo).at(video.index),
            );
        };
        let minimums = limits.sizes("min_for_ratio");
        if let Some((ratio, width, height)) = size_for_nearest_ratio(size, minimums)
            && (size.width < width || size.height < height)
        {
            report(format!("at least {width}x{height} at {}", ratio.with_colon()));
        }
        let (small, large) = (size.width.min(size.height), size.width.max(size.height));
        let checks = [
            ("min_width", size.width, true, "a width of at least"),
            ("min_height", size.height, true, "a height of at least"),
            ("min_side", small, true, "sides of at least"),
            ("max_width", size.width, false, "a width of at most"),
            ("max_height", size.height, false, "a height of at most"),
            ("max_side", large, false, "sides of at most"),
        ];
        for (key, side, is_minimum, bound) in checks {
            let Some(limit) = limits.number(key) else { continue };
            let side = f64::from(side);
            if (is_minimum && side < limit) || (!is_minimum && side > limit) {
                report(format!("{bound} {limit} px"));
            }
        }
        for (key, side, name) in
            [("warn_max_side", large, "sides"), ("warn_max_short_side", small, "a shorter side")]
        {
            if let Some(limit) = limits.number(key).filter(|limit| f64::from(side) > *limit) {
                let (message, allowed) =
                    (format!("the video is {size}"), format!("{name} of at most {limit} px (recommended)"));
                let violation = Violation::new(message, size.to_string(), allowed, Remedy::ReencodeVideo);
                out.add(violation.at(video.index).as_warning());
                break;
            }
        }
    }
);

/// Returns the entry of `sizes` whose ratio is nearest to the ratio of `size`, compared as factors.
pub fn size_for_nearest_ratio(
    size: crate::model::Size,
    sizes: &[(Rational, u32, u32)],
) -> Option<(Rational, u32, u32)> {
    let ratio = f64::from(size.width) / f64::from(size.height.max(1));
    let distance = |entry: &&(Rational, u32, u32)| (ratio / entry.0.as_f64()).ln().abs();
    sizes.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).copied()
}
