//! What becomes of the audio.

use crate::model::AudioStream;
use crate::profile::{Profile, Severity};
use crate::rules::Assessment;

use super::input::PlanInput;
use super::refusal::{Refusal, Refused};
use super::spec::{AudioEncode, AudioPlan};

/// Audio codecs an MP4 carries everywhere.
const IN_MP4: &[&str] = &["aac", "mp3", "ac3", "eac3", "opus", "alac", "flac"];
const SAMPLE_RATE: u32 = 48_000;
const BIT_RATE: u64 = 128_000;

/// Whether an MP4 carries audio of this codec.
pub(super) fn goes_into_mp4(codec: &str) -> bool {
    IN_MP4.contains(&codec)
}

/// The plan for the audio, and why it is encoded where it is.
pub(super) struct Audio {
    pub(super) plan: Option<AudioPlan>,
    pub(super) why: Option<String>,
}

/// Plans the audio. `touched` says that the video's timing changes, so packets cannot be copied.
pub(super) fn plan(
    case: &PlanInput<'_>,
    touched: Option<&str>,
    encodes_anyway: bool,
) -> Result<Audio, Refused> {
    let PlanInput { facts, assessment, profile, options, .. } = *case;
    let required = profile.limits("audio-stream").is_some_and(|limits| limits.flag("required"));
    let Some(track) = facts.main_audio().filter(|track| track.decodable) else {
        if facts.audio.is_empty() && !required {
            return Ok(Audio { plan: None, why: None });
        }
        if options.add_silence {
            let silence =
                AudioPlan::Silence { sample_rate: SAMPLE_RATE, channels: 2, bit_rate: bit_rate(profile) };
            return Ok(Audio { plan: Some(silence), why: Some("a silent track is added, as agreed".into()) });
        }
        return Err(Refusal::NeedsAddSilence.because(match facts.audio.is_empty() {
            true => "audio is required and there is none: --add-silence adds a silent track",
            false => "no decoder is known for the audio: --add-silence puts a silent track in its place",
        }));
    };
    let why = reason_to_encode(track, assessment, touched, encodes_anyway);
    match why {
        None => Ok(Audio { plan: Some(AudioPlan::Copy { stream: track.index }), why: None }),
        Some(why) => {
            let encode = AudioEncode {
                stream: track.index,
                sample_rate: SAMPLE_RATE,
                channels: 2,
                bit_rate: bit_rate(profile),
                loudness_lufs: target(assessment, profile),
            };
            Ok(Audio { plan: Some(AudioPlan::Encode(encode)), why: Some(why) })
        }
    }
}

fn bit_rate(profile: &Profile) -> u64 {
    let floor = profile.limits("audio-bit-rate").and_then(|limits| limits.number("min")).unwrap_or(0.0);
    BIT_RATE.max(floor as u64)
}

fn target(assessment: &Assessment, profile: &Profile) -> Option<f64> {
    assessment
        .has("loudness", Severity::Warning)
        .then(|| profile.limits("loudness")?.number("target_lufs"))
        .flatten()
}

fn reason_to_encode(
    track: &AudioStream,
    assessment: &Assessment,
    touched: Option<&str>,
    encodes_anyway: bool,
) -> Option<String> {
    // Beside an encode of the picture a warning about the audio is cleared too; alone it is not
    // worth a generation.
    let floor = if encodes_anyway { Severity::Warning } else { Severity::Error };
    let audio_rules =
        ["audio-codec", "audio-channels", "audio-sample-rate", "audio-bit-rate", "loudness", "av-duration"];
    let finding = assessment.findings().iter().find(|finding| {
        finding.severity >= floor
            && audio_rules.contains(&finding.rule.as_str())
            && finding.stream.is_none_or(|stream| stream == track.index)
    });
    if let Some(finding) = finding {
        return Some(finding.message.clone());
    }
    if let Some(touched) = touched {
        return Some(touched.to_owned());
    }
    match track.codec.as_deref() {
        Some(codec) if goes_into_mp4(codec) => None,
        Some(codec) => Some(format!("{codec} audio does not go into an MP4")),
        None => Some("the audio codec is not known by name".to_owned()),
    }
}
