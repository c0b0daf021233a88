//! What the headers of containers other than ISO files declare about single streams.

/// Which streams a declaration is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StreamSelector {
    /// The stream at this position, which is FFmpeg's index.
    Position(u32),
    /// The streams with this number in the container: a PID, a stream id.
    Number(u32),
    /// All video streams.
    Video,
    /// All audio streams.
    Audio,
    /// All streams.
    All,
}

/// Encrypted samples, with the name of the scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encryption {
    /// The encrypted streams.
    pub streams: StreamSelector,
    /// The scheme, by the container's own name.
    pub scheme: String,
}

impl Encryption {
    /// Creates the declaration.
    pub(super) fn new(streams: StreamSelector, scheme: &str) -> Encryption {
        Encryption { streams, scheme: scheme.to_owned() }
    }
}
