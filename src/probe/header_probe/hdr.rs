//! The kind of high dynamic range that a stream declares.

use crate::model::{Codec, DolbyVision, Hdr, HdrKind, VideoStream};
use crate::probe::bitstream::hevc;

/// Returns the kind by the transfer of a stream, the metadata of its container, and its configuration record.
pub(super) fn kind(
    dolby_vision: Option<DolbyVision>,
    has_container_metadata: bool,
    config: &[u8],
    stream: &VideoStream,
) -> Option<Hdr> {
    let is_hevc = stream.codec == Some(Codec::Hevc);
    let has_metadata = has_container_metadata || is_hevc && hevc::record_has_hdr10_metadata(config);
    let kind = match stream.color.transfer.as_deref() {
        _ if dolby_vision.is_some() => HdrKind::DolbyVision,
        Some("smpte2084") if has_metadata => HdrKind::Hdr10,
        Some("smpte2084") => HdrKind::Pq,
        Some("arib-std-b67") => HdrKind::Hlg,
        _ => return None,
    };
    Some(Hdr { kind, dolby_vision })
}
