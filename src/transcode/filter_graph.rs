//! Writes the filter graph of a video stream as text.
//!
//! Pure: frame format and plan in, FFmpeg filter text out. Every inserted value is a number, a name
//! from a table in this module, or a colour of six hexadecimal digits.

use super::available_filters::{AvailableFilters, GraphError};
use super::gamut::gamut_filters;
use super::tone_map::ToneMap;
use crate::libav::filter::SWS_FLAGS;
use crate::libav::frame_format::FrameFormat;
use crate::model::{Flip, HdrKind, Matrix, Rotation, Size};
use crate::plan::{Canvas, Fill, VideoEncode};

/// Returns the filters between source and sink. Their output is 8-bit 4:2:0, BT.709, limited range, with
/// square pixels.
///
/// # Errors
///
/// See [`GraphError`].
pub fn video_graph(
    source: &FrameFormat,
    plan: &VideoEncode,
    filters: AvailableFilters,
) -> Result<String, GraphError> {
    let mut chain: Vec<String> = Vec::new();
    let mut source = source.clone();
    if source.matrix.is_none() {
        return Err(GraphError::Matrix);
    }
    if let Some(color) = &plan.alpha_background {
        // The background is derived from the frame: a separate colour source has its own timestamps.
        let [r, g, b] = channels(color)?;
        // The background is BT.709 already, so the frame is converted before it is composed.
        chain.extend(gamut_filters(&mut source, true, filters)?);
        if !source.is_rgb() {
            let input = source.swscale_input();
            chain.push(format!("scale=flags={SWS_FLAGS}{input}:out_range=pc"));
        }
        chain.push("format=rgba,split[clear][bg0]".to_owned());
        let background = format!("[bg0]lutrgb=r={r}:g={g}:b={b}:a=255[bg]");
        let last = chain.pop().unwrap_or_default();
        chain.push(format!("{last};{background};[bg][clear]overlay=format=rgb,format=rgb24"));
        source = FrameFormat { zimg: false, full_range: true, matrix: Some(Matrix::Rgb), ..source };
    }
    if plan.deinterlace {
        chain.push("bwdif=mode=send_frame:parity=auto:deint=all".to_owned());
    }
    // The following filters must not process fields separately.
    chain.push("setfield=mode=prog".to_owned());
    let tone_map = even_hdr(&mut source, plan.tone_map.map(|map| map.from), filters, &mut chain)?;
    if tone_map.is_none() {
        chain.extend(gamut_filters(&mut source, false, filters)?);
    }
    match plan.flip {
        Some(Flip::Horizontal) => chain.push("hflip".to_owned()),
        Some(Flip::Vertical) => chain.push("vflip".to_owned()),
        None => {}
    }
    match plan.rotate {
        Rotation::None => {}
        Rotation::Quarter => chain.push("transpose=dir=clock".to_owned()),
        Rotation::Half => chain.push("hflip,vflip".to_owned()),
        Rotation::ThreeQuarters => chain.push("transpose=dir=cclock".to_owned()),
    }
    let upright = push_crop(&source, plan, &mut chain)?;
    chain.push(match tone_map {
        Some(map) => map.by_table(upright, plan.scale),
        None => scale_filter(&source, upright, plan.scale, filters),
    });
    if let Some(canvas) = &plan.canvas {
        chain.push(canvas_filter(plan.scale, canvas)?);
    }
    chain.push(
        "setsar=1,setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709".to_owned(),
    );
    Ok(chain.join(","))
}

/// Returns the filters that convert HDR and other primaries and transfers to SDR of BT.709, pixel by pixel, and adapts
/// `source`.
pub(crate) fn color_filters(
    source: &mut FrameFormat,
    tone_map: Option<HdrKind>,
    filters: AvailableFilters,
) -> Result<Vec<String>, GraphError> {
    let mut chain = Vec::new();
    match even_hdr(source, tone_map, filters, &mut chain)? {
        Some(map) => chain.push(map.of_each_pixel()),
        None => chain.extend(gamut_filters(source, false, filters)?),
    }
    Ok(chain)
}

/// Returns the mapping of HDR, and makes its frames even as zimg requires for 4:2:0: odd sizes lose a line or a column.
fn even_hdr(
    source: &mut FrameFormat,
    from: Option<HdrKind>,
    filters: AvailableFilters,
    chain: &mut Vec<String>,
) -> Result<Option<ToneMap>, GraphError> {
    let Some(from) = from else { return Ok(None) };
    if !filters.zscale {
        return Err(GraphError::Missing("zscale"));
    }
    chain.push("crop=trunc(iw/2)*2:trunc(ih/2)*2".to_owned());
    Ok(Some(ToneMap::new(source, from)))
}

