//! The filter graph of one picture, as text.
//!
//! Pure: source properties and plan in, FFmpeg filter text out. Everything spliced in is a number,
//! a name from a table here, or a colour of six hexadecimal digits.

use crate::model::{Flip, HdrKind, Rotation, Size};
use crate::plan::{Canvas, Fill, VideoEncode};

/// What the frames that enter the graph are. A change of any of it needs a new graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Size of the frame.
    pub size: (u32, u32),
    /// FFmpeg's number of the pixel format.
    pub pixel_format: i32,
    /// Sample aspect ratio, 1:1 where unknown.
    pub sample_aspect_ratio: (u32, u32),
    /// Whether the samples are red, green and blue, or a palette of these.
    pub rgb: bool,
    /// Whether the pixel format is planar YUV that zimg takes.
    pub zimg: bool,
    /// Whether samples span the full range.
    pub full_range: bool,
    /// FFmpeg's name of the matrix; `None` where untagged.
    pub matrix: Option<String>,
    /// FFmpeg's name of the primaries; `None` where untagged.
    pub primaries: Option<String>,
    /// FFmpeg's name of the transfer; `None` where untagged.
    pub transfer: Option<String>,
}

/// Which optional filters the library has.
#[derive(Clone, Copy, Debug)]
pub struct Available {
    /// `zscale` (zimg).
    pub zscale: bool,
}

/// A graph that cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// A colour is not six hexadecimal digits.
    #[error("`{0}` is not a colour of the form RRGGBB")]
    Color(String),
    /// Nothing would be left of the picture.
    #[error("the plan cuts more off the picture than there is ({0}x{1})")]
    Crop(u32, u32),
    /// The library lacks a filter.
    #[error("the media library has no `{0}` filter; install an FFmpeg built with it")]
    Missing(&'static str),
}

/// Quality flags of swscale.
pub const SWS_FLAGS: &str = "lanczos+accurate_rnd+full_chroma_int";

