//! Colour tags and HDR metadata of a video stream.

use serde::{Deserialize, Serialize};

/// The four colour tags of a video stream, in FFmpeg's names (`bt709`, `smpte2084`, …).
/// `None` is "unspecified": decoders then guess by the frame size.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
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

impl ColorTags {
    /// Returns the declared primaries if they are known and not those of BT.709.
    pub fn other_primaries(&self) -> Option<Primaries> {
        self.primaries.as_deref().and_then(Primaries::by_name)
    }
}

/// Colour primaries other than those of BT.709 (ITU-T H.273, table 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Primaries {
    /// BT.470 System M (NTSC of 1953).
    Bt470M,
    /// BT.470 System B and G (PAL).
    Bt470Bg,
    /// SMPTE 170M.
    Smpte170M,
    /// SMPTE 240M.
    Smpte240M,
    /// Colour filters with illuminant C (value 8 of the table).
    GenericFilm,
    /// BT.2020.
    Bt2020,
    /// CIE XYZ (SMPTE ST 428-1).
    Xyz,
    /// DCI-P3 (SMPTE RP 431-2).
    DciP3,
    /// Display P3 (SMPTE EG 432-1).
    DisplayP3,
    /// EBU Tech 3213-E.
    Ebu3213,
}

impl Primaries {
    /// All of them with FFmpeg's name and a readable one.
    const ALL: [(Primaries, &'static str, &'static str); 10] = [
        (Primaries::Bt470M, "bt470m", "BT.470M"),
        (Primaries::Bt470Bg, "bt470bg", "BT.470BG"),
        (Primaries::Smpte170M, "smpte170m", "SMPTE 170M"),
        (Primaries::Smpte240M, "smpte240m", "SMPTE 240M"),
        (Primaries::GenericFilm, "film", "colour filter (illuminant C)"),
        (Primaries::Bt2020, "bt2020", "BT.2020"),
        (Primaries::Xyz, "smpte428", "CIE XYZ"),
        (Primaries::DciP3, "smpte431", "DCI-P3"),
        (Primaries::DisplayP3, "smpte432", "Display P3"),
        (Primaries::Ebu3213, "ebu3213", "EBU 3213"),
    ];

    /// Returns the primaries with FFmpeg's name.
    pub fn by_name(name: &str) -> Option<Primaries> {
        // FFmpeg had another name for the last ones.
        let name = if name == "jedec-p22" { "ebu3213" } else { name };
        Primaries::ALL.iter().find(|(_, known, _)| *known == name).map(|(primaries, ..)| *primaries)
    }

    /// Returns FFmpeg's name.
    pub fn name(self) -> &'static str {
        Primaries::ALL.iter().find(|(known, ..)| *known == self).map_or("", |(_, name, _)| name)
    }

    /// Returns a readable name.
    pub fn title(self) -> &'static str {
        Primaries::ALL.iter().find(|(known, ..)| *known == self).map_or("", |(.., title)| title)
    }

    /// Returns whether they are those of standard definition television, which differ little from BT.709.
    pub fn is_standard_definition(self) -> bool {
        use Primaries::{Bt470Bg, Ebu3213, Smpte170M, Smpte240M};
        matches!(self, Bt470Bg | Smpte170M | Smpte240M | Ebu3213)
    }
}

/// The kind of high dynamic range a stream declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
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
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
pub struct DolbyVision {
    /// `dv_profile`: 5 has no compatible base layer, 8 has one.
    pub profile: u8,
    /// `dv_bl_signal_compatibility_id`: 0 none, 1 HDR10, 2 SDR, 4 HLG.
    pub compatibility: u8,
}

/// The declared high dynamic range format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Hdr {
    /// The HDR format.
    pub kind: HdrKind,
    /// The configuration record, for Dolby Vision.
    pub dolby_vision: Option<DolbyVision>,
}
