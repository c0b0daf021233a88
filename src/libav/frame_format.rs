//! The format of decoded frames, and how the two scalers read it.

use ffmpeg_next::ffi;

use super::ffi_enums;
use super::frame::Frame;
use super::time::rational;
use crate::model::{Matrix, Primaries, Rational, Size, Transfer, UndeclaredColors};
use crate::plan::VideoEncode;

/// The format of the frames that enter the graph. Any change requires a new graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameFormat {
    /// Size of the frame.
    pub size: (u32, u32),
    /// FFmpeg's pixel format number.
    pub pixel_format: i32,
    /// Sample aspect ratio, 1:1 where unknown.
    pub sample_aspect_ratio: (u32, u32),
    /// Whether the pixel format is planar YUV that zimg accepts.
    pub zimg: bool,
    /// Whether samples span the full range.
    pub full_range: bool,
    /// The matrix, declared or assumed; RGB for formats of red, green and blue, also with a palette. `None` if the
    /// frame declares one that greenlit does not convert.
    pub matrix: Option<Matrix>,
    /// The primaries, declared or assumed; `None` for those of BT.709.
    pub primaries: Option<Primaries>,
    /// The transfer.
    pub transfer: Transfer,
    /// The declared peak luminance, in units of 0.0001 candela per square metre.
    pub peak: Option<u64>,
}

impl FrameFormat {
    /// Returns whether the samples are red, green and blue.
    pub(crate) fn is_rgb(&self) -> bool {
        self.matrix == Some(Matrix::Rgb)
    }

    /// Returns whether both sides are even, as zimg requires for subsampled chroma.
    pub(crate) fn has_even_sides(&self) -> bool {
        self.size.0.is_multiple_of(2) && self.size.1.is_multiple_of(2)
    }

    /// Returns FFmpeg's name of the range.
    pub(crate) fn range(&self) -> &'static str {
        if self.full_range { "pc" } else { "tv" }
    }

    /// Returns the name of the matrix for the filter `zscale`, if that can read the frames.
    pub(crate) fn zimg_matrix(&self) -> Option<&'static str> {
        if !self.zimg || !self.has_even_sides() {
            return None;
        }
        match self.matrix? {
            Matrix::Bt709 => Some("bt709"),
            Matrix::Bt601 => Some("smpte170m"),
            Matrix::Bt2020 => Some("bt2020nc"),
            // YCgCo has a conversion of its own, see `gamut_filters`.
            Matrix::Rgb | Matrix::Fcc | Matrix::Smpte240M | Matrix::YCgCo => None,
        }
    }

    /// Returns the options by which swscale reads the samples; none for RGB. swscale does not know
    /// YCgCo.
    pub(crate) fn swscale_input(&self) -> String {
        let matrix = match self.matrix {
            Some(Matrix::Rgb) => return String::new(),
            Some(Matrix::Bt709) => "bt709",
            Some(Matrix::Smpte240M) => "smpte240m",
            Some(Matrix::Fcc) => "fcc",
            Some(Matrix::Bt2020) => "bt2020",
            Some(Matrix::Bt601 | Matrix::YCgCo) | None => "bt601",
        };
        format!(":in_color_matrix={matrix}:in_range={}", self.range())
    }
}

/// Pixel formats that imply full range.
const JPEG_RANGE_FORMATS: [ffi::AVPixelFormat; 3] = [
    ffi::AVPixelFormat::AV_PIX_FMT_YUVJ420P,
    ffi::AVPixelFormat::AV_PIX_FMT_YUVJ422P,
    ffi::AVPixelFormat::AV_PIX_FMT_YUVJ444P,
];

