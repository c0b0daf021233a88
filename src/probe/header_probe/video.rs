//! The facts of video from its configuration record and its first sample.

use super::effort::Effort;
use super::names::{
    Chroma, ColorCodes, MATRIX_RGB, Pixels, RANGE_FULL, RANGE_LIMITED, UNSPECIFIED, are_known, pixels,
};
use super::reason::Reason;
use crate::model::{Codec, Rational, VideoStream};
use crate::probe::bitstream::frame_size::FrameSizes;
use crate::probe::bitstream::random_access::{Access, PacketSyntax};
use crate::probe::bitstream::transfer_message::may_be_replaced;
use crate::probe::bitstream::{
    SpsParams, av1, av1_key_frame, avc_record, h264, hevc, hevc_record, jpeg, mpeg_video, nal_units, prores,
    reserved_codes, vp8, vp9,
};
use crate::probe::declared_facts::set_stated_aspect_ratio;

/// `constraint_set1_flag`: a Baseline stream that conforms to Constrained Baseline.
const CONSTRAINED: u8 = 1 << 1;
/// `constraint_set3_flag`: a High 10 or 4:2:2 stream with intra prediction only.
const INTRA: u8 = 1 << 3;
/// Pixels of a frame that every decoder accepts: eight times 4K.
const MAX_PIXELS: u32 = 64 << 20;
/// The sample aspect ratio of H.263 in its standard formats.
const H263_ASPECT_RATIO: (u32, u32) = (12, 11);
/// Sample aspect ratios of MPEG-4 part 2, none first.
const MPEG4_ASPECT_RATIOS: [(u32, u32); 6] = [(0, 1), (1, 1), (12, 11), (10, 11), (16, 11), (40, 33)];
/// Matrices by VP9's `color_space`.
const VP9_MATRICES: [u8; 8] = [UNSPECIFIED, 5, 1, 6, 7, 9, 3, MATRIX_RGB];

/// Completes a video stream, which has the size, the colours and the sample aspect ratio of the container, from its
/// configuration record and its first sample, which may be encrypted. Returns how much the library reads; `None` when they do not suffice, or
/// contradict the container.
pub(super) fn complete(
    codec: &Codec,
    config: &[u8],
    (first_sample, encrypted): (&[u8], bool),
    container_color: ColorCodes,
    video: &mut VideoStream,
) -> Option<Effort> {
    let syntax = packet_syntax(codec, config)?;
    if syntax != PacketSyntax::Flag && syntax.parse(first_sample).access != Access::Key {
        return None;
    }
    match codec {
        Codec::H263 => complete_h263(first_sample, container_color, video),
        Codec::Mpeg4 => complete_mpeg4(config, first_sample, container_color, video),
        Codec::Mjpeg => complete_mjpeg(first_sample, container_color, video),
        Codec::Prores => complete_prores(first_sample, video),
        Codec::H264 | Codec::Hevc => {
            complete_nal(codec, config, (first_sample, encrypted), container_color, video)
        }
        Codec::Av1 => complete_av1(config, first_sample, video),
        Codec::Vp8 => complete_vp8(first_sample, container_color, video),
        Codec::Vp9 => complete_vp9(first_sample, container_color, video),
        _ => None,
    }
}

/// Returns how the samples of a codec show key frames.
pub(super) fn packet_syntax(codec: &Codec, config: &[u8]) -> Option<PacketSyntax> {
    let length = |at: usize| {
        config.get(at).map(|byte| usize::from(byte & 3) + 1).filter(|_| config.first() == Some(&1))
    };
    Some(match codec {
        Codec::H264 => PacketSyntax::Avc(length(4)),
        Codec::Hevc => PacketSyntax::Hevc(length(21)),
        Codec::Vp8 => PacketSyntax::Vp8,
        Codec::Vp9 => PacketSyntax::Vp9,
        Codec::Av1 => PacketSyntax::Av1,
        Codec::Mpeg1Video | Codec::Mpeg2Video => PacketSyntax::Mpeg2,
        Codec::Mpeg4 => PacketSyntax::Mpeg4,
        Codec::H263 | Codec::Mjpeg | Codec::Prores => PacketSyntax::Flag,
        _ => return None,
    })
}

