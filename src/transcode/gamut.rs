//! Writes the filters that convert other primaries and transfers to those of BT.709, in linear light.

use super::available_filters::{AvailableFilters, GraphError};
use crate::libav::filter::SWS_FLAGS;
use crate::libav::frame_format::FrameFormat;
use crate::model::{Matrix, Primaries, Transfer};

/// Samples of SMPTE ST 428-1 as light in units of [`HEADROOM`]: reference white is 48 of 52.37 candela per square metre.
const CINEMA_LIGHT: &str = "pow(val/maxval,2.6)*maxval*52.37/48/1.1";
/// The light of the highest sample that is computed; white is 1.
const HEADROOM: f64 = 1.1;
/// The matrix from CIE XYZ to linear RGB of BT.709 (IEC 61966-2-1, annex), halved for the range of the filter.
const HALF_XYZ_TO_RGB: &str =
    "rr=1.62025:rg=-.76855:rb=-.24925:gr=-.48465:gg=.938:gb=.0208:br=.02785:bg=-.102:bb=.52855";

/// The transfers of the source and of the result, by names of the filter `zscale`. They are equal if the samples look
/// right as SDR video, so that greys keep their values: outputs are tagged BT.709 whichever SDR transfer the source
/// declares.
fn transfers(transfer: Transfer) -> (&'static str, &'static str) {
    match transfer {
        Transfer::Srgb => ("iec61966-2-1", "iec61966-2-1"),
        Transfer::Linear => ("linear", "bt709"),
        Transfer::Log100 => ("log100", "bt709"),
        Transfer::Log316 => ("log316", "bt709"),
        // Converted before.
        Transfer::Cinema => ("bt709", "bt709"),
        Transfer::Video | Transfer::Pq | Transfer::Hlg => ("bt709", "bt709"),
    }
}

/// Returns the filter that applies an expression to red, green and blue.
fn each_sample(expression: &str) -> String {
    format!("lutrgb=r='{expression}':g='{expression}':b='{expression}'")
}

/// Returns the filters from RGB with the transfer of digital cinema, which zimg does not know, to RGB of 12 bits, and
/// the primaries of the result by name.
fn cinema_filters(primaries: Option<Primaries>, format: &str) -> (String, &'static str) {
    let is_xyz = primaries == Some(Primaries::Xyz);
    let (mixed, unit) = match is_xyz {
        // Without adaptation of the white: the values are absolute.
        true => (format!(",colorchannelmixer={HALF_XYZ_TO_RGB}"), 2.0 * HEADROOM),
        false => (String::new(), HEADROOM),
    };
    let light = each_sample(CINEMA_LIGHT);
    let video = each_sample(&format!("pow(val/maxval*{unit},1/2.4)*maxval"));
    let name = primaries.filter(|_| !is_xyz).map_or("bt709", |primaries| primaries.name());
    (format!("{light}{mixed},{video},format={format}"), name)
}

/// Returns the filters, whose output is RGB of 12 bits (planar, with alpha if `alpha`), and adapts `source` to it;
/// `None` if primaries and transfer are those of BT.709 video and swscale knows the matrix. Values beyond the gamut are
/// clipped in RGB: clipping luma and chroma would change other colours too.
pub(super) fn gamut_filters(
    source: &mut FrameFormat,
    alpha: bool,
    filters: AvailableFilters,
) -> Result<Option<String>, GraphError> {
    let is_ycgco = source.matrix == Some(Matrix::YCgCo);
    if source.primaries.is_none() && source.transfer.unlike_video().is_none() && !is_ycgco {
        return Ok(None);
    }
    if !filters.zscale {
        return Err(GraphError::Missing("zscale"));
    }
    let format = if alpha { "gbrap12le" } else { "gbrp12le" };
    let (from, to) = transfers(source.transfer);
    let to_bt709 = |name: &str| format!("pin={name}:tin={from}:p=bt709:t={to}:m=gbr:r=pc,format={format}");
    let converted = match source.transfer {
        Transfer::Cinema => {
            let wide = if alpha { "gbrap16le" } else { "gbrp16le" };
            let (cinema, name) = cinema_filters(source.primaries, format);
            let rgb = format!("pin=bt709:tin=bt709:p=bt709:t=bt709:m=gbr:r=pc,format={wide}");
            format!("{rgb},{cinema},zscale=min=gbr:rin=pc:{}", to_bt709(name))
        }
        _ => to_bt709(source.primaries.map_or("bt709", |primaries| primaries.name())),
    };
    let chain = rgb_filters(source, &converted, alpha, format);
    source.matrix = Some(Matrix::Rgb);
    source.zimg = false;
    source.full_range = true;
    source.primaries = None;
    source.transfer = Transfer::Video;
    Ok(Some(chain))
}

/// Returns the filters that end with `converted`, the options of `zscale` from RGB or from the source's own matrix.
fn rgb_filters(source: &FrameFormat, converted: &str, alpha: bool, format: &str) -> String {
    let range = source.range();
    match source.zimg_matrix().filter(|_| !alpha) {
        Some(matrix) => format!("zscale=min={matrix}:rin={range}:{converted}"),
        None if source.is_rgb() => format!("format={format},zscale=min=gbr:rin=pc:{converted}"),
        None if source.matrix == Some(Matrix::YCgCo) => {
            // Between equal matrices and ranges, swscale only changes the layout.
            let layout = if alpha { "yuva444p" } else { "yuv444p" };
            format!(
                "scale=flags={SWS_FLAGS}:in_color_matrix=bt601:out_color_matrix=bt601:in_range={range}:\
                 out_range={range},format={layout},zscale=min=ycgco:rin={range}:{converted}"
            )
        }
        // zimg takes neither odd sizes with subsampled chroma nor every layout.
        None => {
            let input = source.swscale_input();
            format!(
                "scale=flags={SWS_FLAGS}{input}:out_range=pc,format={format},zscale=min=gbr:rin=pc:{converted}"
            )
        }
    }
}
