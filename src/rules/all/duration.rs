//! `duration`.

use crate::profile::{DurationLimits, is_longer, is_shorter};
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation, value_text};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::Duration,
    scope: Scope::Video,
    what: "Checks the duration of the video.",
    why: "Platforms refuse a video that is too long or too short, at upload or when the ad is created.",
    remedy: "Cut a long video with --trim; lengthen a short one with --extend loop or --extend freeze. Both \
        need consent, because they remove or add content.",
    source: "the pages of the destinations, given with each limit",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, limits: &DurationLimits, out: &mut FindingCollector<'_>) {
    let Some(duration) = subject.facts.effective_duration_s() else {
        out.mark_undecided();
        return;
    };
    let mut report = |allowed: String, remedy, is_error: bool| {
        let actual = value_text::seconds(duration);
        let violation = Violation::new(format!("the video lasts {actual}"), actual.clone(), allowed, remedy);
        out.add(if is_error { violation } else { violation.as_warning() });
    };
    if let Some(max) = limits.max_s.filter(|max| is_longer(duration, *max)) {
        report(format!("at most {}", value_text::seconds(max)), Remedy::Trim, true);
    } else if let Some(max) = limits.warn_max_s.filter(|max| is_longer(duration, *max)) {
        report(format!("at most {} (recommended)", value_text::seconds(max)), Remedy::Trim, false);
    }
    if let Some(min) = limits.min_s.filter(|min| is_shorter(duration, *min)) {
        report(format!("at least {}", value_text::seconds(min)), Remedy::ReencodeVideo, true);
    } else if let Some(min) = limits.warn_min_s.filter(|min| is_shorter(duration, *min)) {
        report(format!("at least {} (recommended)", value_text::seconds(min)), Remedy::ReencodeVideo, false);
    }
}