/// Appends the crop filter. Returns the remaining size in coded pixels.
fn push_crop(
    source: &FrameFormat,
    plan: &VideoEncode,
    chain: &mut Vec<String>,
) -> Result<(u32, u32), GraphError> {
    let (mut width, mut height) = source.size;
    let (mut sx, mut sy) = (source.sample_aspect_ratio.0.max(1), source.sample_aspect_ratio.1.max(1));
    if plan.rotate.swaps_sides() {
        (width, height, sx, sy) = (height, width, sy, sx);
    }
    let Some(cut) = plan.crop else { return Ok((width, height)) };
    // The margins are in square pixels, which result from scaling the coded width.
    let (x, y) = if plan.rotate.swaps_sides() {
        (1.0, f64::from(sx) / f64::from(sy))
    } else {
        (f64::from(sy) / f64::from(sx), 1.0)
    };
    let coded = |pixels: u32, factor: f64| (f64::from(pixels) * factor).round() as u32;
    let (left, right) = (coded(cut.left, x), coded(cut.right, x));
    let (top, bottom) = (coded(cut.top, y), coded(cut.bottom, y));
    let empty = GraphError::Crop(width, height);
    let kept_w = width.checked_sub(left.saturating_add(right)).filter(|w| *w > 1).ok_or(empty.clone())?;
    let kept_h = height.checked_sub(top.saturating_add(bottom)).filter(|h| *h > 1).ok_or(empty)?;
    chain.push(format!("crop={kept_w}:{kept_h}:{left}:{top}"));
    Ok((kept_w & !1, kept_h & !1))
}

fn scale_filter(source: &FrameFormat, from: (u32, u32), to: Size, filters: AvailableFilters) -> String {
    let Size { width, height } = to;
    let even = from.0.is_multiple_of(2) && from.1.is_multiple_of(2);
    if let (true, true, Some(matrix)) = (filters.zscale, even, source.zimg_matrix()) {
        let range = source.range();
        return format!(
            "zscale=w={width}:h={height}:f=lanczos:min={matrix}:m=bt709:rin={range}:r=tv:d=ordered,format=yuv420p"
        );
    }
    let input = source.swscale_input();
    format!(
        "scale={width}:{height}:flags={SWS_FLAGS}{input}:out_color_matrix=bt709:out_range=tv,format=yuv420p"
    )
}

fn canvas_filter(frame: Size, canvas: &Canvas) -> Result<String, GraphError> {
    let Size { width, height } = canvas.size;
    // Even offsets keep 4:2:0 chroma aligned.
    let x = (width.saturating_sub(frame.width) / 2) & !1;
    let y = (height.saturating_sub(frame.height) / 2) & !1;
    match &canvas.fill {
        Fill::Color(color) => {
            channels(color)?;
            Ok(format!("pad={width}:{height}:{x}:{y}:color=0x{color}"))
        }
        Fill::Blur => {
            let (cw, ch) = covering_part(frame, canvas.size);
            let (bw, bh) = ((width / 8).max(2) & !1, (height / 8).max(2) & !1);
            let sigma = f64::from(bw.min(bh)) / 16.0;
            Ok(format!(
                "split[fg][bg0];[bg0]crop={cw}:{ch},scale={bw}:{bh}:flags=bilinear,gblur=sigma={sigma:.2}:steps=2,\
                 scale={width}:{height}:flags=bilinear,setsar=1[bg];[fg]setsar=1[fg1];[bg][fg1]overlay={x}:{y}:format=yuv420"
            ))
        }
    }
}

/// Returns the size of the largest centered part of `frame` with the aspect ratio of `canvas`.
fn covering_part(frame: Size, canvas: Size) -> (u32, u32) {
    let wide = u64::from(frame.width) * u64::from(canvas.height);
    let high = u64::from(frame.height) * u64::from(canvas.width);
    let even = |n: u64| (n as u32).max(2) & !1;
    if wide > high {
        (even(high / u64::from(canvas.height.max(1))), frame.height & !1)
    } else {
        (frame.width & !1, even(wide / u64::from(canvas.width.max(1))))
    }
}

