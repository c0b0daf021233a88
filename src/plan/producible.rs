//! Refuses a plan whose encodes the profile can never accept, before anything is encoded.

use crate::profile::{Limits, Severity};

use super::audio::AudioDecision;
use super::input::PlanInput;
use super::output_spec::{AudioPlan, OutputContainer, VideoPlan};
use super::refusal::{Refusal, Refused};

/// The codec, chroma and bits of every encoded video.
const VIDEO: (&str, &str, f64) = ("h264", "4:2:0", 8.0);
/// The codec of all encoded audio, and its profile.
const AUDIO: (&str, &str) = ("aac", "LC");

/// Checks what the plan encodes and the container against the limits that refuse a file.
pub(super) fn check(
    input: &PlanInput<'_>,
    video: &VideoPlan,
    audio: &AudioDecision,
    container: OutputContainer,
) -> Result<(), Refused> {
    if let VideoPlan::Encode(encode) = video {
        let (codec, chroma, bits) = VIDEO;
        allows(input, ("video-codec", "allow"), "video codec", codec)?;
        allows(input, ("video-profile", "allow"), "video profile", encode.profile.title())?;
        allows(input, ("pixel-format", "chroma"), "chroma subsampling", chroma)?;
        within(input, ("pixel-format", Bound::Max("max_bit_depth")), "bit depth", bits)?;
    }
    let encoded = match &audio.plan {
        Some(AudioPlan::Encode(encode)) => Some((encode.sample_rate, encode.channels)),
        Some(AudioPlan::Silence { sample_rate, channels, .. }) => Some((*sample_rate, *channels)),
        Some(AudioPlan::Copy { .. }) | None => None,
    };
    if let Some((rate, channels)) = encoded {
        let (codec, profile) = AUDIO;
        allows(input, ("audio-codec", "allow"), "audio codec", codec)?;
        allows(input, ("audio-codec", "profiles"), "AAC profile", profile)?;
        allows(input, ("audio-sample-rate", "allow"), "sample rate", &rate.to_string())?;
        within(input, ("audio-sample-rate", Bound::Max("max")), "sample rate", f64::from(rate))?;
        let channels = f64::from(channels);
        within(input, ("audio-channels", Bound::Min("min")), "number of audio channels", channels)?;
        within(input, ("audio-channels", Bound::Max("max")), "number of audio channels", channels)?;
    }
    allows(input, ("extension", "allow"), "file extension", container.extension())
}

/// Returns the limits of a rule whose violations refuse a file.
fn enforced<'a>(input: &PlanInput<'a>, rule: &str) -> Option<&'a Limits> {
    input.profile.limits(rule).filter(|limits| limits.severity == Severity::Error)
}

fn allows(input: &PlanInput<'_>, (rule, key): (&str, &str), what: &str, made: &str) -> Result<(), Refused> {
    let allowed = enforced(input, rule).map(|limits| limits.strings(key)).unwrap_or_default();
    if allowed.is_empty() || allowed.iter().any(|allowed| allowed == made) {
        return Ok(());
    }
    Err(refusal(input, what, &allowed.join(", "), made))
}

/// A key that bounds a number.
#[derive(Clone, Copy)]
enum Bound {
    Min(&'static str),
    Max(&'static str),
}

fn within(input: &PlanInput<'_>, (rule, bound): (&str, Bound), what: &str, made: f64) -> Result<(), Refused> {
    let Some(limits) = enforced(input, rule) else { return Ok(()) };
    let refused = match bound {
        Bound::Min(key) => limits.number(key).filter(|min| made < *min).map(|min| format!("at least {min}")),
        Bound::Max(key) => limits.number(key).filter(|max| made > *max).map(|max| format!("at most {max}")),
    };
    refused.map_or(Ok(()), |allowed| Err(refusal(input, what, &allowed, &made.to_string())))
}

fn refusal(input: &PlanInput<'_>, what: &str, allowed: &str, made: &str) -> Refused {
    let profile = input.profile.id();
    Refusal::NotProducible.because(format!(
        "the file would have to be re-encoded, and no result would comply: the profile {profile} allows the {what} \
         {allowed}, and greenlit makes {made}. Export the video as the profile requires, or change the profile"
    ))
}
