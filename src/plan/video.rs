//! Plans the encode of the video stream, and the tags of a copied one.

use crate::model::{Codec, HdrKind, VideoStream, display_size};
use crate::profile::{RuleId, Severity};
use crate::rules::value_text;

use super::audio::AudioDecision;
use super::colors;
use super::duration::PlannedDuration;
use super::encode_mode::EncodeMode;
use super::encode_rates;
use super::geometry::{self, Geometry};
use super::input::PlanInput;
use super::options::Fit;
use super::outcome::FixStep;
use super::output_spec::{AudioPlan, Canvas, Fill, PartFit, ToneMap, VideoEncode, VideoTags, X264Profile};
use super::refusal::{Refusal, Refused};

/// The maximum longer side in encode mode common core, in pixels.
const CORE_SIDE: f64 = 1920.0;
/// The maximum longer side in encode mode conservative, in pixels.
const CONSERVATIVE_SIDE: f64 = 1280.0;

/// Plans the geometry; refuses to enlarge the video without the user's consent.
fn plan_geometry(
    input: &PlanInput<'_>,
    video: &VideoStream,
    steps: &mut Vec<FixStep>,
) -> Result<Geometry, Refused> {
    // The part that comes first decides; others are fitted into its frame.
    let coded = video.first_size();
    let displayed =
        coded.map(|coded| display_size(coded, video.sample_aspect_ratio, video.rotation)).ok_or_else(
            || Refusal::UnknownSize.because("the width and height of the video cannot be read from the file"),
        )?;
    let cap = match input.options.encode_mode {
        EncodeMode::Planned => None,
        EncodeMode::CommonCore => Some(CORE_SIDE),
        EncodeMode::Conservative => Some(CONSERVATIVE_SIDE),
    };
    let geometry = geometry::geometry(displayed, input.profile, input.options.fit, cap).ok_or_else(|| {
        let reason =
            format!("no frame size within the limits keeps the aspect ratio of the video ({displayed})");
        Refusal::NoSize.because(reason)
    })?;
    if geometry.enlarged > 1.0 + 1e-6 {
        let result = geometry.canvas.unwrap_or(geometry.scaled);
        if !input.options.upscale {
            return Err(Refusal::NeedsUpscale.because(format!(
                "the video is {displayed} and must be enlarged to {result}: --upscale allows it"
            )));
        }
        steps.push(FixStep::consented(format!(
            "enlarged from {displayed} to {} with your consent",
            geometry.scaled
        )));
    }
    Ok(geometry)
}

/// Plans the encode of the video stream.
pub(super) fn encode(
    input: &PlanInput<'_>,
    video: &VideoStream,
    duration: &PlannedDuration,
    audio: &AudioDecision,
    steps: &mut Vec<FixStep>,
) -> Result<VideoEncode, Refused> {
    let geometry = plan_geometry(input, video, steps)?;
    let undeclared = colors::undeclared(video)?;
    let cap = if input.options.encode_mode.encodes_everything() { 30.0 } else { 60.0 };
    let (frame_rate, own_rate) = encode_rates::frame_rate(video, input.profile, cap);
    let expected_s = duration.expected_s.or(input.duration_s());
    let rate = encode_rates::rate_control(
        input.options.crf,
        input.profile,
        expected_s,
        audio_bit_rate(input, audio),
    )?;
    let (profile, b_frames) = x264_profile(input);
    if !own_rate {
        steps.push(FixStep::lossy(format!(
            "converted to a constant frame rate of {} fps",
            value_text::rate(frame_rate).trim_end_matches(" fps")
        )));
    }
    if let Some(reason) = &input.options.encoder_fallback {
        steps.push(FixStep::lossy(format!("encoded with x264 in software: {reason}")));
    }
    let fill = match input.options.fit {
        Fit::Blur => Fill::Blur,
        Fit::Pad | Fit::Crop => Fill::Color(input.options.background.clone()),
    };
    Ok(VideoEncode {
        stream: video.index,
        undeclared,
        deinterlace: input.has(RuleId::Interlaced, Severity::Advice),
        tone_map: tone_map(video),
        flip: video.flip,
        rotate: video.rotation,
        crop: geometry.crop,
        scale: geometry.scaled,
        canvas: geometry.canvas.map(|size| Canvas { size, fill: fill.clone() }),
        part_fit: match input.options.fit {
            Fit::Crop => PartFit::Crop,
            Fit::Pad | Fit::Blur => PartFit::Pad(fill),
        },
        alpha_background: (video.alpha == Some(true)).then(|| input.options.background.clone()),
        frame_rate,
        rate,
        encoder: input.options.encoder,
        preset: input.options.preset,
        profile,
        gop_frames: ((frame_rate.as_f64() * 2.0).round() as u32).max(1),
        b_frames,
    })
}

/// Returns the tags of a copied stream: the HEVC tag that Apple's players require, and BT.709 if the rule `color`
/// has a finding.
pub(super) fn copy_tags(input: &PlanInput<'_>, video: &VideoStream) -> VideoTags {
    let rewritable = matches!(video.codec, Some(Codec::H264 | Codec::Hevc)) && video.hdr.is_none();
    let limited = video.color.range.as_deref() != Some("pc");
    // A tag that says otherwise is not replaced: the samples stay as they are.
    let is_bt709 = |tag: &Option<String>| tag.as_deref().is_none_or(|tag| tag == "bt709");
    let undeclared =
        is_bt709(&video.color.primaries) && is_bt709(&video.color.transfer) && is_bt709(&video.color.matrix);
    // Samples that are read by another matrix are not those of BT.709 either.
    let undeclared = undeclared && video.undeclared_colors().0.is_bt709();
    VideoTags {
        codec_tag: (video.codec == Some(Codec::Hevc)).then(|| "hvc1".to_owned()),
        declare_bt709: rewritable && limited && undeclared && input.has(RuleId::Color, Severity::Warning),
    }
}

fn main_only(input: &PlanInput<'_>) -> bool {
    let Some(limits) = &input.profile.rules().video_profile else { return false };
    let allowed = &limits.values.allow;
    !allowed.is_empty() && !allowed.iter().any(|profile| profile == "High")
}

/// Returns the H.264 profile and the number of consecutive B-frames.
fn x264_profile(input: &PlanInput<'_>) -> (X264Profile, u32) {
    if input.options.encode_mode.is_conservative() || main_only(input) {
        (X264Profile::Main, 0)
    } else {
        (X264Profile::High, 2)
    }
}

/// Returns the bit rate of the output's audio in bits per second; 320 kb/s is assumed for a copy of unknown rate.
fn audio_bit_rate(input: &PlanInput<'_>, audio: &AudioDecision) -> u64 {
    match &audio.plan {
        Some(AudioPlan::Encode(encode)) => encode.bit_rate,
        Some(AudioPlan::Silence { bit_rate, .. }) => *bit_rate,
        Some(AudioPlan::Copy { .. }) => {
            input.facts.main_audio().and_then(|audio| audio.bit_rate).unwrap_or(320_000)
        }
        None => 0,
    }
}

fn tone_map(video: &VideoStream) -> Option<ToneMap> {
    let hdr = video.hdr?;
    let from = match (hdr.kind, hdr.dolby_vision.map(|vision| vision.compatibility)) {
        (HdrKind::DolbyVision, Some(4)) => HdrKind::Hlg,
        // The base layer is SDR.
        (HdrKind::DolbyVision, Some(2)) => return None,
        (HdrKind::DolbyVision, _) => HdrKind::Hdr10,
        (kind, _) => kind,
    };
    Some(ToneMap { from })
}
