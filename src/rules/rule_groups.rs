//! Groups of rules that callers treat alike.

use crate::profile::RuleId;

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
