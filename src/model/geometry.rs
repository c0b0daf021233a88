//! How a coded picture becomes the picture a viewer sees.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Rational;

/// A width and a height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Size {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Size {
    /// A size of `width` by `height` pixels.
    pub fn new(width: u32, height: u32) -> Size {
        Size { width, height }
    }

    /// Width and height exchanged.
    pub fn turned(self) -> Size {
        Size { width: self.height, height: self.width }
    }

    /// Width over height; `None` when a side is zero.
    pub fn aspect_ratio(self) -> Option<Rational> {
        Rational::positive(i64::from(self.width), i64::from(self.height))
    }

    /// The number of pixels.
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// The clockwise turn a player applies before showing the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rotation {
    /// Shown as coded.
    #[default]
    None,
    /// A quarter turn clockwise.
    Quarter,
    /// Upside down.
    Half,
    /// A quarter turn counter-clockwise.
    ThreeQuarters,
}

impl Rotation {
    /// The rotation nearest to `degrees` clockwise.
    pub fn from_degrees(degrees: f64) -> Rotation {
        match (degrees / 90.0).round().rem_euclid(4.0) as u32 {
            1 => Rotation::Quarter,
            2 => Rotation::Half,
            3 => Rotation::ThreeQuarters,
            _ => Rotation::None,
        }
    }

    /// Degrees clockwise: 0, 90, 180 or 270.
    pub fn degrees(self) -> u16 {
        match self {
            Rotation::None => 0,
            Rotation::Quarter => 90,
            Rotation::Half => 180,
            Rotation::ThreeQuarters => 270,
        }
    }

    /// Whether the turn exchanges width and height.
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
            other => Err(serde::de::Error::custom(format!("{other} is not a quarter turn"))),
        }
    }
}

/// A mirror image the display matrix asks for, applied before the rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flip {
    /// Left and right exchanged.
    Horizontal,
    /// Top and bottom exchanged.
    Vertical,
}

/// The size of the picture as shown: sample aspect ratio applied, then turned upright.
///
/// Like FFmpeg's players, stretches the width and leaves the height alone, so no line is invented.
pub fn display_size(coded: Size, sample_aspect_ratio: Option<Rational>, rotation: Rotation) -> Size {
    let sar = sample_aspect_ratio.unwrap_or(Rational::ONE);
    let width = (f64::from(coded.width) * sar.as_f64()).round();
    let stretched = Size { width: width.clamp(0.0, f64::from(u32::MAX)) as u32, height: coded.height };
    if rotation.swaps_sides() { stretched.turned() } else { stretched }
}

/// The exact ratio of the picture as shown; `None` when a side is zero or the ratio overflows.
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
    fn a_turned_phone_clip_is_portrait() {
        let shown = display_size(Size::new(1920, 1080), None, Rotation::Quarter);
        assert_eq!(shown, Size::new(1080, 1920));
        let ratio = display_aspect_ratio(Size::new(1920, 1080), None, Rotation::Quarter);
        assert_eq!(ratio, Rational::new(9, 16));
    }

    #[test]
    fn anamorphic_pal_is_wide() {
        let sar = Rational::new(64, 45);
        assert_eq!(display_size(Size::new(720, 576), sar, Rotation::None), Size::new(1024, 576));
        assert_eq!(display_aspect_ratio(Size::new(720, 576), sar, Rotation::None), Rational::new(16, 9));
    }

    #[test]
    fn any_angle_becomes_the_nearest_quarter_turn() {
        for (angle, expected) in
            [(-90.0, 270), (0.0, 0), (89.9, 90), (180.0, 180), (-180.0, 180), (450.0, 90)]
        {
            assert_eq!(Rotation::from_degrees(angle).degrees(), expected, "{angle}");
        }
    }
}
