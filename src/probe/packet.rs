//! A packet of a stream, as a demuxer reads it.

/// A packet of a stream. Times are in ticks of the stream's clock.
pub(crate) struct Packet<'a> {
    /// The presentation time, if known.
    pub(crate) pts: Option<i64>,
    /// The decode time, if known.
    pub(crate) dts: Option<i64>,
    /// The duration; zero if unknown.
    pub(crate) duration: i64,
    /// Whether the container flags a key frame.
    pub(crate) key: bool,
    /// Whether an edit list hides it.
    pub(crate) hidden: bool,
    /// Whether data of it is missing.
    pub(crate) corrupt: bool,
    /// Its bytes.
    pub(crate) data: &'a [u8],
    /// A configuration record that the container announces with it.
    pub(crate) new_config: Option<&'a [u8]>,
}