/// Returns whether the library sees a key frame: it reads the samples of most codecs for that. Fails where a sample is
/// not understood or contradicts its container, because the result depends on details of the library's parsers.
pub(super) fn is_key(codec: &Codec, config: &[u8], sample: &[u8], flagged: bool) -> Result<bool, Reason> {
    if matches!(codec, Codec::Hevc | Codec::H263 | Codec::Mjpeg | Codec::Prores) {
        return Ok(flagged);
    }
    let access = packet_syntax(codec, config).map(|syntax| syntax.parse(sample).access);
    let key = match access.ok_or(Reason::Codec)? {
        Access::Unknown => return Err(Reason::Sample),
        Access::Recovery(_) => *codec == Codec::H264,
        access => access == Access::Key,
    };
    // H.264 is the only one of them whose flags differ from the samples in files that are not damaged.
    if key == flagged || *codec == Codec::H264 { Ok(key) } else { Err(Reason::Sample) }
}

fn complete_nal(
    codec: &Codec,
    config: &[u8],
    (first_sample, encrypted): (&[u8], bool),
    container_color: ColorCodes,
    video: &mut VideoStream,
) -> Option<Effort> {
    let avc = *codec == Codec::H264;
    let nal = describe_nal(config, container_color, avc, video)?;
    let units = nal_units(first_sample, nal.length_bytes)?;
    if may_be_replaced(nal.transfer, avc, config, &units) {
        return None;
    }
    let kind = |unit: &[u8]| {
        unit.first().map(|byte| if avc { byte & 0x1f } else { byte >> 1 & 0x3f }).unwrap_or(u8::MAX)
    };
    // Sets of other layers do not matter to decoders without layers.
    let is_set = |unit: &[u8]| kind(unit) == if avc { 7 } else { 33 } && (avc || hevc::is_base_layer(unit));
    let is_key = |unit: &[u8]| if avc { kind(unit) == 5 } else { (16..=21).contains(&kind(unit)) };
    let begins = units.iter().any(|unit| is_key(unit));
    // The library ignores a sample with an empty unit, and units with bits or bytes that none may contain.
    let is_valid = |unit: &[u8]| {
        let has_codes = reserved_codes(unit).any(|(_, last)| last < 3);
        !has_codes && unit.first().is_some_and(|byte| byte & 0x80 == 0)
    };
    let fits = |unit: &&[u8]| !unit.is_empty() && is_valid(unit) && (!is_set(unit) || *unit == nal.set);
    let is_usual =
        nal.is_usual && units.iter().all(|unit| avc || kind(unit) != 33 || hevc::is_base_layer(unit));
    // The slices must refer to parameter sets that exist, which a decoder of encrypted slices does not find.
    let has_sets = match encrypted && is_usual {
        true => if avc { h264::record_units(config) } else { hevc::record_units(config) }?.len() > 1,
        false => FrameSizes::of(codec, config)?.add(first_sample),
    };
    let effort = if is_usual { Effort::FirstPacket } else { Effort::Analysis };
    // A decoder may reject damaged sets.
    let is_intact = is_usual || avc && avc_record::has_intact_sets(config);
    (begins && has_sets && is_intact && units.iter().all(fits)).then_some(effort)
}

/// The parameter set of H.264 or HEVC.
struct NalConfig<'a> {
    set: &'a [u8],
    /// Bytes of the length before each unit.
    length_bytes: usize,
    /// The width and height of frames.
    size: (u32, u32),
    transfer: u8,
    /// Whether it is of a form that the library reads without a decoder.
    is_usual: bool,
}

