//! Extracts the samples of a decoded frame, component by component.

use std::ffi::c_int;

use ffmpeg_next::ffi;

use crate::model::Primaries;
use crate::transcode::libav::ffi_wrappers::Frame;
use crate::transcode::libav::video::frame_format;
use crate::verify::reference_render::{Colors, PlanarFrame, Plane};

/// Bytes of side data up to the last field used; later FFmpeg versions only append fields (libavutil,
/// `mastering_display_metadata.h`).
const LIGHT_LEVEL_BYTES: usize = 4;
const MASTERING_BYTES: usize = 88;

/// Returns the samples of a frame; `None` for unsupported formats: palette, grey, float, bitstream.
/// `aspect` is the sample aspect ratio of the container, if it declares one.
pub(super) fn planar_frame(frame: &Frame, aspect: ffi::AVRational) -> Option<PlanarFrame> {
    let source = frame_format(frame, aspect);
    let raw = frame.get();
    // SAFETY: formats of frames are values of this enum; descriptors are static.
    let descriptor = unsafe {
        ffi::av_pix_fmt_desc_get(std::mem::transmute::<i32, ffi::AVPixelFormat>(raw.format)).as_ref()?
    };
    let has = |flag: c_int| descriptor.flags & flag as u64 != 0;
    let depth = descriptor.comp[0].depth;
    let unsupported = [
        ffi::AV_PIX_FMT_FLAG_PAL,
        ffi::AV_PIX_FMT_FLAG_BITSTREAM,
        ffi::AV_PIX_FMT_FLAG_HWACCEL,
        ffi::AV_PIX_FMT_FLAG_BAYER,
        ffi::AV_PIX_FMT_FLAG_FLOAT,
        ffi::AV_PIX_FMT_FLAG_BE,
    ];
    let count = usize::from(descriptor.nb_components);
    let equal_depth = descriptor.comp.iter().take(count).all(|component| component.depth == depth);
    if unsupported.into_iter().any(has) || count < 3 || !equal_depth || !(8..=16).contains(&depth) {
        return None;
    }
    let component = |index: usize| plane(frame, descriptor, index);
    let alpha = if has(ffi::AV_PIX_FMT_FLAG_ALPHA) { Some(component(count - 1)?) } else { None };
    let (sx, sy) = source.sample_aspect_ratio;
    Some(PlanarFrame {
        planes: [component(0)?, component(1)?, component(2)?],
        alpha,
        depth: depth as u32,
        colors: Colors {
            rgb: source.rgb,
            full_range: source.full_range,
            matrix: source.matrix,
            primaries: source.primaries.as_deref().and_then(Primaries::by_name),
            transfer: source.transfer,
        },
        sample_aspect_ratio: f64::from(sx.max(1)) / f64::from(sy.max(1)),
        peak: peak(frame),
    })
}

fn plane(frame: &Frame, descriptor: &ffi::AVPixFmtDescriptor, index: usize) -> Option<Plane> {
    let raw = frame.get();
    let component = descriptor.comp.get(index)?;
    let chroma = matches!(index, 1 | 2) && descriptor.flags & ffi::AV_PIX_FMT_FLAG_RGB as u64 == 0;
    let subsampled = |length: c_int, log2: u8| {
        let log2 = if chroma { u32::from(log2) } else { 0 };
        (length.max(0) as usize).div_ceil(1 << log2)
    };
    let width = subsampled(raw.width, descriptor.log2_chroma_w);
    let height = subsampled(raw.height, descriptor.log2_chroma_h);
    let (step, offset) = (component.step as usize, component.offset as usize);
    let wide = component.depth + component.shift > 8;
    let data = *raw.data.get(component.plane as usize)?;
    let stride = *raw.linesize.get(component.plane as usize)? as isize;
    let needed = (width - 1) * step + offset + if wide { 2 } else { 1 };
    if data.is_null() || width == 0 || height == 0 || stride.unsigned_abs() < needed {
        return None;
    }
    let mask = ((1_u32 << component.depth) - 1) as u16;
    let mut samples = Vec::with_capacity(width * height);
    for y in 0..height {
        // SAFETY: the plane has `height` rows of `stride` bytes each, and `needed` is no more than a row.
        let row = unsafe { std::slice::from_raw_parts(data.offset(y as isize * stride), needed) };
        if !wide && step == 1 && component.shift == 0 && component.depth == 8 {
            // Fast path for the most common format, which the compiler vectorizes.
            samples.extend(row[offset..].iter().map(|byte| u16::from(*byte)));
            continue;
        }
        samples.extend((0..width).map(|x| {
            let at = x * step + offset;
            let value = if wide { u16::from_le_bytes([row[at], row[at + 1]]) } else { u16::from(row[at]) };
            (value >> component.shift) & mask
        }));
    }
    Some(Plane { width, height, samples })
}

/// Returns the peak luminance of the video, in units of 100 candela per square metre.
fn peak(frame: &Frame) -> Option<f64> {
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
        bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_ne_bytes)
    };
    let content = bytes(AV_FRAME_DATA_CONTENT_LIGHT_LEVEL, LIGHT_LEVEL_BYTES);
    let content = content.map(|bytes| f64::from(number(bytes, 0)) / 100.0).filter(|peak| *peak > 0.0);
    // The maximum luminance is the tenth rational; the second flag after it says whether it is valid.
    let mastering = bytes(AV_FRAME_DATA_MASTERING_DISPLAY_METADATA, MASTERING_BYTES)
        .filter(|bytes| number(bytes, 84) != 0)
        .map(|bytes| f64::from(number(bytes, 72)) / f64::from(number(bytes, 76).max(1)) / 100.0);
    content.or(mastering.filter(|peak| *peak > 0.0))
}
