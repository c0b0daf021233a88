//! How long packets of audio last, which most codecs tell in each packet.

use super::reason::Reason;
use crate::model::Codec;
use crate::probe::bitstream::{ac3, flac, mpeg_audio, opus, vorbis};
use crate::probe::timing::TimeBase;

/// The rate of the samples that a packet of Opus counts, in Hz.
const OPUS_RATE: u32 = 48_000;

/// The reader of the lengths of the packets of a stream.
pub(super) enum PacketLength {
    /// The packets tell nothing.
    Unknown,
    Ac3,
    Flac(flac::Format),
    Mp3,
    Opus,
    Pcm(u32),
    Vorbis(vorbis::BlockSizes),
}

impl PacketLength {
    /// Creates the reader of a stream with this codec and configuration, and for PCM, bytes of a sample of all channels.
    pub(super) fn new(codec: &Codec, config: &[u8], frame_bytes: u32) -> PacketLength {
        match codec {
            _ if frame_bytes > 0 => PacketLength::Pcm(frame_bytes),
            Codec::Ac3 | Codec::Eac3 => PacketLength::Ac3,
            Codec::Flac => flac::stream_info(config).map_or(PacketLength::Unknown, PacketLength::Flac),
            Codec::Mp3 => PacketLength::Mp3,
            Codec::Opus => PacketLength::Opus,
            Codec::Vorbis => match vorbis::Headers::parse(config) {
                Some(headers) => PacketLength::Vorbis(headers.block_sizes()),
                None => PacketLength::Unknown,
            },
            _ => PacketLength::Unknown,
        }
    }

    /// Returns how many ticks a packet lasts, rounded down; `None` if it does not tell it.
    ///
    /// # Errors
    /// Fails for a packet that is not understood.
    pub(super) fn ticks(
        &mut self,
        packet: &[u8],
        sample_rate: u32,
        base: TimeBase,
    ) -> Result<Option<i64>, Reason> {
        let (samples, rate) = match self {
            PacketLength::Unknown => return Ok(None),
            PacketLength::Ac3 => (ac3::frame(packet).map(|frame| frame.samples), sample_rate),
            PacketLength::Flac(format) => (flac::samples(packet, *format), sample_rate),
            PacketLength::Mp3 => (mpeg_audio::layer3_frame(packet).map(|frame| frame.samples), sample_rate),
            PacketLength::Pcm(bytes) => ((packet.len() as u32).checked_div(*bytes), sample_rate),
            PacketLength::Opus => (opus::samples(packet), OPUS_RATE),
            PacketLength::Vorbis(sizes) => (sizes.samples(packet), sample_rate),
        };
        let ticks = i64::from(samples.ok_or(Reason::Sample)?).checked_mul(i64::from(base.den));
        let per_tick = i64::from(rate) * i64::from(base.num);
        Ok(ticks.and_then(|ticks| ticks.checked_div(per_tick)))
    }
}