/// Completes a video stream from the only parameter set of its configuration record.
fn describe_nal<'a>(
    config: &'a [u8],
    container_color: ColorCodes,
    avc: bool,
    video: &mut VideoStream,
) -> Option<NalConfig<'a>> {
    let (set, length_bytes) = if avc { h264::only_set(config)? } else { hevc::only_set(config)? };
    let params = if avc { h264::parse_sps(set)? } else { hevc::parse_sps(set)? };
    if !(params.complete && params.frames_only && params.fits(video.width, video.height, avc)) {
        return None;
    }
    let color = resolve_colors(&params, avc, container_color)?;
    set_pixels(video, nal_pixels(&params, avc, color.range == RANGE_FULL)?);
    video.color = color.tags();
    video.profile = Some(if avc { h264_profile(&params)? } else { hevc_profile(&params)? }.to_owned());
    video.level = i32::try_from(params.level_idc).ok();
    set_stated_aspect_ratio(params.sample_aspect_ratio, video);
    if avc {
        video.field_order = Some("progressive".to_owned());
    }
    // The library reads such streams itself only in usual forms.
    let is_usual = params.chroma_format < 3
        && params.bit_depth <= 10
        && (params.bit_depth == 10 || params.chroma_format == 1 || color.range != RANGE_FULL);
    let size = (params.width, params.height);
    Some(NalConfig { set, length_bytes, size, transfer: color.transfer, is_usual })
}

fn complete_av1(config: &[u8], first_sample: &[u8], video: &mut VideoStream) -> Option<Effort> {
    // A frame states its aspect ratio, but where the record has a sequence header, the library does not read the frame.
    let sequence = if av1::is_without_units(config) {
        let (sequence, aspect_ratio) = av1_key_frame::read(first_sample)?;
        set_stated_aspect_ratio(Some(aspect_ratio), video);
        sequence
    } else {
        av1::from_av1c(config)?
    };
    // Decoders refuse the identity matrix with subsampled chroma.
    if !has_size(video, sequence.width, sequence.height) || sequence.color[2] == MATRIX_RGB {
        return None;
    }
    let chroma = match (sequence.monochrome, sequence.subsampling) {
        (true, _) => Chroma::None,
        (false, (true, true)) => Chroma::Half420,
        (false, (true, false)) => Chroma::Half422,
        (false, (false, false)) => Chroma::Full444,
        (false, (false, true)) => return None,
    };
    set_pixels(video, pixels(chroma, sequence.bit_depth, false).filter(|pixels| pixels.depth <= 10)?);
    let [primaries, transfer, matrix] = sequence.color;
    video.color = ColorCodes { range: range(sequence.full_range), primaries, transfer, matrix }.tags();
    video.profile = Some((*["Main", "High", "Professional"].get(usize::from(sequence.profile))?).to_owned());
    video.level = Some(i32::from(sequence.level));
    Some(Effort::FirstPacket)
}

fn complete_vp8(first_sample: &[u8], container_color: ColorCodes, video: &mut VideoStream) -> Option<Effort> {
    let (width, height) = vp8::key_frame_size(first_sample)?;
    set_pixels(video, pixels(Chroma::Half420, 8, false)?);
    video.color = container_color.tags();
    video.field_order = Some("progressive".to_owned());
    has_size(video, width, height).then_some(Effort::FirstPacket)
}

fn complete_vp9(first_sample: &[u8], container_color: ColorCodes, video: &mut VideoStream) -> Option<Effort> {
    let frame = vp9::key_frame(first_sample).filter(|frame| has_size(video, frame.width, frame.height))?;
    let matrix = *VP9_MATRICES.get(usize::from(frame.color_space))?;
    let chroma = match frame.subsampling {
        (true, true) => Chroma::Half420,
        (true, false) if frame.bit_depth == 8 => Chroma::Half422,
        (false, false) if matrix == MATRIX_RGB => Chroma::Rgb,
        (false, false) => Chroma::Full444,
        _ => return None,
    };
    set_pixels(video, pixels(chroma, frame.bit_depth, false)?);
    video.color = ColorCodes { range: range(frame.full_range), matrix, ..container_color }.tags();
    video.profile = Some(format!("Profile {}", frame.profile));
    Some(Effort::FirstPacket)
}

