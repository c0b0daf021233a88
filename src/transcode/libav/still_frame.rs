//! Decodes single frames of a video as upright images.

use std::cell::Cell;

use crate::job::JobError;
use crate::libav::decoder::Decoder;
use crate::libav::error::failed;
use crate::libav::filter::{Graph, Pulled, SWS_FLAGS, has_filter};
use crate::libav::frame::Frame;
use crate::libav::frame_format::frame_format;
use crate::libav::input::Input;
use crate::libav::packet::Packet;
use crate::libav::time::{NOPTS, seconds};
use crate::model::{Flip, HdrKind, Matrix, Rotation, Size, Transfer, UndeclaredColors};
use crate::transcode::available_filters::AvailableFilters;
use crate::transcode::filter_graph::color_filters;

/// Maximum packets read for a frame after a seek.
const MAX_PACKETS: u32 = 1000;

/// An image to make of a video.
#[derive(Clone, Copy, Debug)]
pub struct ImageRequest {
    /// Index of the video stream.
    pub stream: u32,
    /// Size of the image.
    pub size: Size,
    /// The clockwise rotation that a player applies.
    pub rotation: Rotation,
    /// The reflection that a player applies before the rotation.
    pub flip: Option<Flip>,
}

/// Returns the first frame that can be decoded, or from `at_s` on, if there is one near; else the last one read.
pub(crate) fn frame_at(
    input: &mut Input,
    decoder: &mut Decoder,
    stream: u32,
    at_s: Option<f64>,
) -> Result<Option<Frame>, JobError> {
    let (mut packet, base, is_reached) = (Packet::new()?, decoder.base(), Cell::new(false));
    let mut found = None;
    let mut keep = |frame: Frame| {
        if is_reached.get() {
            return Ok(());
        }
        let time = frame.get().best_effort_timestamp;
        is_reached.set(at_s.is_none_or(|at_s| time == NOPTS || seconds(time, base) >= at_s));
        found = Some(frame);
        Ok(())
    };
    for _ in 0..MAX_PACKETS {
        if !input.read(&mut packet)? {
            decoder.feed(None, &mut keep)?;
            decoder.flush();
            break;
        }
        if packet.get().stream_index == stream as i32 {
            decoder.feed(Some(&packet), &mut keep)?;
            if is_reached.get() {
                break;
            }
        }
    }
    Ok(found)
}

/// Converts the frame to upright packed RGB of exactly the requested size.
pub(super) fn to_rgb(frame: Frame, request: ImageRequest) -> Result<Vec<u8>, JobError> {
    to_packed(frame, request, ("rgb24", 3))
}

/// Like [`to_rgb`], with transparency as a fourth value.
pub(crate) fn to_rgba(frame: Frame, request: ImageRequest) -> Result<Vec<u8>, JobError> {
    to_packed(frame, request, ("rgba", 4))
}

/// Converts the frame to packed pixels of a format with its number of bytes.
fn to_packed(
    mut frame: Frame,
    request: ImageRequest,
    (format, bytes): (&str, usize),
) -> Result<Vec<u8>, JobError> {
    let ImageRequest { size, rotation, flip, .. } = request;
    let raw = frame.get();
    let size_of_frame = Size::new(raw.width.max(0) as u32, raw.height.max(0) as u32);
    let undeclared = UndeclaredColors { matrix: Matrix::of_size(size_of_frame), ..UndeclaredColors::BT709 };
    let mut source = frame_format(&frame, raw.sample_aspect_ratio, &undeclared);
    let (width, height) = source.size;
    let (sx, sy) = source.sample_aspect_ratio;
    let flip = match flip {
        Some(Flip::Horizontal) => "hflip,",
        Some(Flip::Vertical) => "vflip,",
        None => "",
    };
    let turn = match rotation {
        Rotation::None => "",
        Rotation::Quarter => "transpose=dir=clock,",
        Rotation::Half => "hflip,vflip,",
        Rotation::ThreeQuarters => "transpose=dir=cclock,",
    };
    let (w, h) = (size.width, size.height);
    let square = (f64::from(width) * f64::from(sx.max(1)) / f64::from(sy.max(1))).round().max(1.0);
    let hdr = match source.transfer {
        Transfer::Hlg => Some(HdrKind::Hlg),
        Transfer::Pq => Some(HdrKind::Pq),
        _ => None,
    };
    let pixel_format = source.pixel_format;
    let available = AvailableFilters { zscale: has_filter(c"zscale") };
    let colors = color_filters(&mut source, hdr, available).map_err(|e| failed(e.to_string()))?;
    let colors: String = colors.into_iter().map(|filter| filter + ",").collect();
    let input = source.swscale_input();
    let graph = format!(
        "buffer=video_size={width}x{height}:pix_fmt={pixel_format}:time_base=1/1000:pixel_aspect=1/1,\
         {colors}scale={square}:{height}:flags={SWS_FLAGS}{input}:out_range=pc,format={format},{flip}{turn}\
         scale={w}:{h}:force_original_aspect_ratio=increase:flags=lanczos,crop={w}:{h},format={format},buffersink"
    );
    let mut graph = Graph::new(&graph)?;
    frame.get_mut().pts = 0;
    graph.push(0, Some(&mut frame))?;
    graph.push(0, None)?;
    let Pulled::Frame(filtered) = graph.pull(0)? else {
        return Err(failed("the filter graph of the image returned no frame"));
    };
    let mut pixels = Vec::with_capacity(size.pixels() as usize * bytes);
    for y in 0..h as usize {
        pixels.extend_from_slice(filtered.row(0, y, w as usize * bytes));
    }
    Ok(pixels)
}
