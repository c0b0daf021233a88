//! The facts of audio from its configuration record and its first samples.

use super::effort::Effort;
use crate::model::{AudioStream, Codec};
use crate::probe::bitstream::{aac, ac3, alac, flac, mpeg_audio, opus, vorbis};

/// The output sample rate of Opus decoders, in Hz (RFC 7845, 5.1).
const OPUS_RATE: u32 = 48_000;
const AMR_NARROW_RATE: u32 = 8000;
const AMR_WIDE_RATE: u32 = 16_000;
/// Layouts of AAC by its channel configuration, from 1.
const AAC_LAYOUTS: [&str; 6] = ["mono", "stereo", "3.0", "4.0", "5.0", "5.1"];
/// Layouts of Vorbis and Opus by their number of channels, from 1.
const VORBIS_LAYOUTS: [&str; 8] = ["mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1"];
/// Layouts of FLAC by its number of channels, from 1.
const FLAC_LAYOUTS: [&str; 8] = ["mono", "stereo", "3.0", "quad", "5.0(side)", "5.1(side)", "6.1", "7.1"];

/// Completes an audio stream from its configuration record and the start of its first sample. Returns how much the
/// library reads; `None` when they do not suffice.
pub(super) fn complete(
    codec: &Codec,
    config: &[u8],
    first_sample: &[u8],
    audio: &mut AudioStream,
) -> Option<Effort> {
    let mut is_analysed = false;
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
            let frame = mpeg_audio::layer3_frame(first_sample)?;
            let found = Some((frame.sample_rate, frame.channels));
            // Otherwise the library reads bit rate and format from the frames.
            is_analysed = audio.bit_rate.is_none() || audio.sample_rate.zip(audio.channels) != found;
            audio.bit_rate.get_or_insert(frame.bit_rate.into());
            found?
        }
        Codec::Opus => {
            let channels = opus::channels(config)?;
            audio.channel_layout = Some((*VORBIS_LAYOUTS.get(channels as usize - 1)?).to_owned());
            (OPUS_RATE, channels)
        }
        Codec::Flac => {
            let format = flac::stream_info(config).filter(|format| matches!(format.bits, 16 | 24))?;
            flac::samples(first_sample, format)?;
            audio.channel_layout = Some((*FLAC_LAYOUTS.get(format.channels as usize - 1)?).to_owned());
            (format.sample_rate, format.channels)
        }
        Codec::Alac => alac::format(config)?,
        Codec::Vorbis => {
            let headers = vorbis::Headers::parse(config)?;
            audio.channel_layout = Some((*VORBIS_LAYOUTS.get(headers.channels as usize - 1)?).to_owned());
            (headers.sample_rate, headers.channels)
        }
        Codec::Ac3 | Codec::Eac3 => {
            // A damaged frame may be one that a decoder rejects.
            let frame = ac3::frame(first_sample).filter(|_| ac3::is_intact(first_sample))?;
            (frame.enhanced == (*codec == Codec::Eac3)).then_some(())?;
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
    if audio.channel_layout.is_none() {
        audio.channel_layout = Some((*AAC_LAYOUTS.get(channels as usize - 1)?).to_owned());
    }
    is_analysed |= matches!(codec, Codec::AmrNb | Codec::AmrWb | Codec::Flac | Codec::Alac) || channels > 2;
    Some(if is_analysed { Effort::Analysis } else { Effort::FirstPacket })
}

/// Completes an audio stream without samples, as a decoder does that has not read any; `None` for other codecs.
pub(super) fn complete_without_sample(codec: &Codec, config: &[u8], audio: &mut AudioStream) -> Option<()> {
    match codec {
        Codec::Aac => {
            let config = aac::declared(config)?;
            audio.sample_rate = Some(config.sample_rate);
            audio.channels = Some(config.channels);
            audio.channel_layout = Some((*AAC_LAYOUTS.get(config.channels as usize - 1)?).to_owned());
            Some(())
        }
        Codec::Opus | Codec::Vorbis => complete(codec, config, &[], audio).map(|_| ()),
        _ => None,
    }
}

/// The header of a frame, for codecs of which the library takes facts from several frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameHeader {
    Ac3(ac3::Frame),
    Mp3(mpeg_audio::Frame),
}

impl FrameHeader {
    /// Reads the header at the start of a sample; `None` for other codecs, and for an invalid header.
    pub(super) fn read(codec: &Codec, sample: &[u8]) -> Option<FrameHeader> {
        match codec {
            Codec::Ac3 | Codec::Eac3 => ac3::frame(sample).map(FrameHeader::Ac3),
            Codec::Mp3 => mpeg_audio::layer3_frame(sample).map(FrameHeader::Mp3),
            _ => None,
        }
    }

    /// Returns whether a sample of this many bytes, of which these are the first, is a whole frame like this one.
    pub(super) fn continues(self, codec: &Codec, sample: &[u8], bytes: usize) -> bool {
        let unsized_header = |header: FrameHeader| match header {
            FrameHeader::Ac3(frame) => (FrameHeader::Ac3(ac3::Frame { bytes: 0, ..frame }), frame.bytes),
            FrameHeader::Mp3(frame) => {
                (FrameHeader::Mp3(mpeg_audio::Frame { bytes: 0, ..frame }), frame.bytes)
            }
        };
        FrameHeader::read(codec, sample).map(unsized_header).is_some_and(|(header, frame_bytes)| {
            header == unsized_header(self).0 && frame_bytes as usize == bytes
        })
    }
}
