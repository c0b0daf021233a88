//! When the samples of a track are shown: its edit list and the statistics of its timestamps.

use serde::{Deserialize, Serialize};

/// The edit list of a track (ISO/IEC 14496-12, 8.6.6), classified.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct EditList {
    /// Whether it changes playback.
    pub kind: EditListKind,
    /// Number of entries.
    pub entries: u32,
    /// Whether it only delays the start of a track that is then played whole. A stream copy keeps such a delay.
    #[serde(default)]
    pub delay_only: bool,
    /// Whether a part is played faster, slower or as a still image. greenlit cannot apply that.
    #[serde(default)]
    pub changes_speed: bool,
    /// Its effect as text.
    pub reason: String,
}

/// Whether an edit list only describes the encoding or edits the video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum EditListKind {
    /// Encoder priming or reorder delay; removing it changes no frame and no sound.
    Benign,
    /// It trims, delays, repeats or changes the speed.
    Editing,
}

/// Statistics of the timestamps of a video stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Timing {
    /// The shortest interval between two frames in presentation order, in seconds.
    pub min_interval_s: Option<f64>,
    /// The longest interval between two frames in presentation order, in seconds.
    pub max_interval_s: Option<f64>,
    /// The most frequent interval, in seconds.
    pub modal_interval_s: Option<f64>,
    /// The first interval, in seconds; players and platforms fail on a very short first frame.
    pub first_interval_s: Option<f64>,
    /// Number of presentation times that are not after their predecessor, even in sorted order.
    pub duplicates: u32,
    /// The lowest decode time in seconds, if below zero.
    pub negative_dts_s: Option<f64>,
}
