//! Plans still images: a copy, a copy without metadata, or a new JPEG or PNG.

use crate::model::{Completeness, ImageFormat, ImageHeader, ImageMetadata, ImageObstacle, Size, StillImage};
use crate::profile::{Limits, RuleId, Severity};
use crate::rules::Finding;

use super::image_geometry::image_geometry;
use super::input::PlanInput;
use super::options::Fit;
use super::outcome::{Action, Addition, AdditionKind, FixPlan, FixStep};
use super::output_spec::{Canvas, Fill, ImageEncode, OutputContainer, OutputSpec, VideoPlan, VideoTags};
use super::refusal::{Refusal, Refused};

/// The most pixels of a source. Decoding takes about 16 bytes for each.
const MAX_SOURCE_PIXELS: u64 = 100_000_000;
/// Bytes of a pixel of a PNG with transparency that does not compress, and of the file besides its pixels.
const PNG_BYTES: (u64, u64) = (4, 1 << 16);

/// Plans the output of an intended still image.
pub(super) fn plan(input: &PlanInput<'_>) -> Result<FixPlan, Refused> {
    let image = input.facts.still_image();
    let image = image.ok_or_else(|| Refusal::NoVideo.because("the file is not a still image"))?;
    if let Completeness::Missing { reason, .. } = &input.facts.completeness {
        return Err(Refusal::MissingData.because(format!("{reason}: export or copy the original again")));
    }
    let error = input
        .findings(Severity::Error)
        .find(|finding| !matches!(finding.rule, RuleId::FileName | RuleId::MetadataPrivacy));
    let private = input.findings(Severity::Warning).find(|finding| finding.rule == RuleId::MetadataPrivacy);
    match (error, private, strippable(&image)) {
        (None, None, _) => copy(input, &image),
        (None, Some(reason), Some(container)) if input.options.copy_failed.is_none() => {
            Ok(strip(input, &image, container, reason))
        }
        (Some(reason), ..) | (None, Some(reason), _) => encode(input, &image, reason),
    }
}

/// Plans a copy of the bytes.
fn copy(input: &PlanInput<'_>, image: &StillImage<'_>) -> Result<FixPlan, Refused> {
    if let Some(rule) = input.assessment.unknown().first() {
        let reason = format!("rule `{rule}` cannot be checked: too little is known about the image");
        return Err(Refusal::Undecided.because(reason));
    }
    let mut plan = FixPlan { max_name_chars: input.name_limit(), ..FixPlan::copy() };
    if input.has(RuleId::ImageFormat, Severity::Warning)
        && let Some(extension) = image.format.extensions().first()
    {
        plan.output_extension = Some((*extension).to_owned());
        let text = format!("file name extension changed to .{extension} to match the format");
        plan.reason = Some(text.clone());
        plan.steps.push(FixStep::lossless(text));
    }
    plan.steps.extend(remaining(input));
    Ok(plan)
}

/// Returns the container in which the coded image can be kept without its metadata.
fn strippable(image: &StillImage<'_>) -> Option<OutputContainer> {
    // Without its EXIF data, a viewer would not turn the image any more.
    let upright = image.stream.rotation.degrees() == 0 && image.stream.flip.is_none();
    match image.format {
        ImageFormat::Jpeg if upright => Some(OutputContainer::Jpeg),
        ImageFormat::Png if upright => Some(OutputContainer::Png),
        _ => None,
    }
}

fn strip(
    input: &PlanInput<'_>,
    image: &StillImage<'_>,
    container: OutputContainer,
    reason: &Finding,
) -> FixPlan {
    let video = VideoPlan::Copy { stream: image.stream.index, tags: VideoTags::default() };
    let mut steps = vec![FixStep::lossless("coded image copied unchanged")];
    steps.extend(metadata_step(input.facts.image.as_ref()));
    finish(input, Action::Remux, spec(input, container, video), steps, reason)
}

