//! What decoding a source showed.

use serde::{Deserialize, Serialize};

use crate::model::{DecodeReport, Size, SourceDamage};

/// The result of decoding a source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceDecode {
    /// The frames and samples.
    pub decode: DecodeReport,
    /// What does not decode.
    pub damage: SourceDamage,
    /// The frame sizes in the order of their first appearance, if a video stream has more than one.
    #[serde(default)]
    pub frame_sizes: Vec<Size>,
}
