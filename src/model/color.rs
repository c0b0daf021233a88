//! Colour tags and HDR metadata of a video stream.

use serde::{Deserialize, Serialize};

/// The four colour tags of a video stream, in FFmpeg's names (`bt709`, `smpte2084`, …).
/// `None` is "unspecified": decoders then guess by the frame size.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColorTags {
    /// `tv` (limited) or `pc` (full).
    pub range: Option<String>,
    /// Colour primaries.
    pub primaries: Option<String>,
    /// Transfer characteristic.
    pub transfer: Option<String>,
    /// Matrix coefficients.
    pub matrix: Option<String>,
}

/// The kind of high dynamic range a stream declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HdrKind {
    /// Hybrid log-gamma (ARIB STD-B67).
    Hlg,
    /// SMPTE ST 2084 without static metadata.
    Pq,
    /// SMPTE ST 2084 with mastering display or content light metadata.
    Hdr10,
    /// Dolby Vision; see [`DolbyVision`] for the base layer.
    DolbyVision,
}

/// The Dolby Vision configuration record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DolbyVision {
    /// `dv_profile`: 5 has no compatible base layer, 8 has one.
    pub profile: u8,
    /// `dv_bl_signal_compatibility_id`: 0 none, 1 HDR10, 2 SDR, 4 HLG.
    pub compatibility: u8,
}

/// The declared high dynamic range format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hdr {
    /// The HDR format.
    pub kind: HdrKind,
    /// The configuration record, for Dolby Vision.
    pub dolby_vision: Option<DolbyVision>,
}
