//! `file-size`.

use crate::profile::FileSizeLimits;
use crate::rules::{
    FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation, kept_size::remedy_for_size,
    value_text,
};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::FileSize,
    scope: Scope::Video,
    what: "Checks the size of the file.",
    why: "Platforms truncate or refuse larger uploads, and refuse empty ones.",
    remedy: "Remux if the video and audio alone fit: padding, other tracks and attachments are dropped. Otherwise \
        re-encode at a bit rate that fits.",
    source: "the pages of the destinations, given with each limit",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, limits: &FileSizeLimits, out: &mut FindingCollector<'_>) {
    let size = subject.facts.size_bytes;
    let bytes = |limit: Option<f64>| limit.map(|limit| limit as u64);
    if let Some(max) = bytes(limits.max_bytes).filter(|max| size > *max) {
        let allowed = format!("at most {}", value_text::bytes(max));
        out.add(Violation::new(
            format!("the file size is {}", value_text::bytes(size)),
            value_text::bytes(size),
            allowed,
            remedy_for_size(subject.facts, max),
        ));
    } else if let Some(max) = bytes(limits.warn_max_bytes).filter(|max| size > *max) {
        let allowed = format!("at most {} (recommended)", value_text::bytes(max));
        let message = format!("the file size is {}", value_text::bytes(size));
        let remedy = remedy_for_size(subject.facts, max);
        out.add(Violation::new(message, value_text::bytes(size), allowed, remedy).as_warning());
    }
    if let Some(min) = bytes(limits.min_bytes).filter(|min| size < *min) {
        let allowed = format!("at least {}", value_text::bytes(min));
        out.add(Violation::new(
            format!("the file size is {}", value_text::bytes(size)),
            value_text::bytes(size),
            allowed,
            Remedy::ReencodeVideo,
        ));
    }
}
