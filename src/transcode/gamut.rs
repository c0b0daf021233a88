//! Writes the filters that convert other colour primaries to those of BT.709, in linear light.

use super::filter_graph::{AvailableFilters, FrameFormat, GraphError, SWS_FLAGS, swscale_input, zimg_matrix};
use crate::model::Primaries;

/// The transfer of the result by FFmpeg's name, and that of the source. They are equal except for XYZ, so that
/// greys keep their values: outputs are tagged BT.709 whichever SDR transfer the source declares.
fn transfers(source: &FrameFormat, primaries: Primaries) -> (&'static str, &'static str) {
    match (primaries, source.transfer.as_deref()) {
        (Primaries::Xyz, _) | (_, Some("smpte428")) => ("smpte428", "bt709"),
        (_, Some("iec61966-2-1")) => ("iec61966-2-1", "iec61966-2-1"),
        _ => ("bt709", "bt709"),
    }
}

/// Returns the filters, whose output is RGB of 12 bits (planar, with alpha if `alpha`), and adapts `source` to it;
/// `None` if the primaries are those of BT.709 or unknown. Values beyond the gamut are clipped in RGB: clipping luma
/// and chroma would change other colours too.
pub(super) fn gamut_filters(
    source: &mut FrameFormat,
    alpha: bool,
    filters: AvailableFilters,
) -> Result<Option<String>, GraphError> {
    let Some(primaries) = source.primaries.as_deref().and_then(Primaries::by_name) else { return Ok(None) };
    if !filters.zscale {
        return Err(GraphError::Missing("zscale"));
    }
    let (from, to) = transfers(source, primaries);
    let name = primaries.name();
    let format = if alpha { "gbrap12le" } else { "gbrp12le" };
    let even = source.size.0.is_multiple_of(2) && source.size.1.is_multiple_of(2);
    let converted = format!("pin={name}:tin={from}:p=bt709:t={to}:m=gbr:r=pc,format={format}");
    let chain = match zimg_matrix(source).filter(|_| source.zimg && even && !alpha) {
        Some(matrix) => {
            let range = if source.full_range { "pc" } else { "tv" };
            format!("zscale=min={matrix}:rin={range}:{converted}")
        }
        None if source.rgb => format!("format={format},zscale=min=gbr:rin=pc:{converted}"),
        // zimg takes neither odd sizes with subsampled chroma nor every layout.
        None => {
            let input = swscale_input(source);
            format!(
                "scale=flags={SWS_FLAGS}{input}:out_range=pc,format={format},zscale=min=gbr:rin=pc:{converted}"
            )
        }
    };
    source.rgb = true;
    source.zimg = false;
    source.full_range = true;
    source.matrix = None;
    source.primaries = Some("bt709".to_owned());
    Ok(Some(chain))
}
