//! The facts of audio from its configuration record and its first sample.

use crate::model::{AudioStream, Codec};
use crate::probe::bitstream::{aac, mpeg_audio, opus};

/// The output sample rate of Opus decoders, in Hz (RFC 7845, 5.1).
const OPUS_RATE: u32 = 48_000;

/// Completes an audio stream from its configuration record and the start of its first sample; `None` when they do not
/// suffice.
pub(super) fn complete(
    codec: &Codec,
    config: &[u8],
    first_sample: &[u8],
    audio: &mut AudioStream,
) -> Option<()> {
    let (sample_rate, channels) = match codec {
        codec if codec.is_pcm() => return Some(()),
        Codec::Aac => {
            let config = aac::low_complexity(config)?;
            audio.profile = Some("LC".to_owned());
            if aac::first_element_channels(first_sample) != Some(config.channels) {
                return None;
            }
            (config.sample_rate, config.channels)
        }
        Codec::Mp3 => {
            let declared = (audio.sample_rate?, audio.channels.filter(|count| *count <= 2)?);
            // Without a declared bit rate, the library reads it from the frames.
            audio.bit_rate?;
            (mpeg_audio::layer3(first_sample) == Some(declared)).then_some(declared)?
        }
        Codec::Opus => (OPUS_RATE, opus::channels(config)?),
        _ => return None,
    };
    audio.sample_rate = Some(sample_rate);
    audio.channels = Some(channels);
    audio.channel_layout = Some(if channels == 1 { "mono" } else { "stereo" }.to_owned());
    Some(())
}
