//! `edit-list`.

use crate::profile::NoLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::EditList,
    scope: Scope::Video,
    what: "Checks whether an edit list trims, delays or repeats parts of a track.",
    why: "An edit list tells players which part of a track to show and when it starts. A \
        transcoder that ignores it shows hidden frames or loses the delay between video and audio. Edit lists that only describe the encoding are harmless and not reported.",
    remedy: "Re-encode what the edit list plays.",
    source: "YouTube and Instagram guides",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, _limits: &NoLimits, out: &mut FindingCollector<'_>) {
    let video = subject.facts.video.iter().map(|stream| (stream.index, &stream.edit_list));
    let audio = subject.facts.audio.iter().map(|stream| (stream.index, &stream.edit_list));
    for (index, list) in video.chain(audio) {
        let Some(list) = list.as_ref().filter(|list| list.kind == crate::model::EditListKind::Editing) else {
            continue;
        };
        let message = format!("an edit list changes playback: {}", list.reason);
        out.add_verbatim(
            Violation::new(message, list.reason.clone(), "no editing edit list", Remedy::ReencodeVideo)
                .at(index)
                .stated(),
        );
    }
}
