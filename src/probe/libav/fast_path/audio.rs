//! Audio whose set-up says everything.

use ffmpeg_next::ffi;

use super::super::raw::{bits_per_sample, decoder, number, profile_name};
use super::super::streams::extradata;
use super::first_packets::{Kind, Promise};
use crate::model::AudioStream;
use crate::probe::bitstream::{aac, opus};

/// The rate that every decoder of Opus puts out (RFC 7845, 5.1).
const OPUS_RATE: u32 = 48_000;
/// FFmpeg's number of the low-complexity profile.
const PROFILE_LC: i32 = 1;

/// Completes what is known of a audio track. `None` when the set-up leaves anything open.
///
/// # Safety
/// `stream` is one of an open demuxer's.
pub(super) unsafe fn settle(stream: *const ffi::AVStream, audio: &mut AudioStream) -> Option<Promise> {
    // SAFETY: by the contract.
    let (id, record) = unsafe {
        let parameters = (*stream).codecpar;
        (number(&raw const (*parameters).codec_id), extradata(parameters))
    };
    let (sample_rate, channels, kind) = match audio.codec.as_deref()? {
        codec if codec.starts_with("pcm_") => {
            let samples = u64::from(audio.sample_rate?) * u64::from(audio.channels?);
            let rate = bits_per_sample(id).map(|bits| samples * u64::from(bits));
            audio.bit_rate = audio.bit_rate.or(rate);
            return Some(Promise { index: audio.index, kind: Kind::Nothing });
        }
        "aac" => {
            let config = aac::low_complexity(record)?;
            audio.profile = profile_name(id, PROFILE_LC);
            (config.sample_rate, config.channels, Kind::Aac { channels: config.channels })
        }
        "mp3" => {
            let (sample_rate, channels) = (audio.sample_rate?, audio.channels.filter(|count| *count <= 2)?);
            // Otherwise the library takes it from the frames.
            audio.bit_rate?;
            (sample_rate, channels, Kind::Mp3 { sample_rate, channels })
        }
        "opus" => (OPUS_RATE, opus::channels(record)?, Kind::Nothing),
        "vorbis" => {
            // SAFETY: by the contract.
            let (sample_rate, channels) = unsafe { opened((*stream).codecpar)? };
            (sample_rate, channels, Kind::Nothing)
        }
        _ => return None,
    };
    audio.sample_rate = Some(sample_rate);
    audio.channels = Some(channels);
    audio.channel_layout = Some(if channels == 1 { "mono" } else { "stereo" }.to_owned());
    Some(Promise { index: audio.index, kind })
}

/// Samples per second and channels, mono or stereo, of a decoder given the set-up and nothing more:
/// Vorbis has code books there, and only a decoder can tell whether they are audio.
///
/// # Safety
/// `parameters` are those of an open demuxer's stream.
unsafe fn opened(parameters: *const ffi::AVCodecParameters) -> Option<(u32, u32)> {
    // SAFETY: the decoder's description is static; the context is ours, and freed whatever happens.
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