/// The text between source and sink: 8-bit 4:2:0, BT.709, limited range, square pixels.
///
/// # Errors
///
/// See [`GraphError`].
pub fn video_graph(source: &Source, plan: &VideoEncode, have: Available) -> Result<String, GraphError> {
    let mut chain: Vec<String> = Vec::new();
    let mut source = source.clone();
    if let Some(color) = &plan.alpha_background {
        // The background comes from the frame itself: a separate colour source has its own clock.
        let [r, g, b] = channels(color)?;
        chain.push("format=rgba,split[clear][bg0]".to_owned());
        let background = format!("[bg0]lutrgb=r={r}:g={g}:b={b}:a=255[bg]");
        let last = chain.pop().unwrap_or_default();
        chain.push(format!("{last};{background};[bg][clear]overlay=format=rgb,format=rgb24"));
        source = Source { rgb: true, zimg: false, full_range: true, matrix: None, ..source };
    }
    if plan.deinterlace {
        chain.push("bwdif=mode=send_frame:parity=auto:deint=all".to_owned());
    }
    // Whatever follows must not treat lines as fields.
    chain.push("setfield=mode=prog".to_owned());
    if let Some(tone_map) = plan.tone_map {
        if !have.zscale {
            return Err(GraphError::Missing("zscale"));
        }
        chain.push(tone_mapped(&source, tone_map.from));
        source.full_range = false;
        source.zimg = true;
        source.matrix = Some("bt709".to_owned());
        source.primaries = Some("bt709".to_owned());
        source.transfer = Some("bt709".to_owned());
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
    let upright = cropped(&source, plan, &mut chain)?;
    chain.push(scaled(&source, upright, plan.scale, have));
    if let Some(canvas) = &plan.canvas {
        chain.push(on_canvas(plan.scale, canvas)?);
    }
    chain.push(
        "setsar=1,setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709".to_owned(),
    );
    Ok(chain.join(","))
}

/// Cuts, and returns the size of what is left in coded pixels.
fn cropped(source: &Source, plan: &VideoEncode, chain: &mut Vec<String>) -> Result<(u32, u32), GraphError> {
    let (mut width, mut height) = source.size;
    let (mut sx, mut sy) = (source.sample_aspect_ratio.0.max(1), source.sample_aspect_ratio.1.max(1));
    if plan.rotate.swaps_sides() {
        (width, height, sx, sy) = (height, width, sy, sx);
    }
    let Some(cut) = plan.crop else { return Ok((width, height)) };
    // The plan counts square pixels made by stretching the coded width.
    let (x, y) = if plan.rotate.swaps_sides() {
        (1.0, f64::from(sx) / f64::from(sy))
    } else {
        (f64::from(sy) / f64::from(sx), 1.0)
    };
    let coded = |pixels: u32, factor: f64| (f64::from(pixels) * factor).round() as u32;
    let (left, right) = (coded(cut.left, x), coded(cut.right, x));
    let (top, bottom) = (coded(cut.top, y), coded(cut.bottom, y));
    let none_left = GraphError::Crop(width, height);
    let kept_w = width.checked_sub(left.saturating_add(right)).filter(|w| *w > 1).ok_or(none_left.clone())?;
    let kept_h = height.checked_sub(top.saturating_add(bottom)).filter(|h| *h > 1).ok_or(none_left)?;
    chain.push(format!("crop={kept_w}:{kept_h}:{left}:{top}"));
    Ok((kept_w & !1, kept_h & !1))
}

/// Untagged pictures are what a player takes them for: BT.601 up to PAL, BT.709 above.
fn matrix_or_guess(source: &Source) -> &str {
    let short = source.size.0.min(source.size.1);
    source.matrix.as_deref().unwrap_or(if short <= 576 { "smpte170m" } else { "bt709" })
}

fn scaled(source: &Source, from: (u32, u32), to: Size, have: Available) -> String {
    let Size { width, height } = to;
    let range = if source.full_range { "pc" } else { "tv" };
    let matrix = matrix_or_guess(source);
    let zimg_matrix = match matrix {
        "bt709" | "bt470bg" | "smpte170m" | "bt2020nc" => Some(matrix),
        _ => None,
    };
    let wide_gamut = source.primaries.as_deref() == Some("bt2020");
    let even = from.0.is_multiple_of(2) && from.1.is_multiple_of(2);
    if let (true, true, true, Some(matrix)) = (have.zscale, source.zimg, even, zimg_matrix) {
        let gamut = if wide_gamut { ":pin=bt2020:tin=bt709:p=bt709:t=bt709" } else { "" };
        return format!(
            "zscale=w={width}:h={height}:f=lanczos:min={matrix}:m=bt709:rin={range}:r=tv{gamut}:d=ordered,format=yuv420p"
        );
    }
    let input = if source.rgb {
        String::new()
    } else {
        let matrix = match matrix {
            "bt709" => "bt709",
            "smpte240m" => "smpte240m",
            "fcc" => "fcc",
            "bt2020nc" | "bt2020c" => "bt2020",
            _ => "bt601",
        };
        format!(":in_color_matrix={matrix}:in_range={range}")
    };
    format!(
        "scale={width}:{height}:flags={SWS_FLAGS}{input}:out_color_matrix=bt709:out_range=tv,format=yuv420p"
    )
}

fn tone_mapped(source: &Source, from: HdrKind) -> String {
    let transfer = match from {
        HdrKind::Hlg => "arib-std-b67",
        HdrKind::Pq | HdrKind::Hdr10 => "smpte2084",
        HdrKind::DolbyVision => match source.transfer.as_deref() {
            Some("arib-std-b67") => "arib-std-b67",
            _ => "smpte2084",
        },
    };
    let matrix = match source.matrix.as_deref() {
        Some("bt709") => "bt709",
        _ => "bt2020nc",
    };
    let range = if source.full_range { "pc" } else { "tv" };
    // `p` is stated too: it would follow the frame's tag, and from BT.2020 to an unknown gamut there is no way.
    // What stays brighter than white is cut off in red, green and blue, where it keeps what hue it can; as luma
    // and chroma it would become another colour.
    // The size is stated even so that zimg takes 4:2:0; odd pictures lose a line.
    format!(
        "crop=trunc(iw/2)*2:trunc(ih/2)*2,zscale=tin={transfer}:min={matrix}:pin=bt2020:rin={range}:p=bt2020:t=linear:npl=100,\
         format=gbrpf32le,zscale=p=bt709,tonemap=tonemap=hable:desat=0,\
         zscale=t=bt709:m=gbr:r=pc,format=gbrp12le,zscale=p=bt709:t=bt709:m=bt709:r=tv,format=yuv420p"
    )
}

fn on_canvas(picture: Size, canvas: &Canvas) -> Result<String, GraphError> {
    let Size { width, height } = canvas.size;
    // Even offsets keep chroma where it is.
    let x = (width.saturating_sub(picture.width) / 2) & !1;
    let y = (height.saturating_sub(picture.height) / 2) & !1;
    match &canvas.fill {
        Fill::Color(color) => {
            channels(color)?;
            Ok(format!("pad={width}:{height}:{x}:{y}:color=0x{color}"))
        }
        Fill::Blur => {
            let (cw, ch) = covering_part(picture, canvas.size);
            let (bw, bh) = ((width / 8).max(2) & !1, (height / 8).max(2) & !1);
            let sigma = f64::from(bw.min(bh)) / 16.0;
            Ok(format!(
                "split[fg][bg0];[bg0]crop={cw}:{ch},scale={bw}:{bh}:flags=bilinear,gblur=sigma={sigma:.2}:steps=2,\
                 scale={width}:{height}:flags=bilinear,setsar=1[bg];[fg]setsar=1[fg1];[bg][fg1]overlay={x}:{y}:format=yuv420"
            ))
        }
    }
}

/// The largest part in the middle of `picture` with the shape of `canvas`.
fn covering_part(picture: Size, canvas: Size) -> (u32, u32) {
    let wide = u64::from(picture.width) * u64::from(canvas.height);
    let high = u64::from(picture.height) * u64::from(canvas.width);
    let even = |n: u64| (n as u32).max(2) & !1;
    if wide > high {
        (even(high / u64::from(canvas.height.max(1))), picture.height & !1)
    } else {
        (picture.width & !1, even(wide / u64::from(canvas.width.max(1))))
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
    use crate::plan::{CropMargins, ToneMap, sample};

    fn plan() -> VideoEncode {
        sample::video_encode(720, 1280, 30)
    }

    fn source() -> Source {
        Source { size: (1920, 1080), sample_aspect_ratio: (1, 1), zimg: true, ..Source::default() }
    }

    const HAVE: Available = Available { zscale: true };

    #[test]
    fn the_order_is_that_of_the_plan() {
        let mut plan = plan();
        plan.deinterlace = true;
        plan.flip = Some(Flip::Horizontal);
        plan.rotate = Rotation::Quarter;
        plan.crop = Some(CropMargins { left: 2, top: 4, right: 6, bottom: 8 });
        plan.canvas = Some(Canvas { size: Size::new(1080, 1920), fill: Fill::Color("112233".to_owned()) });
        let text = video_graph(&source(), &plan, HAVE).unwrap();
        let places: Vec<usize> = [
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
        assert!(places.is_sorted(), "{text}");
    }

    #[test]
    fn cuts_are_counted_in_square_pixels() {
        let mut plan = plan();
        plan.crop = Some(CropMargins { left: 64, top: 0, right: 64, bottom: 0 });
        let pal = Source { size: (720, 576), sample_aspect_ratio: (64, 45), ..source() };
        assert!(video_graph(&pal, &plan, HAVE).unwrap().contains("crop=630:576:45:0"));
        plan.crop = Some(CropMargins { left: 600, top: 0, right: 600, bottom: 0 });
        assert!(matches!(video_graph(&pal, &plan, HAVE), Err(GraphError::Crop(..))));
    }

    #[test]
    fn untagged_sd_is_taken_for_bt601_and_hd_for_bt709() {
        let sd = Source { size: (720, 480), ..source() };
        assert!(video_graph(&sd, &plan(), HAVE).unwrap().contains("min=smpte170m:m=bt709"));
        assert!(video_graph(&source(), &plan(), HAVE).unwrap().contains("min=bt709:m=bt709"));
    }

    #[test]
    fn odd_and_rgb_pictures_go_to_swscale() {
        let odd = Source { size: (321, 241), full_range: true, ..source() };
        let text = video_graph(&odd, &plan(), HAVE).unwrap();
        assert!(
            text.contains("in_color_matrix=bt601:in_range=pc:out_color_matrix=bt709:out_range=tv"),
            "{text}"
        );
        let rgb = Source { rgb: true, zimg: false, ..source() };
        assert!(!video_graph(&rgb, &plan(), HAVE).unwrap().contains("in_color_matrix"));
    }

    #[test]
    fn nothing_but_a_colour_passes_for_a_colour() {
        for evil in ["red", "12345g", "112233,movie=/etc/passwd", "", "+12345"] {
            let mut plan = plan();
            plan.alpha_background = Some(evil.to_owned());
            assert_eq!(video_graph(&source(), &plan, HAVE), Err(GraphError::Color(evil.to_owned())));
            plan.alpha_background = None;
            plan.canvas = Some(Canvas { size: Size::new(1080, 1920), fill: Fill::Color(evil.to_owned()) });
            assert_eq!(video_graph(&source(), &plan, HAVE), Err(GraphError::Color(evil.to_owned())));
        }
    }

    #[test]
    fn tone_mapping_states_its_input_and_needs_zimg() {
        let mut plan = plan();
        plan.tone_map = Some(ToneMap { from: HdrKind::Hlg });
        let text = video_graph(&source(), &plan, HAVE).unwrap();
        assert!(text.contains("tin=arib-std-b67:min=bt2020nc:pin=bt2020:rin=tv:p=bt2020:t=linear"), "{text}");
        let without = video_graph(&source(), &plan, Available { zscale: false });
        assert_eq!(without, Err(GraphError::Missing("zscale")));
    }

    #[test]
    fn the_blurred_border_covers_the_canvas_in_its_shape() {
        assert_eq!(covering_part(Size::new(1080, 608), Size::new(1080, 1920)), (342, 608));
        assert_eq!(covering_part(Size::new(608, 1080), Size::new(1920, 1080)), (608, 342));
    }
}