fn channels(color: &str) -> Result<[u8; 3], GraphError> {
    let bad = || GraphError::Color(color.to_owned());
    if color.len() != 6 || !color.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(bad());
    }
    let value = u32::from_str_radix(color, 16).map_err(|_| bad())?;
    Ok([(value >> 16) as u8, (value >> 8) as u8, value as u8])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::model::{Primaries, Transfer};
    use crate::plan::{CropMargins, ToneMap, example};

    fn plan() -> VideoEncode {
        example::video_encode(720, 1280, 30)
    }

    fn source() -> FrameFormat {
        FrameFormat {
            size: (1920, 1080),
            pixel_format: 0,
            sample_aspect_ratio: (1, 1),
            zimg: true,
            full_range: false,
            matrix: Some(Matrix::Bt709),
            primaries: None,
            transfer: Transfer::Video,
            peak: None,
        }
    }

    const ZSCALE: AvailableFilters = AvailableFilters { zscale: true };

    #[test]
    fn filters_follow_the_order_of_the_plan() {
        let mut plan = plan();
        plan.deinterlace = true;
        plan.flip = Some(Flip::Horizontal);
        plan.rotate = Rotation::Quarter;
        plan.crop = Some(CropMargins { left: 2, top: 4, right: 6, bottom: 8 });
        plan.canvas = Some(Canvas { size: Size::new(1080, 1920), fill: Fill::Color("112233".to_owned()) });
        let text = video_graph(&source(), &plan, ZSCALE).unwrap();
        let positions: Vec<usize> = [
            "bwdif",
            "hflip",
            "transpose=dir=clock",
            "crop=1072:1908:2:4",
            "zscale=w=720:h=1280",
            "pad=1080:1920:180:320",
        ]
        .iter()
        .map(|part| text.find(part).unwrap_or_else(|| panic!("{part} in {text}")))
        .collect();
        assert!(positions.is_sorted(), "{text}");
    }

    #[test]
    fn crop_margins_are_in_square_pixels() {
        let mut plan = plan();
        plan.crop = Some(CropMargins { left: 64, top: 0, right: 64, bottom: 0 });
        let pal = FrameFormat { size: (720, 576), sample_aspect_ratio: (64, 45), ..source() };
        assert!(video_graph(&pal, &plan, ZSCALE).unwrap().contains("crop=630:576:45:0"));
        plan.crop = Some(CropMargins { left: 600, top: 0, right: 600, bottom: 0 });
        assert!(matches!(video_graph(&pal, &plan, ZSCALE), Err(GraphError::Crop(..))));
    }

    #[test]
    fn the_matrix_of_the_frames_is_stated_and_an_unknown_one_refused() {
        let sd = FrameFormat { matrix: Some(Matrix::Bt601), ..source() };
        assert!(video_graph(&sd, &plan(), ZSCALE).unwrap().contains("min=smpte170m:m=bt709"));
        assert!(video_graph(&source(), &plan(), ZSCALE).unwrap().contains("min=bt709:m=bt709"));
        let unknown = FrameFormat { matrix: None, ..source() };
        assert_eq!(video_graph(&unknown, &plan(), ZSCALE), Err(GraphError::Matrix));
    }

    #[test]
    fn ycgco_is_read_by_zimg_whatever_the_layout() {
        let frames = FrameFormat { matrix: Some(Matrix::YCgCo), ..source() };
        for frames in
            [FrameFormat { zimg: false, ..frames.clone() }, FrameFormat { size: (321, 241), ..frames }]
        {
            let text = video_graph(&frames, &plan(), ZSCALE).unwrap();
            assert!(text.contains("format=yuv444p,zscale=min=ycgco:rin=tv"), "{text}");
        }
    }

    #[test]
    fn transfers_unlike_video_are_converted_though_the_primaries_are_those_of_bt709() {
        for (transfer, name) in [(Transfer::Linear, "linear"), (Transfer::Log100, "log100")] {
            let text = video_graph(&FrameFormat { transfer, ..source() }, &plan(), ZSCALE).unwrap();
            assert!(text.contains(&format!("pin=bt709:tin={name}:p=bt709:t=bt709")), "{text}");
        }
        let cinema = FrameFormat { transfer: Transfer::Cinema, ..source() };
        let text = video_graph(&cinema, &plan(), ZSCALE).unwrap();
        assert!(text.contains("pow(val/maxval,2.6)") && !text.contains("colorchannelmixer"), "{text}");
        let xyz = FrameFormat { primaries: Some(Primaries::Xyz), ..cinema };
        assert!(video_graph(&xyz, &plan(), ZSCALE).unwrap().contains("colorchannelmixer=rr=1.62025"));
        let srgb = FrameFormat { transfer: Transfer::Srgb, ..source() };
        assert!(!video_graph(&srgb, &plan(), ZSCALE).unwrap().contains("tin="));
    }

    #[test]
    fn odd_sizes_and_rgb_use_swscale() {
        let matrix = Some(Matrix::Bt601);
        let odd = FrameFormat { size: (321, 241), full_range: true, matrix, ..source() };
        let text = video_graph(&odd, &plan(), ZSCALE).unwrap();
        assert!(
            text.contains("in_color_matrix=bt601:in_range=pc:out_color_matrix=bt709:out_range=tv"),
            "{text}"
        );
        let rgb = FrameFormat { matrix: Some(Matrix::Rgb), zimg: false, ..source() };
        assert!(!video_graph(&rgb, &plan(), ZSCALE).unwrap().contains("in_color_matrix"));
    }

    #[test]
    fn rejects_anything_but_six_hex_digits_as_a_colour() {
        for invalid in ["red", "12345g", "112233,movie=/etc/passwd", "", "+12345"] {
            let mut plan = plan();
            plan.alpha_background = Some(invalid.to_owned());
            assert_eq!(video_graph(&source(), &plan, ZSCALE), Err(GraphError::Color(invalid.to_owned())));
            plan.alpha_background = None;
            plan.canvas = Some(Canvas { size: Size::new(1080, 1920), fill: Fill::Color(invalid.to_owned()) });
            assert_eq!(video_graph(&source(), &plan, ZSCALE), Err(GraphError::Color(invalid.to_owned())));
        }
    }

    #[test]
    fn tone_mapping_states_its_input_and_needs_zimg() {
        let mut plan = plan();
        plan.tone_map = Some(ToneMap { from: HdrKind::Hlg });
        let wide = FrameFormat { matrix: Some(Matrix::Bt2020), ..source() };
        let text = video_graph(&wide, &plan, ZSCALE).unwrap();
        assert!(
            text.contains("zscale=w=720:h=1280:f=lanczos:min=bt2020nc:rin=tv:tin=arib-std-b67:pin=bt2020"),
            "{text}"
        );
        let result = video_graph(&source(), &plan, AvailableFilters { zscale: false });
        assert_eq!(result, Err(GraphError::Missing("zscale")));
    }

    #[test]
    fn other_primaries_are_converted_in_linear_light_whatever_the_layout() {
        let wide = FrameFormat { primaries: Some(Primaries::DisplayP3), ..source() };
        let text = video_graph(&wide, &plan(), ZSCALE).unwrap();
        assert!(
            text.contains("rin=tv:pin=smpte432:tin=bt709:p=bt709:t=bt709:m=gbr:r=pc,format=gbrp12le"),
            "{text}"
        );
        for other in [
            FrameFormat { size: (321, 241), ..wide.clone() },
            FrameFormat { zimg: false, ..wide.clone() },
            FrameFormat { matrix: Some(Matrix::Rgb), zimg: false, ..wide.clone() },
        ] {
            let text = video_graph(&other, &plan(), ZSCALE).unwrap();
            assert!(text.contains("format=gbrp12le,zscale=min=gbr:rin=pc:pin=smpte432"), "{text}");
        }
        let mut clear = plan();
        clear.alpha_background = Some("112233".to_owned());
        let text = video_graph(&wide, &clear, ZSCALE).unwrap();
        let (converted, composed) = (text.find("pin=smpte432").unwrap(), text.find("overlay").unwrap());
        assert!(converted < composed && text.matches("pin=").count() == 1, "{text}");
        let missing = video_graph(&wide, &plan(), AvailableFilters { zscale: false });
        assert_eq!(missing, Err(GraphError::Missing("zscale")));
        assert!(!video_graph(&source(), &plan(), ZSCALE).unwrap().contains("pin="));
    }

    #[test]
    fn the_blurred_border_covers_the_canvas_in_its_shape() {
        assert_eq!(covering_part(Size::new(1080, 608), Size::new(1080, 1920)), (342, 608));
        assert_eq!(covering_part(Size::new(608, 1080), Size::new(1920, 1080)), (608, 342));
    }
}
