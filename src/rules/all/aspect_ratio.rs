//! `aspect-ratio`.

use crate::model::Rational;
use crate::profile::{AspectRatioLimits, within_tolerance};
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation, value_text};

/// Share by which a ratio may differ from the preferred one without a finding.
const PREFER_TOLERANCE: f64 = 0.01;

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::AspectRatio,
    scope: Scope::Video,
    what: "Checks the display aspect ratio: width to height after rotation, with square pixels.",
    why: "Platforms refuse or crop other ratios. Where several ratios are allowed, only one fills the \
        screen.",
    remedy: "Add borders (--fit pad or blur) or crop (--fit crop) to the ratio that needs no upscaling and \
        the fewest added pixels.",
    source: "the pages of the destinations, given with each limit",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, limits: &AspectRatioLimits, out: &mut FindingCollector<'_>) {
    let Some(video) = subject.video() else { return };
    let Some(ratio) = video.display_aspect_ratio() else {
        out.mark_undecided();
        return;
    };
    let actual = value_text::ratio(ratio);
    let violation = |allowed: String| {
        let message = format!("the aspect ratio is {actual}");
        Violation::new(message, actual.clone(), allowed, Remedy::ReencodeVideo).at(video.index)
    };
    if !limits.is_listed(ratio) {
        out.add(violation(value_text::ratios(&limits.allow)));
    }
    if !limits.is_between(ratio) {
        let bound = |bound: Option<Rational>| bound.map_or("any".to_owned(), |ratio| ratio.with_colon());
        out.add(violation(format!("{} to {}", bound(limits.min), bound(limits.max))));
    }
    let prefer = &limits.prefer;
    let best = prefer.is_empty()
        || prefer
            .iter()
            .any(|wanted| within_tolerance(ratio, *wanted, limits.tolerance().max(PREFER_TOLERANCE)));
    if limits.allows(ratio) && !best {
        let prefer = value_text::ratios(prefer);
        let message =
            format!("the aspect ratio {actual} is allowed but does not fill the screen; {prefer} does");
        out.add_verbatim(Violation::new(message, actual, prefer, Remedy::None).at(video.index).as_advice());
    }
}
