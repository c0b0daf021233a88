//! What becomes of the picture.

use crate::model::{HdrKind, VideoStream};
use crate::profile::Severity;
use crate::rules::format;

use super::audio::Audio;
use super::duration::Length;
use super::geometry::{self, Geometry};
use super::input::PlanInput;
use super::options::Fit;
use super::outcome::Step;
use super::rates;
use super::refusal::{Refusal, Refused};
use super::spec::{AudioPlan, Canvas, Fill, ToneMap, VideoEncode, VideoTags, X264Profile};

/// The longer side of recipe 2 and 3, in pixels.
const CORE_SIDE: f64 = 1920.0;
const CONSERVATIVE_SIDE: f64 = 1280.0;

/// The geometry, with the user's consent where the picture must be enlarged.
fn geometry(case: &PlanInput<'_>, video: &VideoStream, steps: &mut Vec<Step>) -> Result<Geometry, Refused> {
    let shown = video
        .display_size()
        .ok_or_else(|| Refusal::UnknownSize.because("the size of the picture is not known"))?;
    let cap = match case.options.recipe {
        2 => Some(CORE_SIDE),
        3.. => Some(CONSERVATIVE_SIDE),
        _ => None,
    };
    let found = geometry::geometry(shown, case.profile, case.options.fit, cap).ok_or_else(|| {
        let reason = format!("no size within the limits keeps the shape of the picture ({shown})");
        Refusal::NoSize.because(reason)
    })?;
    if found.enlarged > 1.0 + 1e-6 {
        let result = found.canvas.unwrap_or(found.picture);
        if !case.options.upscale {
            return Err(Refusal::NeedsUpscale.because(format!(
                "the picture is {shown} and must be enlarged to {result}: --upscale allows it"
            )));
        }
        steps.push(Step::consented(format!("enlarged from {shown} to {}, as agreed", found.picture)));
    }
    Ok(found)
}

/// Plans an encode of the picture.
pub(super) fn encode(
    case: &PlanInput<'_>,
    video: &VideoStream,
    length: &Length,
    audio: &Audio,
    steps: &mut Vec<Step>,
) -> Result<VideoEncode, Refused> {
    let geometry = geometry(case, video, steps)?;
    let cap = if case.options.recipe >= 2 { 30.0 } else { 60.0 };
    let (frame_rate, own_rate) = rates::frame_rate(video, case.profile, cap);
    let duration = length.expected_s.or(case.length_s());
    let rate = rates::rate_control(case.options.crf, case.profile, duration, audio_bits(case, audio))?;
    let (profile, b_frames) = x264_profile(case);
    if !own_rate {
        steps.push(Step::lossy(format!(
            "constant {} frames a second",
            format::rate(frame_rate).trim_end_matches(" fps")
        )));
    }
    if let Some(reason) = &case.options.encoder_fallback {
        steps.push(Step::lossy(format!("encoder x264, because {reason}")));
    }
    let fill = match case.options.fit {
        Fit::Blur => Fill::Blur,
        Fit::Pad | Fit::Crop => Fill::Color(case.options.background.clone()),
    };
    Ok(VideoEncode {
        stream: video.index,
        deinterlace: case.has("interlaced", Severity::Advice),
        tone_map: tone_map(video),
        flip: video.flip,
        rotate: video.rotation,
        crop: geometry.crop,
        scale: geometry.picture,
        canvas: geometry.canvas.map(|size| Canvas { size, fill }),
        alpha_background: (video.alpha == Some(true)).then(|| case.options.background.clone()),
        frame_rate,
        rate,
        encoder: case.options.encoder,
        preset: case.options.preset,
        profile,
        level: None,
        gop_frames: ((frame_rate.as_f64() * 2.0).round() as u32).max(1),
        b_frames,
    })
}

/// HEVC under the tag that Apple's players know; colour declared where its absence counts.
pub(super) fn copy_tags(case: &PlanInput<'_>, video: &VideoStream) -> VideoTags {
    let codec = video.codec.as_deref();
    let rewritable = matches!(codec, Some("h264" | "hevc")) && video.hdr.is_none();
    let limited = video.color.range.as_deref() != Some("pc");
    VideoTags {
        codec_tag: (codec == Some("hevc")).then(|| "hvc1".to_owned()),
        declare_bt709: rewritable && limited && case.has("color", Severity::Warning),
        ..VideoTags::default()
    }
}

fn main_only(case: &PlanInput<'_>) -> bool {
    let allowed =
        case.profile.limits("video-profile").map(|limits| limits.words("allow")).unwrap_or_default();
    !allowed.is_empty() && !allowed.iter().any(|profile| profile == "High")
}

/// The profile, and how many B-frames may follow each other.
fn x264_profile(case: &PlanInput<'_>) -> (X264Profile, u32) {
    let conservative = case.options.recipe >= 3;
    if conservative || main_only(case) { (X264Profile::Main, 0) } else { (X264Profile::High, 2) }
}

/// What the audio takes of the bits, a second.
fn audio_bits(case: &PlanInput<'_>, audio: &Audio) -> u64 {
    match &audio.plan {
        Some(AudioPlan::Encode(encode)) => encode.bit_rate,
        Some(AudioPlan::Silence { bit_rate, .. }) => *bit_rate,
        Some(AudioPlan::Copy { .. }) => {
            case.facts.main_audio().and_then(|audio| audio.bit_rate).unwrap_or(320_000)
        }
        None => 0,
    }
}

fn tone_map(video: &VideoStream) -> Option<ToneMap> {
    let hdr = video.hdr?;
    let from = match (hdr.kind, hdr.dolby_vision.map(|vision| vision.compatibility)) {
        (HdrKind::DolbyVision, Some(4)) => HdrKind::Hlg,
        // Compatible with standard range: nothing to map.
        (HdrKind::DolbyVision, Some(2)) => return None,
        (HdrKind::DolbyVision, _) => HdrKind::Hdr10,
        (kind, _) => kind,
    };
    Some(ToneMap { from })
}
