//! Rules: each takes the facts of a file and a profile, and returns findings.
//!
//! A rule never reads or changes a file. If a fact that it needs is unknown, the rule is undecided.
//! An undecided error-level rule makes the verdict `indeterminate`: a file with unknown facts is
//! never compliant.

mod all;
mod assess;
mod finding;
mod kept_size;
mod long_spans;
mod rule;
mod validated_asset;
mod validated_cover;
pub(crate) mod value_text;

pub use crate::profile::{Confidence, RuleId, Severity};
pub use assess::{Assessment, RuleSet, Selection, SelectionError, assess, assess_cover, find, registry};
pub use finding::{Finding, Remedy, Verdict};
pub use rule::{FindingCollector, Rule, RuleInfo, Scope, Subject, Violation};
pub use validated_asset::ValidatedAsset;
pub use validated_cover::{CoverImage, ValidatedCover};

/// Returns whether only a full decode shows violations of the rule.
pub fn needs_decode(rule: RuleId) -> bool {
    use RuleId::{Black, Freeze, Letterbox, Loudness, Silence};
    matches!(rule, Black | Freeze | Silence | Letterbox | Loudness)
}

/// Returns whether the rule is about an audio track alone.
pub(crate) fn about_audio_track(rule: RuleId) -> bool {
    use RuleId::{AudioBitRate, AudioChannels, AudioCodec, AudioSampleRate, AudioStream};
    matches!(rule, AudioStream | AudioCodec | AudioChannels | AudioSampleRate | AudioBitRate)
}

/// Returns whether the rule is about what an audio track contains, and not about whether there is one.
pub(crate) fn about_audio_content(rule: RuleId) -> bool {
    use RuleId::{AudioBitRate, AudioChannels, AudioCodec, AudioSampleRate, AvDuration, Loudness};
    matches!(rule, AudioCodec | AudioChannels | AudioSampleRate | AudioBitRate | Loudness | AvDuration)
}

#[cfg(test)]
mod tests;