/// Returns the format of a frame, for which a filter graph is built. `undeclared` applies where the frame has no tags.
pub(crate) fn frame_format(
    frame: &Frame,
    aspect: ffi::AVRational,
    undeclared: &UndeclaredColors,
) -> FrameFormat {
    let raw = frame.get();
    let descriptor = ffi_enums::pixel_descriptor(raw.format);
    let has = |flag: i32| descriptor.is_some_and(|descriptor| descriptor.flags & flag as u64 != 0);
    let rgb = has(ffi::AV_PIX_FMT_FLAG_RGB) || has(ffi::AV_PIX_FMT_FLAG_PAL);
    let yuv = !rgb
        && has(ffi::AV_PIX_FMT_FLAG_PLANAR)
        && descriptor.is_some_and(|descriptor| descriptor.nb_components == 3)
        && !has(ffi::AV_PIX_FMT_FLAG_BE)
        && !has(ffi::AV_PIX_FMT_FLAG_ALPHA);
    let jpeg_range = JPEG_RANGE_FORMATS.iter().any(|format| *format as i32 == raw.format);
    let numbers @ [range, ..] = ffi_enums::frame_colors(raw);
    let full_range = jpeg_range || range == ffi::AVColorRange::AVCOL_RANGE_JPEG as i32;
    let [_, primaries, transfer, matrix] = ffi_enums::color_names(numbers);
    let aspect = if aspect.num > 0 && aspect.den > 0 { aspect } else { raw.sample_aspect_ratio };
    let aspect = if aspect.num > 0 && aspect.den > 0 { aspect } else { rational(1, 1) };
    let matrix = match matrix.as_deref() {
        _ if rgb => Some(Matrix::Rgb),
        // Samples that are not red, green and blue need a matrix, whatever the tag says.
        None | Some("gbr") => Some(undeclared.matrix),
        Some(name) => Matrix::by_name(name),
    };
    let primaries = match primaries.as_deref() {
        None => undeclared.primaries,
        Some(name) => Primaries::by_name(name),
    };
    FrameFormat {
        size: (raw.width.max(0) as u32, raw.height.max(0) as u32),
        pixel_format: raw.format,
        sample_aspect_ratio: (aspect.num as u32, aspect.den as u32),
        // zimg does not accept semi-planar formats, which hold two components in one plane.
        zimg: yuv && ffi_enums::plane_count(raw.format) == 3 && !jpeg_range,
        full_range,
        matrix,
        primaries,
        // XYZ is used by digital cinema only, with its transfer.
        transfer: match primaries {
            Some(Primaries::Xyz) => Transfer::Cinema,
            _ => Transfer::by_name(transfer.as_deref()),
        },
        peak: peak(frame),
    }
}

/// Bytes of side data up to the last field used; later FFmpeg versions only append fields (libavutil,
/// `mastering_display_metadata.h`).
const LIGHT_LEVEL_BYTES: usize = 4;
const MASTERING_BYTES: usize = 88;

/// Returns the declared peak luminance of the video, in units of 0.0001 candela per square metre.
fn peak(frame: &Frame) -> Option<u64> {
    use ffi::AVFrameSideDataType::{
        AV_FRAME_DATA_CONTENT_LIGHT_LEVEL, AV_FRAME_DATA_MASTERING_DISPLAY_METADATA,
    };
    let bytes = |kind, min_bytes: usize| {
        // SAFETY: the frame is valid; side data belongs to it and has `size` bytes.
        unsafe {
            let data = ffi::av_frame_get_side_data(frame.get(), kind).as_ref()?;
            (data.size >= min_bytes).then(|| std::slice::from_raw_parts(data.data, min_bytes))
        }
    };
    let number = |bytes: &[u8], at: usize| {
        let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
        four.map_or(0, |four| u64::from(u32::from_ne_bytes(four)))
    };
    let content = bytes(AV_FRAME_DATA_CONTENT_LIGHT_LEVEL, LIGHT_LEVEL_BYTES);
    let content = content.map(|bytes| number(bytes, 0) * 10_000).filter(|peak| *peak > 0);
    // The maximum luminance is the tenth rational; the second flag after it says whether it is valid.
    let mastering = bytes(AV_FRAME_DATA_MASTERING_DISPLAY_METADATA, MASTERING_BYTES)
        .filter(|bytes| number(bytes, 84) != 0)
        .map(|bytes| number(bytes, 72) * 10_000 / number(bytes, 76).max(1));
    content.or(mastering.filter(|peak| *peak > 0))
}

/// Returns the plan for frames of this format in a video that began with others.
pub(crate) fn part_plan(plan: &VideoEncode, source: &FrameFormat) -> VideoEncode {
    let (width, height) = source.size;
    let (num, den) = source.sample_aspect_ratio;
    plan.for_part(Size::new(width, height), Rational::new(num, den))
}
