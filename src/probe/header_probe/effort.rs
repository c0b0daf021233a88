//! How much of a stream the media library reads.

/// How much of a stream the media library reads, on which some facts depend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    /// It settles the stream from its configuration and its first packet.
    FirstPacket,
    /// It decodes packets, and then reads all packets of the file.
    Analysis,
}
