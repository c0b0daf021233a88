//! What a container says about a sample.

/// What a container says about a sample.
#[derive(Clone, Copy, Debug, Default)]
pub struct SampleInfo {
    /// Presentation time in any unit.
    pub time: Option<i64>,
    /// Whether the container flags a key frame.
    pub key: bool,
    /// Whether an edit list hides it.
    pub hidden: bool,
}
