//! `resolution`.

use crate::profile::{ResolutionLimits, SizeForRatio, size_for_nearest_ratio};
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::Resolution,
    scope: Scope::Video,
    what: "Checks the display size: width and height after rotation, with square pixels.",
    why: "Platforms refuse smaller videos and scale larger ones down badly.",
    remedy: "Scale down to the limits. Upscaling needs consent (--upscale), because it adds no detail. \
        Borders never count towards the minimum size.",
    source: "the pages of the destinations, given with each limit",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, limits: &ResolutionLimits, out: &mut FindingCollector<'_>) {
    let Some(video) = subject.video() else { return };
    let Some(size) = video.display_size() else {
        out.mark_undecided();
        return;
    };
    let mut report = |allowed: String| {
        let message = format!("the video is {size}");
        out.add(Violation::new(message, size.to_string(), allowed, Remedy::ReencodeVideo).at(video.index));
    };
    if let Some(SizeForRatio { ratio, width, height }) = size_for_nearest_ratio(size, &limits.min_for_ratio)
        && (size.width < width || size.height < height)
    {
        report(format!("at least {width}x{height} at {}", ratio.with_colon()));
    }
    let (small, large) = (size.width.min(size.height), size.width.max(size.height));
    let checks = [
        (limits.min_width, size.width, true, "a width of at least"),
        (limits.min_height, size.height, true, "a height of at least"),
        (limits.min_side, small, true, "sides of at least"),
        (limits.max_width, size.width, false, "a width of at most"),
        (limits.max_height, size.height, false, "a height of at most"),
        (limits.max_side, large, false, "sides of at most"),
    ];
    for (limit, side, is_minimum, bound) in checks {
        let Some(limit) = limit else { continue };
        let side = f64::from(side);
        if (is_minimum && side < limit) || (!is_minimum && side > limit) {
            report(format!("{bound} {limit} px"));
        }
    }
    for (limit, side, name) in
        [(limits.warn_max_side, large, "sides"), (limits.warn_max_short_side, small, "a shorter side")]
    {
        if let Some(limit) = limit.filter(|limit| f64::from(side) > *limit) {
            let (message, allowed) =
                (format!("the video is {size}"), format!("{name} of at most {limit} px (recommended)"));
            let violation = Violation::new(message, size.to_string(), allowed, Remedy::ReencodeVideo);
            out.add(violation.at(video.index).as_warning());
            break;
        }
    }
}
