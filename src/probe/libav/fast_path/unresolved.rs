//! What the fast path leaves to a full scan.

/// What the fast path could not resolve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unresolved {
    /// The container, whose header may be incomplete.
    Container,
    /// The configuration of this video stream.
    Video(u32),
    /// The configuration of this audio stream.
    Audio(u32),
    /// Packets that do not match the configuration of their stream.
    Packets,
    /// The start time of a stream.
    StartTime,
}

impl Unresolved {
    /// Returns whether this was found before any packet was read, so that the same input can be analysed.
    pub(crate) fn found_in_header(self) -> bool {
        matches!(self, Unresolved::Container | Unresolved::Video(_) | Unresolved::Audio(_))
    }
}