fn encode(input: &PlanInput<'_>, image: &StillImage<'_>, reason: &Finding) -> Result<FixPlan, Refused> {
    let header = input.facts.image.as_ref();
    check_source(image, header)?;
    let unknown = || Refusal::UnknownSize.because("the width and height of the image cannot be read");
    let coded = image.stream.coded_size().ok_or_else(unknown)?;
    let displayed = image.stream.display_size().ok_or_else(unknown)?;
    if coded.pixels() > MAX_SOURCE_PIXELS {
        return Err(Refusal::NotProducible.because(format!(
            "the image has {} pixels, and greenlit decodes at most {MAX_SOURCE_PIXELS}: export it smaller",
            coded.pixels()
        )));
    }
    let geometry = image_geometry(displayed, input.profile, input.options.fit).ok_or_else(|| {
        Refusal::NoSize
            .because(format!("no size within the limits has an allowed aspect ratio ({displayed})"))
    })?;
    let has_alpha = image.stream.alpha == Some(true);
    let frame = geometry.canvas.unwrap_or(geometry.scaled);
    let container = container(input, image, frame, has_alpha)?;
    let background = &input.options.background;
    let fill = match input.options.fit {
        Fit::Blur => Fill::Blur,
        Fit::Pad | Fit::Crop => Fill::Color(background.clone()),
    };
    let flattens = has_alpha && container == OutputContainer::Jpeg;
    let encode = ImageEncode {
        from: image.format.clone(),
        coded,
        alpha_background: flattens.then(|| background.clone()),
        flip: image.stream.flip,
        rotate: image.stream.rotation,
        crop: geometry.crop,
        scale: geometry.scaled,
        canvas: geometry.canvas.map(|size| Canvas { size, fill }),
    };
    let steps = steps(input, &encode, container, displayed, reason);
    let added = encode.canvas.as_ref().map(|canvas| Addition {
        kind: AdditionKind::Borders,
        held: None,
        duration_s: None,
        reason: format!("the image of {} is padded to {}", encode.scale, canvas.size),
    });
    let spec = spec(input, container, VideoPlan::Image(Box::new(encode)));
    let plan = finish(input, Action::ReencodeVideo, spec, steps, reason);
    Ok(FixPlan { added: added.into_iter().collect(), ..plan })
}

/// Refuses sources that greenlit cannot decode as they are displayed.
fn check_source(image: &StillImage<'_>, header: Option<&ImageHeader>) -> Result<(), Refused> {
    let format = &image.format;
    if !format.is_convertible() {
        let reason = format!("greenlit does not convert {format} images: export the image as JPEG or PNG");
        return Err(Refusal::StillImage.because(reason));
    }
    match header.and_then(|header| header.obstacle) {
        Some(ImageObstacle::Cmyk) => Err(Refusal::NoBaseLayer.because(
            "the image has CMYK colours, which greenlit does not convert: export it with RGB colours",
        )),
        Some(ImageObstacle::ComposedItems) => Err(Refusal::NoDecoder.because(format!(
            "the {format} image is composed of several parts, turned or cropped by its viewer, or has separate \
             transparency, and greenlit does not decode that: export it as JPEG or PNG"
        ))),
        None if !image.stream.decodable => {
            Err(Refusal::NoDecoder.because(format!("no decoder is available for {format} images")))
        }
        None => Ok(()),
    }
}

/// Returns the format of the output: PNG where the source has transparency or no loss and the limits allow it, else
/// JPEG.
fn container(
    input: &PlanInput<'_>,
    image: &StillImage<'_>,
    frame: Size,
    has_alpha: bool,
) -> Result<OutputContainer, Refused> {
    let allowed = input.profile.rules().image_format.as_ref().and_then(Limits::enforced);
    let allows = |format: ImageFormat| {
        allowed.is_none_or(|limits| limits.allow.is_empty() || limits.allow.contains(&format))
    };
    let max_bytes = encode_limit(input).unwrap_or(u64::MAX);
    let png_fits = frame.pixels() * PNG_BYTES.0 + PNG_BYTES.1 <= max_bytes;
    let lossless = has_alpha || matches!(image.format, ImageFormat::Png | ImageFormat::Gif);
    match (allows(ImageFormat::Png) && png_fits, allows(ImageFormat::Jpeg)) {
        (true, _) if lossless => Ok(OutputContainer::Png),
        (_, true) => Ok(OutputContainer::Jpeg),
        (true, false) => Ok(OutputContainer::Png),
        (false, false) => Err(Refusal::NotProducible.because(
            "greenlit writes images as JPEG or PNG, and the profile allows neither: export the image as the profile \
             requires, or change the profile",
        )),
    }
}

/// Returns the limit on the bytes of an image that binds.
fn encode_limit(input: &PlanInput<'_>) -> Option<u64> {
    let limits = input.profile.rules().image_size.as_ref().and_then(Limits::enforced);
    limits.and_then(|limits| limits.max_bytes).map(|bytes| bytes as u64)
}