/// Completes a stream of VP9 that begins with a predicted frame, which no decoder shows. `None` when it is invalid.
pub(super) fn complete_undecodable(
    first_sample: &[u8],
    container_color: ColorCodes,
    video: &mut VideoStream,
) -> Option<()> {
    video.profile = Some(format!("Profile {}", vp9::profile(first_sample)?));
    video.color = container_color.tags();
    Some(())
}

/// Completes a video stream without samples, as a decoder does that has not read any; `None` for other codecs.
pub(super) fn complete_without_sample(
    codec: &Codec,
    config: &[u8],
    container_color: ColorCodes,
    video: &mut VideoStream,
) -> Option<()> {
    match codec {
        Codec::Vp8 => set_pixels(video, pixels(Chroma::Half420, 8, false)?),
        Codec::Hevc => {
            let nal = describe_nal(config, container_color, false, video)?;
            let is_plain =
                has_size(video, nal.size.0, nal.size.1) && !may_be_replaced(nal.transfer, false, config, &[]);
            return (nal.is_usual && is_plain && hevc_record::is_readable(config)).then_some(());
        }
        // Their decoders use nothing without a sample.
        Codec::Vp9 => {}
        Codec::H264 if (1..=MAX_PIXELS).contains(&(video.width? * video.height?)) => {}
        _ => return None,
    }
    video.color = container_color.tags();
    Some(())
}

fn complete_h263(
    first_sample: &[u8],
    container_color: ColorCodes,
    video: &mut VideoStream,
) -> Option<Effort> {
    let (width, height) = mpeg_video::h263_picture_size(first_sample)?;
    set_pixels(video, pixels(Chroma::Half420, 8, false)?);
    video.color = container_color.tags();
    set_stated_aspect_ratio(Rational::new(H263_ASPECT_RATIO.0, H263_ASPECT_RATIO.1), video);
    // A decoder rejects a picture with less than eight macroblocks per bit.
    let is_plausible = first_sample.len() as u64 * 8 > u64::from(width * height / 2048 + 100);
    (is_plausible && has_size(video, width, height)).then_some(Effort::Analysis)
}

fn complete_mpeg4(
    config: &[u8],
    first_sample: &[u8],
    container_color: ColorCodes,
    video: &mut VideoStream,
) -> Option<Effort> {
    let object = mpeg_video::object_config(config)?;
    let (width, height) = mpeg_video::object_layer_size(config)?;
    let (profile, level) = match (object.profile, object.level) {
        (0, 8) => ("Simple Profile", 0),
        (0, level) => ("Simple Profile", level),
        (15, level) => ("Advanced Simple Profile", level),
        _ => return None,
    };
    video.profile = Some(profile.to_owned());
    video.level = i32::try_from(level).ok();
    set_pixels(video, pixels(Chroma::Half420, 8, false)?);
    video.color = container_color.tags();
    let (num, den) = *MPEG4_ASPECT_RATIOS.get(object.aspect_ratio as usize)?;
    set_stated_aspect_ratio(Rational::new(num, den), video);
    let is_plain = !mpeg_video::has_object_headers(first_sample) && has_size(video, width, height);
    is_plain.then_some(Effort::Analysis)
}

fn complete_mjpeg(
    first_sample: &[u8],
    container_color: ColorCodes,
    video: &mut VideoStream,
) -> Option<Effort> {
    const BT470BG: u8 = 5;
    let image = jpeg::parse(first_sample).filter(|image| has_size(video, image.width, image.height))?;
    let chroma = if image.subsampling == (2, 2) { Chroma::Half420 } else { Chroma::Half422 };
    set_pixels(video, pixels(chroma, 8, !image.limited_range)?);
    video.color =
        ColorCodes { range: range(!image.limited_range), matrix: BT470BG, ..container_color }.tags();
    video.profile = Some("Baseline".to_owned());
    set_stated_aspect_ratio(image.aspect_ratio.and_then(|(num, den)| Rational::new(num, den)), video);
    Some(Effort::Analysis)
}

