//! What the header of an image file declares besides its size.

use serde::{Deserialize, Serialize};

/// The declarations of an image file that a new file does not simply repeat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[serde(default)]
#[non_exhaustive]
pub struct ImageHeader {
    /// The name of the embedded colour profile; empty if the profile has none. `None` without a profile.
    pub color_profile: Option<String>,
    /// The kinds of metadata in the file, in the order of their first appearance.
    pub metadata: Vec<ImageMetadata>,
    /// Whether the image is declared to have transparency, if its header says that and its decoder does not.
    pub alpha: Option<bool>,
    /// Why greenlit cannot decode the image as it is displayed.
    pub obstacle: Option<ImageObstacle>,
}

/// A kind of metadata in an image file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ImageMetadata {
    /// EXIF: camera, times, orientation, a preview.
    Exif,
    /// The GPS position in the EXIF data.
    Gps,
    /// XMP.
    Xmp,
    /// IPTC data in a Photoshop segment.
    Iptc,
    /// Comments and text.
    Text,
}

impl ImageMetadata {
    /// Returns the name for messages.
    pub fn name(self) -> &'static str {
        match self {
            ImageMetadata::Exif => "EXIF",
            ImageMetadata::Gps => "GPS position",
            ImageMetadata::Xmp => "XMP",
            ImageMetadata::Iptc => "IPTC",
            ImageMetadata::Text => "text",
        }
    }
}

/// Why greenlit cannot decode an image as it is displayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ImageObstacle {
    /// Four colour components, which need the profile of a printer.
    Cmyk,
    /// Items that are composed, rotated, cropped or have separate transparency.
    ComposedItems,
}

impl ImageHeader {
    /// Adds a kind of metadata once.
    pub fn add_metadata(&mut self, kind: ImageMetadata) {
        if !self.metadata.contains(&kind) {
            self.metadata.push(kind);
        }
    }
}
