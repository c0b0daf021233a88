//! Frame sizes, rotation, and the display size computed from them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Rational;

/// A width and a height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
pub struct Size {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Size {
    /// Creates a size of `width` by `height` pixels.
    pub fn new(width: u32, height: u32) -> Size {
        Size { width, height }
    }

    /// Returns the size with width and height swapped.
    pub fn transposed(self) -> Size {
        Size { width: self.height, height: self.width }
    }

    /// Returns width over height; `None` if a side is zero.
    pub fn aspect_ratio(self) -> Option<Rational> {
        Rational::positive(i64::from(self.width), i64::from(self.height))
    }

    /// Returns the number of pixels.
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Returns the size scaled down so that no side is longer than `max_side`, with even sides.
    #[must_use]
    pub fn scaled_down_to(self, max_side: u32) -> Size {
        let longer = self.width.max(self.height);
        if longer <= max_side {
            return self;
        }
        let scale = f64::from(max_side) / f64::from(longer);
        let side = |side: u32| ((f64::from(side) * scale / 2.0).round() as u32).max(1) * 2;
        Size::new(side(self.width), side(self.height))
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// The clockwise rotation that a player applies before display.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rotation {
    /// No rotation.
    #[default]
    None,
    /// 90 degrees clockwise.
    Quarter,
    /// 180 degrees.
    Half,
    /// 270 degrees clockwise.
    ThreeQuarters,
}

impl Rotation {
    /// Returns the rotation nearest to `degrees` clockwise.
    pub fn from_degrees(degrees: f64) -> Rotation {
        match (degrees / 90.0).round().rem_euclid(4.0) as u32 {
            1 => Rotation::Quarter,
            2 => Rotation::Half,
            3 => Rotation::ThreeQuarters,
            _ => Rotation::None,
        }
    }

    /// Returns the degrees clockwise: 0, 90, 180 or 270.
    pub fn degrees(self) -> u16 {
        match self {
            Rotation::None => 0,
            Rotation::Quarter => 90,
            Rotation::Half => 180,
            Rotation::ThreeQuarters => 270,
        }
    }

    /// Returns whether the rotation swaps width and height.
    pub fn swaps_sides(self) -> bool {
        matches!(self, Rotation::Quarter | Rotation::ThreeQuarters)
    }
}

impl Serialize for Rotation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.degrees())
    }
}

impl<'de> Deserialize<'de> for Rotation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Rotation, D::Error> {
        match u16::deserialize(deserializer)? {
            degrees @ (0 | 90 | 180 | 270) => Ok(Rotation::from_degrees(f64::from(degrees))),
            other => {
                Err(serde::de::Error::custom(format!("{other} is not a multiple of 90 degrees below 360")))
            }
        }
    }
}

/// A reflection from the display matrix, applied before the rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Flip {
    /// Left and right are swapped.
    Horizontal,
    /// Top and bottom are swapped.
    Vertical,
}

/// Returns the display size: the sample aspect ratio applied, then the rotation.
///
/// Like FFmpeg's players, scales the width and keeps the height, which adds no lines.
pub fn display_size(coded: Size, sample_aspect_ratio: Option<Rational>, rotation: Rotation) -> Size {
    let sar = sample_aspect_ratio.unwrap_or(Rational::ONE);
    let width = (f64::from(coded.width) * sar.as_f64()).round();
    let stretched = Size { width: width.clamp(0.0, f64::from(u32::MAX)) as u32, height: coded.height };
    if rotation.swaps_sides() { stretched.transposed() } else { stretched }
}

/// Returns the exact display aspect ratio; `None` if a side is zero or the ratio overflows.
pub fn display_aspect_ratio(
    coded: Size,
    sample_aspect_ratio: Option<Rational>,
    rotation: Rotation,
) -> Option<Rational> {
    let sar = sample_aspect_ratio.unwrap_or(Rational::ONE);
    let ratio = Rational::positive(
        i64::from(coded.width) * i64::from(sar.num()),
        i64::from(coded.height) * i64::from(sar.den()),
    )?;
    if rotation.swaps_sides() { ratio.inverse() } else { Some(ratio) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_scaled_down_with_the_same_ratio() {
        assert_eq!(Size::new(1080, 1920).scaled_down_to(1280), Size::new(720, 1280));
        assert_eq!(Size::new(640, 640).scaled_down_to(1280), Size::new(640, 640));
    }

    #[test]
    fn rotated_phone_video_is_portrait() {
        let size = display_size(Size::new(1920, 1080), None, Rotation::Quarter);
        assert_eq!(size, Size::new(1080, 1920));
        let ratio = display_aspect_ratio(Size::new(1920, 1080), None, Rotation::Quarter);
        assert_eq!(ratio, Rational::new(9, 16));
    }

    #[test]
    fn anamorphic_pal_is_16_by_9() {
        let sar = Rational::new(64, 45);
        assert_eq!(display_size(Size::new(720, 576), sar, Rotation::None), Size::new(1024, 576));
        assert_eq!(display_aspect_ratio(Size::new(720, 576), sar, Rotation::None), Rational::new(16, 9));
    }

    #[test]
    fn rounds_angles_to_multiples_of_90_degrees() {
        for (angle, expected) in
            [(-90.0, 270), (0.0, 0), (89.9, 90), (180.0, 180), (-180.0, 180), (450.0, 90)]
        {
            assert_eq!(Rotation::from_degrees(angle).degrees(), expected, "{angle}");
        }
    }
}