fn complete_prores(first_sample: &[u8], video: &mut VideoStream) -> Option<Effort> {
    let variant = prores::variant(video.codec_tag.as_deref()?)?;
    let frame = prores::frame(first_sample).filter(|frame| has_size(video, frame.width, frame.height))?;
    let chroma = if frame.full_chroma { Chroma::Full444 } else { Chroma::Half422 };
    set_pixels(video, pixels(chroma, variant.bit_depth, false)?);
    if frame.alpha {
        video.alpha = Some(true);
        video.pixel_format = video.pixel_format.take().map(|name| name.replacen("yuv", "yuva", 1));
    }
    let [primaries, transfer, matrix] = frame.color;
    let color = ColorCodes { range: RANGE_LIMITED, primaries, transfer, matrix };
    video.color = Some(color).filter(|color| are_known(*color))?.tags();
    video.profile = Some(variant.name.to_owned());
    Some(Effort::FirstPacket)
}

fn has_size(video: &VideoStream, width: u32, height: u32) -> bool {
    video.width == Some(width) && video.height == Some(height)
}

fn set_pixels(video: &mut VideoStream, pixels: Pixels) {
    video.pixel_format = Some(pixels.name.to_owned());
    video.bit_depth = Some(pixels.depth);
    video.chroma = Some(pixels.chroma.to_owned());
    video.alpha = Some(false);
}

fn range(full: bool) -> u8 {
    if full { RANGE_FULL } else { RANGE_LIMITED }
}

/// Returns the colours of container and parameter set, combined like a decoder does; `None` when the result is
/// uncertain.
fn resolve_colors(params: &SpsParams, avc: bool, container: ColorCodes) -> Option<ColorCodes> {
    let mut color = match params.color {
        Some([primaries, transfer, matrix]) => ColorCodes { range: 0, primaries, transfer, matrix },
        None if avc => container,
        // The HEVC decoder treats values absent from the set as unspecified.
        None => ColorCodes::default(),
    };
    color.range = params.full_range.map(range).unwrap_or(if avc { container.range } else { RANGE_LIMITED });
    (color.matrix != MATRIX_RGB).then_some(color)
}

fn nal_pixels(params: &SpsParams, avc: bool, full_range: bool) -> Option<Pixels> {
    if params.bit_depth != params.bit_depth_chroma {
        return None;
    }
    let chroma = match params.chroma_format {
        1 => Chroma::Half420,
        2 => Chroma::Half422,
        3 => Chroma::Full444,
        _ => return None,
    };
    if avc && params.bit_depth > 10 {
        return None;
    }
    // The decoder of HEVC has a format for the full range in 4:2:0 only.
    pixels(chroma, params.bit_depth, full_range && (avc || chroma == Chroma::Half420))
}

fn h264_profile(params: &SpsParams) -> Option<&'static str> {
    let intra = params.constraints & INTRA != 0;
    Some(match params.profile_idc {
        66 if params.constraints & CONSTRAINED != 0 => "Constrained Baseline",
        66 => "Baseline",
        77 => "Main",
        88 => "Extended",
        100 => "High",
        110 if intra => "High 10 Intra",
        110 => "High 10",
        122 if intra => "High 4:2:2 Intra",
        122 => "High 4:2:2",
        244 if intra => "High 4:4:4 Intra",
        244 => "High 4:4:4 Predictive",
        _ => return None,
    })
}

fn hevc_profile(params: &SpsParams) -> Option<&'static str> {
    Some(match params.profile_idc {
        1 => "Main",
        2 => "Main 10",
        3 => "Main Still Picture",
        4 => "Rext",
        _ => return None,
    })
}
