//! Decoded frames that are checked.

use super::frame::Frame;

/// A decoded frame that verification renders independently.
pub(crate) struct Sample {
    pub(crate) frame: Frame,
    /// Whether its size differs from that of the first frame, so that [`VideoEncode::for_part`] applies.
    pub(crate) is_part: bool,
}
