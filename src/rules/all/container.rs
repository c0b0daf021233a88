//! `container`.

use crate::profile::ContainerLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::Container,
    scope: Scope::Video,
    what: "Checks the container format, by the content of the file and not by its name.",
    why: "Platforms refuse other formats, or accept the upload and never process it.",
    remedy: "Remux into MP4; the packets are copied bit for bit.",
    source: "the pages of the destinations, given with each limit",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, limits: &ContainerLimits, out: &mut FindingCollector<'_>) {
    let allowed = &limits.allow;
    if allowed.is_empty() {
        return;
    }
    match &subject.facts.container {
        None => out.mark_undecided(),
        Some(container) if allowed.contains(container) => {
            let better = &limits.warn_allow;
            if !better.is_empty() && !better.contains(container) {
                let message =
                    format!("the container is {container}, which not every page of {} lists", out.platform());
                out.add_verbatim(
                    Violation::new(message, container.name(), better.join(", "), Remedy::Remux).as_warning(),
                );
            }
        }
        Some(container) => out.add(Violation::new(
            format!("the container is {container}"),
            container.name(),
            allowed.join(", "),
            Remedy::Remux,
        )),
    }
}
