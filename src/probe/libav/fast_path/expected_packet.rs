//! What the header of a stream makes of its first packet.

/// A check of the first packet of a stream.
pub(super) struct FirstPacketCheck {
    /// The index of the stream.
    pub(super) index: u32,
    /// The expected packet.
    pub(super) expected: ExpectedPacket,
}

/// Returns whether the units of a packet keep the colours of a parameter set.
pub(super) type ColorCheck = Box<dyn Fn(&[&[u8]]) -> bool>;

/// The expected first packet of a stream.
pub(super) enum ExpectedPacket {
    /// A packet with slices, with no parameter set other than this one, and with colours of its own only if they are
    /// those of the set.
    Nal {
        set: Vec<u8>,
        length_bytes: usize,
        is_set: fn(u8) -> bool,
        is_slice: fn(u8) -> bool,
        keeps_color: ColorCheck,
    },
    /// A VP8 key frame of the declared size.
    Vp8,
    /// A VP9 key frame, which completes the facts.
    Vp9,
    /// A frame of ProRes, which completes the facts.
    Prores,
    /// A sequence header and a key frame of AV1, which complete the facts.
    Av1,
    /// An AAC frame whose first element has this number of channels.
    Aac { channels: u32 },
    /// A layer III frame with these parameters.
    Mp3 { sample_rate: u32, channels: u32 },
    /// Any packet.
    Any,
}
