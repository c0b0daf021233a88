//! `loudness`.

use crate::profile::LoudnessLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::Loudness,
    scope: Scope::Video,
    what: "Measures the integrated loudness (EBU R128). Only with --deep.",
    why: "Platforms turn down a video that is too loud; one that is too quiet is hard to hear next to \
        others.",
    remedy: "Adjust the gain and re-encode the audio.",
    source: "EBU R128, loudness normalisation",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, limits: &LoudnessLimits, out: &mut FindingCollector<'_>) {
    let Some(audio) = subject.facts.main_audio() else { return };
    let (Some(target), Some(deep)) = (limits.target_lufs, subject.deep) else { return };
    let Some(loudness) = &deep.loudness else { return };
    let tolerance = limits.tolerance_lu();
    if (loudness.integrated_lufs - target).abs() > tolerance {
        let actual = format!("{:.1} LUFS", loudness.integrated_lufs);
        let allowed = format!("{target} LUFS within {tolerance} LU");
        out.add(
            Violation::new(format!("the loudness is {actual}"), actual, allowed, Remedy::ReencodeAudio)
                .at(audio.index),
        );
    }
}
