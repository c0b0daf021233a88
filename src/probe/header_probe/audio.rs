//! The facts of audio from its configuration record and its first samples.

use super::effort::Effort;
use crate::model::{AudioStream, Codec};
use crate::probe::bitstream::{aac, ac3, mpeg_audio, opus, vorbis};

/// The output sample rate of Opus decoders, in Hz (RFC 7845, 5.1).
const OPUS_RATE: u32 = 48_000;
const AMR_NARROW_RATE: u32 = 8000;
const AMR_WIDE_RATE: u32 = 16_000;
/// Layouts of AAC by its channel configuration, from 1.
const AAC_LAYOUTS: [&str; 6] = ["mono", "stereo", "3.0", "4.0", "5.0", "5.1"];

/// Completes an audio stream from its configuration record and the start of its first sample. Returns how much the
/// library reads; `None` when they do not suffice.
pub(super) fn complete(
    codec: &Codec,
    config: &[u8],
    first_sample: &[u8],
    audio: &mut AudioStream,
) -> Option<Effort> {
    let (sample_rate, channels) = match codec {
        codec if codec.is_pcm() => return Some(Effort::FirstPacket),
        Codec::Aac => {
            let config = aac::low_complexity(config)?;
            // More channels begin with the centre.
            let first = if config.channels == 2 { 2 } else { 1 };
            if aac::first_element_channels(first_sample) != Some(first) {
                return None;
            }
            audio.profile = Some("LC".to_owned());
            (config.sample_rate, config.channels)
        }
        Codec::Mp3 => {
            let declared = (audio.sample_rate?, audio.channels.filter(|count| *count <= 2)?);
            // Without a declared bit rate, the library reads it from the frames.
            audio.bit_rate?;
            (mpeg_audio::layer3(first_sample) == Some(declared)).then_some(declared)?
        }
        Codec::Opus => (OPUS_RATE, opus::channels(config)?),
        Codec::Vorbis => {
            let headers = vorbis::Headers::parse(config).filter(|headers| headers.channels <= 2)?;
            (headers.sample_rate, headers.channels)
        }
        Codec::Ac3 | Codec::Eac3 => {
            // A damaged frame may be one that a decoder rejects.
            let frame = ac3::frame(first_sample).filter(|_| ac3::is_intact(first_sample))?;
            audio.bit_rate = Some(frame.bit_rate.into());
            audio.sample_rate = Some(frame.sample_rate);
            audio.channels = Some(frame.channels);
            audio.channel_layout = Some(frame.layout.to_owned());
            return Some(Effort::Analysis);
        }
        Codec::AmrNb | Codec::AmrWb => {
            let rate = if *codec == Codec::AmrNb { AMR_NARROW_RATE } else { AMR_WIDE_RATE };
            (rate, audio.channels.filter(|count| *count == 1)?)
        }
        _ => return None,
    };
    audio.sample_rate = Some(sample_rate);
    audio.channels = Some(channels);
    audio.channel_layout = Some((*AAC_LAYOUTS.get(channels as usize - 1)?).to_owned());
    let is_analysed = matches!(codec, Codec::AmrNb | Codec::AmrWb) || channels > 2;
    Some(if is_analysed { Effort::Analysis } else { Effort::FirstPacket })
}

/// Returns whether the library may take facts of a codec from samples after the first.
pub(super) fn needs_more_samples(codec: &Codec) -> bool {
    matches!(codec, Codec::Ac3 | Codec::Eac3)
}

/// Returns whether a sample of this many bytes, of which these are the first, is a frame like the first of its stream.
pub(super) fn continues(codec: &Codec, sample: &[u8], bytes: usize, audio: &AudioStream) -> bool {
    !needs_more_samples(codec)
        || ac3::frame(sample).is_some_and(|frame| {
            frame.enhanced == (*codec == Codec::Eac3)
                && frame.bytes as usize == bytes
                && audio.bit_rate == Some(frame.bit_rate.into())
                && audio.sample_rate == Some(frame.sample_rate)
                && audio.channel_layout.as_deref() == Some(frame.layout)
        })
}