fn steps(
    input: &PlanInput<'_>,
    encode: &ImageEncode,
    container: OutputContainer,
    displayed: Size,
    reason: &Finding,
) -> Vec<FixStep> {
    let mut steps = Vec::new();
    let is_png = container == OutputContainer::Png;
    let name = if is_png { "PNG" } else { "JPEG" };
    let message = &reason.message;
    steps.push(match is_png {
        true => FixStep::lossless(format!("image written as {name}: {message}")),
        false => FixStep::lossy(format!("image re-encoded as {name}: {message}")),
    });
    let header = input.facts.image.as_ref();
    if let Some(profile) = header.and_then(|header| header.color_profile.as_deref()) {
        let name = if profile.is_empty() { "without a name" } else { profile };
        steps.push(FixStep::lossy(format!("colour profile {name} converted to sRGB")));
    }
    if let Some(background) = &encode.alpha_background {
        let text = format!("transparent pixels composed on the background colour #{background}");
        steps.push(FixStep::lossy(text));
    }
    if encode.rotate.degrees() != 0 || encode.flip.is_some() {
        steps.push(FixStep::lossless("orientation of the EXIF data applied to the pixels"));
    }
    if encode.crop.is_some() {
        steps.push(FixStep::lossy(format!("cropped to {}", encode.scale)));
    } else if encode.scale != displayed {
        steps.push(FixStep::lossy(format!("scaled from {displayed} to {}", encode.scale)));
    }
    if let Some(canvas) = &encode.canvas {
        let border = match canvas.fill {
            Fill::Blur => "a blurred copy of the image",
            Fill::Color(_) => "single-colour borders",
        };
        steps.push(FixStep::lossy(format!("padded to {} with {border}", canvas.size)));
    }
    steps.extend(metadata_step(header));
    steps
}

fn metadata_step(header: Option<&ImageHeader>) -> Option<FixStep> {
    let kinds: Vec<&str> = header?.metadata.iter().copied().map(ImageMetadata::name).collect();
    (!kinds.is_empty()).then(|| FixStep::lossless(format!("metadata removed: {}", kinds.join(", "))))
}

/// Returns a step for each warning that the plan leaves.
fn remaining(input: &PlanInput<'_>) -> Vec<FixStep> {
    let sizes = |finding: &&Finding| matches!(finding.rule, RuleId::ImageSize | RuleId::ImageAspectRatio);
    let warnings = input.findings(Severity::Warning).filter(|finding| finding.severity == Severity::Warning);
    let texts = warnings
        .filter(sizes)
        .map(|finding| format!("{}: unchanged, because the platform accepts it", finding.message));
    texts.map(FixStep::lossless).collect()
}

fn spec(input: &PlanInput<'_>, container: OutputContainer, video: VideoPlan) -> OutputSpec {
    OutputSpec {
        container,
        video: Some(video),
        audio: None,
        trim_to_s: None,
        extend: None,
        strip_metadata: true,
        start_s: 0.0,
        cut_before_start: false,
        expected_duration_s: None,
        max_hold_s: 0.0,
        threads: 1,
        max_size_bytes: encode_limit(input),
        conceal: false,
    }
}

fn finish(
    input: &PlanInput<'_>,
    action: Action,
    spec: OutputSpec,
    mut steps: Vec<FixStep>,
    reason: &Finding,
) -> FixPlan {
    steps.extend(remaining(input));
    FixPlan {
        action,
        output_extension: new_extension(input, spec.container),
        spec: Some(Box::new(spec)),
        steps,
        reason: Some(reason.message.clone()),
        max_name_chars: input.name_limit(),
        ..FixPlan::copy()
    }
}

/// Returns the extension of the output, unless the source has one that fits.
fn new_extension(input: &PlanInput<'_>, container: OutputContainer) -> Option<String> {
    let own = input.facts.still_image().map(|image| image.format);
    let same = match container {
        OutputContainer::Png => own == Some(ImageFormat::Png),
        _ => own == Some(ImageFormat::Jpeg),
    };
    let checked = input.profile.rules().image_format.is_some();
    let fits = same && checked && !input.has(RuleId::ImageFormat, Severity::Warning);
    (!fits).then(|| container.extension().to_owned())
}

#[cfg(test)]
#[path = "still_image_tests.rs"]
mod tests;
