//! Completes the facts of audio from its configuration record.

use ffmpeg_next::ffi;

use super::super::streams::extradata;
use super::expected_packet::{ExpectedPacket, FirstPacketCheck};
use crate::libav::ffi_enums::{bits_per_sample, decoder, number, profile_name};
use crate::model::{AudioStream, Codec};
use crate::probe::bitstream::{aac, opus};

/// The output sample rate of Opus decoders, in Hz (RFC 7845, 5.1).
const OPUS_RATE: u32 = 48_000;
/// FFmpeg's number for the low-complexity profile.
const PROFILE_LC: i32 = 1;

/// Completes the facts of an audio stream; `None` when its configuration is not sufficient.
///
/// # Safety
/// `stream` is one of an open demuxer's.
pub(super) unsafe fn complete(
    stream: *const ffi::AVStream,
    audio: &mut AudioStream,
) -> Option<FirstPacketCheck> {
    // SAFETY: by the contract.
    let (id, record) = unsafe {
        let parameters = (*stream).codecpar;
        (number(&raw const (*parameters).codec_id), extradata(parameters))
    };
    let (sample_rate, channels, expected) = match audio.codec.as_ref()? {
        codec if codec.is_pcm() => {
            let samples = u64::from(audio.sample_rate?) * u64::from(audio.channels?);
            let rate = bits_per_sample(id).map(|bits| samples * u64::from(bits));
            audio.bit_rate = audio.bit_rate.or(rate);
            return Some(FirstPacketCheck { index: audio.index, expected: ExpectedPacket::Any });
        }
        Codec::Aac => {
            let config = aac::low_complexity(record).filter(|config| config.channels <= 2)?;
            audio.profile = profile_name(id, PROFILE_LC);
            (config.sample_rate, config.channels, ExpectedPacket::Aac { channels: config.channels })
        }
        Codec::Mp3 => {
            let (sample_rate, channels) = (audio.sample_rate?, audio.channels.filter(|count| *count <= 2)?);
            // Without a declared bit rate, the library reads it from the frames.
            audio.bit_rate?;
            (sample_rate, channels, ExpectedPacket::Mp3 { sample_rate, channels })
        }
        Codec::Opus => {
            (OPUS_RATE, opus::channels(record).filter(|channels| *channels <= 2)?, ExpectedPacket::Any)
        }
        Codec::Vorbis => {
            // SAFETY: by the contract.
            let (sample_rate, channels) = unsafe { decoder_output((*stream).codecpar)? };
            (sample_rate, channels, ExpectedPacket::Any)
        }
        _ => return None,
    };
    audio.sample_rate = Some(sample_rate);
    audio.channels = Some(channels);
    audio.channel_layout = Some(if channels == 1 { "mono" } else { "stereo" }.to_owned());
    Some(FirstPacketCheck { index: audio.index, expected })
}

/// Returns sample rate (Hz) and channels, mono or stereo, of a decoder opened with the configuration only.
/// The configuration of Vorbis contains code books, which only a decoder can validate.
///
/// # Safety
/// `parameters` are those of an open demuxer's stream.
unsafe fn decoder_output(parameters: *const ffi::AVCodecParameters) -> Option<(u32, u32)> {
    // SAFETY: the decoder's description is static; the context is local and always freed.
    unsafe {
        let decoder = decoder(number(&raw const (*parameters).codec_id))?;
        let mut context = ffi::avcodec_alloc_context3(decoder);
        if context.is_null() {
            return None;
        }
        let open = ffi::avcodec_parameters_to_context(context, parameters) >= 0
            && ffi::avcodec_open2(context, decoder, std::ptr::null_mut()) >= 0;
        let rate = u32::try_from((*context).sample_rate).ok().filter(|rate| open && *rate > 0);
        let channels = u32::try_from((*context).ch_layout.nb_channels).ok();
        ffi::avcodec_free_context(&mut context);
        rate.zip(channels.filter(|channels| matches!(channels, 1 | 2)))
    }
}
