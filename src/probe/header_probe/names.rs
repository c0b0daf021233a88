//! FFmpeg's names for code points of ITU-T H.273, profiles and pixel formats.

use crate::model::ColorTags;

pub(super) const RANGE_LIMITED: u8 = 1;
pub(super) const RANGE_FULL: u8 = 2;
pub(super) const UNSPECIFIED: u8 = 2;
pub(super) const MATRIX_RGB: u8 = 0;

/// Code points of range, primaries, transfer and matrix; the range by FFmpeg's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ColorCodes {
    pub(super) range: u8,
    pub(super) primaries: u8,
    pub(super) transfer: u8,
    pub(super) matrix: u8,
}

impl Default for ColorCodes {
    fn default() -> ColorCodes {
        ColorCodes { range: 0, primaries: UNSPECIFIED, transfer: UNSPECIFIED, matrix: UNSPECIFIED }
    }
}

impl ColorCodes {
    /// Returns the names; `None` for what is unspecified, reserved or unknown.
    pub(super) fn tags(self) -> ColorTags {
        let range = match self.range {
            RANGE_LIMITED => Some("tv"),
            RANGE_FULL => Some("pc"),
            _ => None,
        };
        let owned = |name: Option<&str>| name.map(str::to_owned);
        ColorTags {
            range: owned(range),
            primaries: owned(primaries(self.primaries)),
            transfer: owned(transfer(self.transfer)),
            matrix: owned(matrix(self.matrix)),
        }
    }
}

fn primaries(code: u8) -> Option<&'static str> {
    Some(match code {
        1 => "bt709",
        4 => "bt470m",
        5 => "bt470bg",
        6 => "smpte170m",
        7 => "smpte240m",
        8 => "film",
        9 => "bt2020",
        10 => "smpte428",
        11 => "smpte431",
        12 => "smpte432",
        22 => "ebu3213",
        _ => return None,
    })
}

fn transfer(code: u8) -> Option<&'static str> {
    Some(match code {
        1 => "bt709",
        4 => "bt470m",
        5 => "bt470bg",
        6 => "smpte170m",
        7 => "smpte240m",
        8 => "linear",
        9 => "log100",
        10 => "log316",
        11 => "iec61966-2-4",
        12 => "bt1361e",
        13 => "iec61966-2-1",
        14 => "bt2020-10",
        15 => "bt2020-12",
        16 => "smpte2084",
        17 => "smpte428",
        18 => "arib-std-b67",
        _ => return None,
    })
}

fn matrix(code: u8) -> Option<&'static str> {
    Some(match code {
        MATRIX_RGB => "gbr",
        1 => "bt709",
        4 => "fcc",
        5 => "bt470bg",
        6 => "smpte170m",
        7 => "smpte240m",
        8 => "ycgco",
        9 => "bt2020nc",
        10 => "bt2020c",
        11 => "smpte2085",
        12 => "chroma-derived-nc",
        13 => "chroma-derived-c",
        14 => "ictcp",
        _ => return None,
    })
}

/// Returns whether a code point is one that every supported version of the library knows, of primaries, transfer or
/// matrix. Versions differ in what they make of others.
pub(super) fn are_known(color: ColorCodes) -> bool {
    let known = |code: u8, name: Option<&str>| code == UNSPECIFIED || name.is_some();
    known(color.primaries, primaries(color.primaries))
        && known(color.transfer, transfer(color.transfer))
        && known(color.matrix, matrix(color.matrix))
}

/// The subsampling of chroma.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chroma {
    None,
    Half420,
    Half422,
    Full444,
    Rgb,
}

/// A pixel format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pixels {
    pub(super) name: &'static str,
    pub(super) depth: u8,
    pub(super) chroma: &'static str,
}

/// Returns the pixel format of planar video without transparency; `full_range` has a format of its own in 8 bits if the
/// decoder of the codec uses it.
pub(super) fn pixels(chroma: Chroma, depth: u8, full_range: bool) -> Option<Pixels> {
    use Chroma::{Full444, Half420, Half422, Rgb};
    let name = match (chroma, depth, full_range) {
        (Chroma::None, 8, _) => "gray",
        (Chroma::None, 10, _) => "gray10le",
        (Half420, 8, false) => "yuv420p",
        (Half420, 8, true) => "yuvj420p",
        (Half420, 10, _) => "yuv420p10le",
        (Half420, 12, _) => "yuv420p12le",
        (Half422, 8, false) => "yuv422p",
        (Half422, 8, true) => "yuvj422p",
        (Half422, 10, _) => "yuv422p10le",
        (Half422, 12, _) => "yuv422p12le",
        (Full444, 8, false) => "yuv444p",
        (Full444, 8, true) => "yuvj444p",
        (Full444, 10, _) => "yuv444p10le",
        (Full444, 12, _) => "yuv444p12le",
        (Rgb, 8, _) => "gbrp",
        (Rgb, 10, _) => "gbrp10le",
        (Rgb, 12, _) => "gbrp12le",
        _ => return None,
    };
    let chroma = match chroma {
        Chroma::None => "4:0:0",
        Half420 => "4:2:0",
        Half422 => "4:2:2",
        Full444 => "4:4:4",
        Rgb => "rgb",
    };
    Some(Pixels { name, depth, chroma })
}
