//! How samples are read as colours: the matrix and the transfer that tags name, and what is assumed without a tag.

use serde::{Deserialize, Serialize};

use super::VideoStream;
use super::color::{ColorTags, Primaries};
use super::geometry::Size;

/// The longest shorter side, in pixels, of a frame that players take for standard definition.
const SD_LINES: u32 = 576;

/// Matrix coefficients that greenlit converts (ITU-T H.273, table 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Matrix {
    /// None: the samples are red, green and blue.
    Rgb,
    /// BT.709.
    Bt709,
    /// FCC 73.682.
    Fcc,
    /// BT.601: BT.470 System B and G, and SMPTE 170M.
    Bt601,
    /// SMPTE 240M.
    Smpte240M,
    /// YCgCo.
    YCgCo,
    /// BT.2020 with non-constant luminance.
    Bt2020,
}

impl Matrix {
    /// Returns the matrix with FFmpeg's name; `None` if greenlit does not convert it.
    pub fn by_name(name: &str) -> Option<Matrix> {
        Some(match name {
            "gbr" => Matrix::Rgb,
            "bt709" => Matrix::Bt709,
            "fcc" => Matrix::Fcc,
            "bt470bg" | "smpte170m" => Matrix::Bt601,
            "smpte240m" => Matrix::Smpte240M,
            "ycgco" => Matrix::YCgCo,
            "bt2020nc" => Matrix::Bt2020,
            _ => return None,
        })
    }

    /// Returns a readable name.
    pub fn title(self) -> &'static str {
        match self {
            Matrix::Rgb => "RGB",
            Matrix::Bt709 => "BT.709",
            Matrix::Fcc => "FCC",
            Matrix::Bt601 => "BT.601",
            Matrix::Smpte240M => "SMPTE 240M",
            Matrix::YCgCo => "YCgCo",
            Matrix::Bt2020 => "BT.2020",
        }
    }

    /// Returns what players take video without tags for: BT.601 up to PAL size, BT.709 above.
    pub fn of_size(size: Size) -> Matrix {
        if size.width.min(size.height) <= SD_LINES { Matrix::Bt601 } else { Matrix::Bt709 }
    }
}

/// The transfer characteristic that samples are read by (ITU-T H.273, table 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transfer {
    /// That of SDR video, which displays show by BT.1886. Undeclared and similar transfers (SMPTE 170M and 240M,
    /// gamma 2.2 and 2.8) count as this one.
    #[default]
    Video,
    /// IEC 61966-2-1 (sRGB).
    Srgb,
    /// Linear light.
    Linear,
    /// Logarithmic, of two decades.
    Log100,
    /// Logarithmic, of two and a half decades.
    Log316,
    /// SMPTE ST 428-1, of digital cinema.
    Cinema,
    /// SMPTE ST 2084 (PQ).
    Pq,
    /// ARIB STD-B67 (HLG).
    Hlg,
}

impl Transfer {
    /// Returns the transfer with FFmpeg's name.
    pub fn by_name(name: Option<&str>) -> Transfer {
        match name {
            Some("iec61966-2-1") => Transfer::Srgb,
            Some("linear") => Transfer::Linear,
            Some("log100") => Transfer::Log100,
            Some("log316") => Transfer::Log316,
            Some("smpte428") => Transfer::Cinema,
            Some("smpte2084") => Transfer::Pq,
            Some("arib-std-b67") => Transfer::Hlg,
            _ => Transfer::Video,
        }
    }

    /// Returns a readable name if samples of this transfer look wrong as SDR video and must be converted. That of
    /// HDR is tone-mapped instead.
    pub fn unlike_video(self) -> Option<&'static str> {
        match self {
            Transfer::Linear => Some("linear light"),
            Transfer::Log100 | Transfer::Log316 => Some("logarithmic"),
            Transfer::Cinema => Some("SMPTE ST 428-1"),
            Transfer::Video | Transfer::Srgb | Transfer::Pq | Transfer::Hlg => None,
        }
    }
}

/// What decided on the matrix of frames that declare none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MatrixReason {
    /// The stream declares it.
    Declared,
    /// The stream declares primaries or a transfer that are used with one matrix only.
    OtherTags,
    /// The size of the first frame.
    Size,
}

/// How frames are read that declare no matrix or no primaries: the same for the whole stream, so that the colours do
/// not change where the frame size does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndeclaredColors {
    /// The matrix.
    pub matrix: Matrix,
    /// The primaries; `None` for those of BT.709.
    #[serde(default, with = "primaries_by_name", skip_serializing_if = "Option::is_none")]
    pub primaries: Option<Primaries>,
}

impl UndeclaredColors {
    /// BT.709, as in every output.
    pub const BT709: UndeclaredColors = UndeclaredColors { matrix: Matrix::Bt709, primaries: None };

    /// Returns whether both are those of BT.709.
    pub fn is_bt709(&self) -> bool {
        *self == UndeclaredColors::BT709
    }

