//! Decides whether the audio is copied, re-encoded, replaced with silence, or absent.

use crate::model::AudioStream;
use crate::profile::{Profile, RuleId, Severity};
use crate::rules::{Assessment, Finding, Remedy, about_audio_content};

use super::audio_tracks::KeptAudio;
use super::escalation::fits_into_mp4;
use super::input::PlanInput;
use super::output_spec::{AudioEncode, AudioPlan, JoinKind, JoinedTracks};
use super::refusal::{Refusal, Refused};

const SAMPLE_RATE: u32 = 48_000;
const BIT_RATE: u64 = 128_000;

/// The plan for the audio, with the reason if it is encoded or added.
pub(super) struct AudioDecision {
    pub(super) plan: Option<AudioPlan>,
    pub(super) reason: Option<String>,
}

/// Plans the audio. `both_reason` is set if the video's timing changes, so that audio packets cannot be copied.
pub(super) fn plan(
    input: &PlanInput<'_>,
    kept: &KeptAudio,
    both_reason: Option<&str>,
    encodes_video: bool,
) -> Result<AudioDecision, Refused> {
    let PlanInput { facts, assessment, profile, options, .. } = *input;
    let required = profile.rules().audio_stream.as_ref().is_some_and(|limits| limits.values.required);
    let Some(stream) = facts.main_audio().filter(|stream| stream.decodable) else {
        let has_audio = facts.main_audio().is_some();
        if !has_audio && !required {
            return Ok(AudioDecision { plan: None, reason: None });
        }
        if options.add_silence {
            let silence =
                AudioPlan::Silence { sample_rate: SAMPLE_RATE, channels: 2, bit_rate: bit_rate(profile) };
            let reason = "silent audio track added with your consent".to_owned();
            return Ok(AudioDecision { plan: Some(silence), reason: Some(reason) });
        }
        return Err(Refusal::NeedsAddSilence.because(match has_audio {
            false => "the profile requires audio and the file has none: --add-silence adds a silent track",
            true => {
                "no decoder is available for the audio: --add-silence replaces the audio with a silent track"
            }
        }));
    };
    let reason = kept
        .joined
        .as_ref()
        .map(|joined| reason_to_join(joined).to_owned())
        .or_else(|| reason_to_encode(stream, assessment, both_reason, encodes_video));
    match reason {
        None => Ok(AudioDecision { plan: Some(AudioPlan::Copy { stream: stream.index }), reason: None }),
        Some(reason) => {
            let encode = AudioEncode {
                stream: stream.index,
                sample_rate: SAMPLE_RATE,
                channels: 2,
                bit_rate: bit_rate(profile),
                loudness_lufs: target_loudness(assessment, profile),
                joined: kept.joined.clone(),
            };
            Ok(AudioDecision { plan: Some(AudioPlan::Encode(encode)), reason: Some(reason) })
        }
    }
}

fn reason_to_join(joined: &JoinedTracks) -> &'static str {
    match joined.how {
        JoinKind::Mix => "all audio tracks are mixed into one, as requested",
        JoinKind::LeftRight => "the two mono tracks are joined into one stereo track, left and right",
    }
}

fn bit_rate(profile: &Profile) -> u64 {
    let limits = profile.rules().audio_bit_rate.as_ref().map(|limits| &limits.values);
    let min = limits.and_then(|limits| limits.min).unwrap_or(0.0) as u64;
    let max = limits.and_then(|limits| limits.max).map_or(u64::MAX, |max| max as u64);
    BIT_RATE.max(min).min(max)
}

fn target_loudness(assessment: &Assessment, profile: &Profile) -> Option<f64> {
    assessment
        .has(RuleId::Loudness, Severity::Warning)
        .then(|| profile.rules().loudness.as_ref()?.values.target_lufs)
        .flatten()
}

/// Returns whether the file is too large only because of its audio.
fn shrinks_audio(finding: &Finding) -> bool {
    finding.rule == RuleId::FileSize && finding.remedy == Remedy::ReencodeAudio
}

fn reason_to_encode(
    stream: &AudioStream,
    assessment: &Assessment,
    both_reason: Option<&str>,
    encodes_video: bool,
) -> Option<String> {
    // If the video is re-encoded, audio warnings are fixed too; alone they do not justify a generation of
    // quality.
    let min_severity = if encodes_video { Severity::Warning } else { Severity::Error };
    let finding = assessment.findings().iter().find(|finding| {
        finding.severity >= min_severity
            && (about_audio_content(finding.rule) || shrinks_audio(finding))
            && finding.stream.is_none_or(|index| index == stream.index)
    });
    if let Some(finding) = finding {
        return Some(finding.message.clone());
    }
    if let Some(reason) = both_reason {
        return Some(reason.to_owned());
    }
    match &stream.codec {
        Some(codec) if fits_into_mp4(codec) => None,
        Some(codec) => Some(format!("an MP4 cannot hold {codec} audio")),
        None => Some("the audio codec is unknown".to_owned()),
    }
}
