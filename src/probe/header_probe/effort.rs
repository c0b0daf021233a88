//! How much of a stream the media library reads.

/// The analysis of the media library ends after this number of bytes (`probesize`).
pub(super) const ANALYSED_BYTES: u64 = 5_000_000;
/// It ends with a packet of a stream that is later than this after its start, in seconds (`analyzeduration`).
pub(super) const ANALYSED_S: f64 = 5.0;

/// How much of a stream the media library reads, on which some facts depend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    /// It settles the stream from its configuration and its first packet.
    FirstPacket,
    /// It decodes packets, and then reads all packets of the file.
    Analysis,
}