    /// Derives them from the tags of the stream and the size of its first frame, and says what decided on the matrix.
    pub fn of(color: &ColorTags, first: Size) -> (UndeclaredColors, MatrixReason) {
        let declared =
            color.matrix.as_deref().and_then(Matrix::by_name).filter(|matrix| *matrix != Matrix::Rgb);
        let is_hdr = matches!(Transfer::by_name(color.transfer.as_deref()), Transfer::Pq | Transfer::Hlg);
        let (matrix, reason) = match (declared, color.other_primaries()) {
            (Some(matrix), _) => (matrix, MatrixReason::Declared),
            (None, Some(Primaries::Bt2020)) => (Matrix::Bt2020, MatrixReason::OtherTags),
            (None, _) if is_hdr => (Matrix::Bt2020, MatrixReason::OtherTags),
            (None, Some(Primaries::Smpte170M | Primaries::Bt470Bg)) => {
                (Matrix::Bt601, MatrixReason::OtherTags)
            }
            (None, _) => (Matrix::of_size(first), MatrixReason::Size),
        };
        let primaries = match &color.primaries {
            Some(_) => color.other_primaries(),
            // BT.2020 defines both together.
            None => (matrix == Matrix::Bt2020).then_some(Primaries::Bt2020),
        };
        (UndeclaredColors { matrix, primaries }, reason)
    }
}

impl VideoStream {
    /// Returns how frames are read that declare no matrix or no primaries, and what decided on the matrix. The first
    /// frame counts because players show it first, and because it decides the frame of a re-encoded video.
    pub fn undeclared_colors(&self) -> (UndeclaredColors, MatrixReason) {
        UndeclaredColors::of(&self.color, self.first_size().unwrap_or(Size::new(0, 0)))
    }

    /// Returns the coded size of the first frame.
    pub fn first_size(&self) -> Option<Size> {
        self.frame_sizes.first().copied().or(self.coded_size())
    }
}

impl Default for UndeclaredColors {
    fn default() -> UndeclaredColors {
        UndeclaredColors::BT709
    }
}

/// Writes primaries by FFmpeg's name.
mod primaries_by_name {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Primaries;

    pub(super) fn serialize<S: Serializer>(value: &Option<Primaries>, to: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(primaries) => to.serialize_some(primaries.name()),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Primaries>, D::Error> {
        let name = Option::<String>::deserialize(from)?;
        let unknown = |name: &str| serde::de::Error::custom(format!("unknown primaries `{name}`"));
        name.map(|name| Primaries::by_name(&name).ok_or_else(|| unknown(&name))).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(primaries: Option<&str>, matrix: Option<&str>) -> ColorTags {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        ColorTags { primaries: owned(primaries), matrix: owned(matrix), ..ColorTags::default() }
    }

    fn matrix(primaries: Option<&str>, matrix: Option<&str>, size: Size) -> (Matrix, MatrixReason) {
        let (colors, reason) = UndeclaredColors::of(&tags(primaries, matrix), size);
        (colors.matrix, reason)
    }

    #[test]
    fn an_undeclared_matrix_follows_the_primaries_or_the_size_of_the_first_frame() {
        let (sd, hd) = (Size::new(540, 960), Size::new(1280, 720));
        assert_eq!(matrix(None, None, sd), (Matrix::Bt601, MatrixReason::Size));
        assert_eq!(matrix(None, None, hd), (Matrix::Bt709, MatrixReason::Size));
        assert_eq!(matrix(Some("bt709"), None, sd), (Matrix::Bt601, MatrixReason::Size));
        assert_eq!(matrix(None, Some("bt709"), sd), (Matrix::Bt709, MatrixReason::Declared));
        assert_eq!(matrix(Some("smpte170m"), None, hd), (Matrix::Bt601, MatrixReason::OtherTags));
        assert_eq!(matrix(Some("bt2020"), None, hd), (Matrix::Bt2020, MatrixReason::OtherTags));
        assert_eq!(
            matrix(None, Some("gbr"), hd),
            (Matrix::Bt709, MatrixReason::Size),
            "frames of RGB need none"
        );
    }

    #[test]
    fn primaries_are_assumed_only_where_the_matrix_has_its_own() {
        let primaries = |of: &ColorTags| UndeclaredColors::of(of, Size::new(540, 960)).0.primaries;
        assert_eq!(primaries(&tags(None, Some("bt2020nc"))), Some(Primaries::Bt2020));
        assert_eq!(primaries(&tags(Some("bt709"), Some("bt2020nc"))), None);
        assert_eq!(primaries(&tags(None, Some("smpte170m"))), None);
        assert_eq!(primaries(&tags(Some("smpte432"), None)), Some(Primaries::DisplayP3));
    }

    #[test]
    fn undeclared_colors_survive_a_round_trip() {
        for primaries in [None, Some(Primaries::Ebu3213)] {
            let colors = UndeclaredColors { matrix: Matrix::YCgCo, primaries };
            let text = serde_json::to_string(&colors).unwrap_or_default();
            assert_eq!(serde_json::from_str(&text).ok(), Some(colors), "{text}");
        }
    }
}
