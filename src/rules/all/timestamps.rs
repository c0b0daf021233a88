//! `timestamps`.

use crate::model::count;
use crate::profile::NoLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation, value_text};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::Timestamps,
    scope: Scope::Video,
    what: "Checks whether presentation timestamps are unique, and whether the headers declare the duration that the \
        index holds.",
    why: "A reader that believes a wrong header stops too early or refuses the video as too long or too short. \
        Strict platforms refuse a very short first frame or duplicate timestamps; remuxing does not \
        always fix them.",
    remedy: "Remux for a wrong header; re-encode the video for wrong timestamps.",
    source: "public report about a strict platform, 2026-07",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, _limits: &NoLimits, out: &mut FindingCollector<'_>) {
    let facts = subject.facts;
    if let Some((declared, measured)) = facts.contradicted_duration_s.zip(facts.measured_duration_s) {
        let (declared, measured) = (value_text::seconds(declared), value_text::seconds(measured));
        let message = format!("the header declares {declared}, the index holds {measured}");
        out.add_verbatim(Violation::new(message, declared, measured, Remedy::Remux).as_warning());
    }
    let Some(video) = subject.video() else { return };
    let Some(timing) = &video.timing else { return };
    if timing.duplicates > 0 {
        let frames = count(u64::from(timing.duplicates), "frame has", "frames have");
        let message = format!("{frames} the timestamp of another frame");
        out.add_verbatim(
            Violation::new(
                message,
                timing.duplicates.to_string(),
                "a unique timestamp for every frame",
                Remedy::ReencodeVideo,
            )
            .at(video.index),
        );
    }
}
