//! Extracts the samples of a decoded frame, component by component.

use std::ffi::c_int;

use ffmpeg_next::ffi;

use crate::libav::ffi_enums::pixel_descriptor;
use crate::libav::frame::Frame;
use crate::libav::frame_format::frame_format;
use crate::model::UndeclaredColors;
use crate::verify::reference_render::{Colors, PlanarFrame, Plane};

/// Returns the samples of a frame; `None` for unsupported formats: float, bitstream, and matrices that greenlit does not
/// convert. `aspect` is the sample aspect ratio of the container, if it declares one; `undeclared` applies where the
/// frame has no tags.
pub(super) fn planar_frame(
    frame: &Frame,
    aspect: ffi::AVRational,
    undeclared: &UndeclaredColors,
) -> Option<PlanarFrame> {
    let source = frame_format(frame, aspect, undeclared);
    let raw = frame.get();
    let descriptor = pixel_descriptor(raw.format)?;
    let has = |flag: c_int| descriptor.flags & flag as u64 != 0;
    let (sx, sy) = source.sample_aspect_ratio;
    let colors = Colors {
        full_range: source.full_range,
        matrix: source.matrix?,
        primaries: source.primaries,
        transfer: source.transfer,
    };
    let (planes, alpha, depth) = if has(ffi::AV_PIX_FMT_FLAG_PAL) {
        let [red, green, blue, alpha] = palette_planes(frame)?;
        ([red, green, blue], Some(alpha), 8)
    } else {
        component_planes(frame, descriptor)?
    };
    Some(PlanarFrame {
        planes,
        alpha,
        depth,
        colors,
        sample_aspect_ratio: f64::from(sx.max(1)) / f64::from(sy.max(1)),
        peak: source.peak.map(|peak| peak as f64 / 1e6),
    })
}

/// Three components, alpha, and bits per sample.
type Components = ([Plane; 3], Option<Plane>, u32);

/// Returns the components of a frame of luma and chroma, of red, green and blue, or of grey alone.
fn component_planes(frame: &Frame, descriptor: &ffi::AVPixFmtDescriptor) -> Option<Components> {
    let has = |flag: c_int| descriptor.flags & flag as u64 != 0;
    let depth = descriptor.comp[0].depth;
    let unsupported = [
        ffi::AV_PIX_FMT_FLAG_BITSTREAM,
        ffi::AV_PIX_FMT_FLAG_HWACCEL,
        ffi::AV_PIX_FMT_FLAG_BAYER,
        ffi::AV_PIX_FMT_FLAG_FLOAT,
    ];
    let count = usize::from(descriptor.nb_components);
    let equal_depth = descriptor.comp.iter().take(count).all(|component| component.depth == depth);
    if unsupported.into_iter().any(has) || count == 0 || !equal_depth || !(8..=16).contains(&depth) {
        return None;
    }
    let component = |index: usize| plane(frame, descriptor, index);
    let alpha = if has(ffi::AV_PIX_FMT_FLAG_ALPHA) { Some(component(count - 1)?) } else { None };
    let planes = match count - usize::from(alpha.is_some()) {
        3 => [component(0)?, component(1)?, component(2)?],
        // Grey has neutral chroma everywhere.
        1 => {
            let neutral = Plane { width: 1, height: 1, samples: vec![1 << (depth - 1)] };
            [component(0)?, neutral.clone(), neutral]
        }
        _ => return None,
    };
    Some((planes, alpha, depth as u32))
}

/// Returns red, green, blue and alpha of a frame of indices into a palette.
fn palette_planes(frame: &Frame) -> Option<[Plane; 4]> {
    const COLORS: usize = 256;
    let raw = frame.get();
    let (width, height) = (usize::try_from(raw.width).ok()?, usize::try_from(raw.height).ok()?);
    let stride = raw.linesize[0] as isize;
    let incomplete = raw.data[0].is_null() || raw.data[1].is_null() || stride.unsigned_abs() < width;
    if incomplete || width == 0 || height == 0 {
        return None;
    }
    // SAFETY: the second plane of these formats holds 256 native words of alpha, red, green and blue.
    let palette: [u32; COLORS] =
        std::array::from_fn(|at| unsafe { raw.data[1].cast::<u32>().add(at).read_unaligned() });
    let mut planes = [(); 4].map(|()| Plane { width, height, samples: Vec::with_capacity(width * height) });
    for y in 0..height {
        // SAFETY: the plane has `height` rows of `stride` bytes each, and `width` is no more than a row.
        let row = unsafe { std::slice::from_raw_parts(raw.data[0].offset(y as isize * stride), width) };
        for (plane, shift) in planes.iter_mut().zip([16, 8, 0, 24]) {
            plane
                .samples
                .extend(row.iter().map(|index| (palette[usize::from(*index)] >> shift) as u16 & 0xff));
        }
    }
    Some(planes)
}

fn plane(frame: &Frame, descriptor: &ffi::AVPixFmtDescriptor, index: usize) -> Option<Plane> {
    let raw = frame.get();
    let component = descriptor.comp.get(index)?;
    let has = |flag: c_int| descriptor.flags & flag as u64 != 0;
    // The second component of grey is alpha.
    let chroma = matches!(index, 1 | 2) && !has(ffi::AV_PIX_FMT_FLAG_RGB) && descriptor.nb_components > 2;
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
    if data.is_null() || width == 0 || height == 0 {
        return None;
    }
    let needed = (width - 1) * step + offset + if wide { 2 } else { 1 };
    if stride.unsigned_abs() < needed {
        return None;
    }
    let word: fn([u8; 2]) -> u16 =
        if has(ffi::AV_PIX_FMT_FLAG_BE) { u16::from_be_bytes } else { u16::from_le_bytes };
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
            let value = if wide { word([row[at], row[at + 1]]) } else { u16::from(row[at]) };
            (value >> component.shift) & mask
        }));
    }
    Some(Plane { width, height, samples })
}
