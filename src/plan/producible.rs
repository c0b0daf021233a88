//! Refuses a plan whose encodes the profile can never accept, before anything is encoded.

use std::borrow::Borrow;
use std::fmt::Display;

use crate::model::Codec;
use crate::profile::Limits;

use super::audio::AudioDecision;
use super::input::PlanInput;
use super::output_spec::{AudioPlan, OutputContainer, VideoPlan};
use super::refusal::{Refusal, Refused};

/// The codec, chroma and bits of every encoded video.
const VIDEO: (Codec, &str, f64) = (Codec::H264, "4:2:0", 8.0);
/// The codec of all encoded audio, and its profile.
const AUDIO: (Codec, &str) = (Codec::Aac, "LC");

/// Checks what the plan encodes and the container against the limits that refuse a file.
pub(super) fn check(
    input: &PlanInput<'_>,
    video: &VideoPlan,
    audio: &AudioDecision,
    container: OutputContainer,
) -> Result<(), Refused> {
    let rules = input.profile.rules();
    if let VideoPlan::Encode(encode) = video {
        let (codec, chroma, bits) = VIDEO;
        if let Some(limits) = rules.video_codec.as_ref().and_then(Limits::enforced) {
            allows(input, &limits.allow, "video codec", &codec)?;
        }
        if let Some(limits) = rules.video_profile.as_ref().and_then(Limits::enforced) {
            allows(input, &limits.allow, "video profile", encode.profile.title())?;
        }
        if let Some(limits) = rules.pixel_format.as_ref().and_then(Limits::enforced) {
            allows(input, &limits.chroma, "chroma subsampling", chroma)?;
            within(input, (None, limits.max_bit_depth), "bit depth", bits)?;
        }
    }
    let encoded = match &audio.plan {
        Some(AudioPlan::Encode(encode)) => Some((encode.sample_rate, encode.channels)),
        Some(AudioPlan::Silence { sample_rate, channels, .. }) => Some((*sample_rate, *channels)),
        Some(AudioPlan::Copy { .. }) | None => None,
    };
    if let Some((rate, channels)) = encoded {
        let (codec, profile) = AUDIO;
        if let Some(limits) = rules.audio_codec.as_ref().and_then(Limits::enforced) {
            allows(input, &limits.allow, "audio codec", &codec)?;
            allows(input, &limits.profiles, "AAC profile", profile)?;
        }
        if let Some(limits) = rules.audio_sample_rate.as_ref().and_then(Limits::enforced) {
            let rates: Vec<String> = limits.allow.iter().map(u32::to_string).collect();
            allows(input, &rates, "sample rate", &*rate.to_string())?;
            within(input, (None, limits.max), "sample rate", f64::from(rate))?;
        }
        if let Some(limits) = rules.audio_channels.as_ref().and_then(Limits::enforced) {
            within(input, (limits.min, limits.max), "number of audio channels", f64::from(channels))?;
        }
    }
    match rules.extension.as_ref().and_then(Limits::enforced) {
        Some(limits) => allows(input, &limits.allow, "file extension", container.extension()),
        None => Ok(()),
    }
}

fn allows<T: PartialEq<M> + Borrow<str>, M: Display + ?Sized>(
    input: &PlanInput<'_>,
    allowed: &[T],
    what: &str,
    made: &M,
) -> Result<(), Refused> {
    if allowed.is_empty() || allowed.iter().any(|allowed| allowed == made) {
        return Ok(());
    }
    Err(refusal(input, what, &allowed.join(", "), &made.to_string()))
}

fn within(
    input: &PlanInput<'_>,
    (min, max): (Option<f64>, Option<f64>),
    what: &str,
    made: f64,
) -> Result<(), Refused> {
    let low = min.filter(|min| made < *min).map(|min| format!("at least {min}"));
    let high = max.filter(|max| made > *max).map(|max| format!("at most {max}"));
    low.or(high).map_or(Ok(()), |allowed| Err(refusal(input, what, &allowed, &made.to_string())))
}

fn refusal(input: &PlanInput<'_>, what: &str, allowed: &str, made: &str) -> Refused {
    let profile = input.profile.id();
    Refusal::NotProducible.because(format!(
        "the file would have to be re-encoded, and no result would comply: the profile {profile} allows the {what} \
         {allowed}, and greenlit makes {made}. Export the video as the profile requires, or change the profile"
    ))
}
