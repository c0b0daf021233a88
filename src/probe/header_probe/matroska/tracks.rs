//! Reads the entries of tracks.

use super::super::names::{ColorCodes, RANGE_FULL, are_known};
use super::super::reason::Reason;
use super::ids;
use super::master::Master;
use crate::model::{Codec, Rational};
use crate::probe::bitstream::flac;
use crate::probe::tags::language_of;
use crate::probe::timing::TimeBase;

/// The largest number of tracks; the library refuses more streams.
pub(super) const MAX_TRACKS: usize = 128;
/// The largest numerator or denominator of a frame rate in the library.
const MAX_RATE: u64 = 30_000;
/// The sample rate of Opus in Hz.
const OPUS_RATE: f64 = 48_000.0;
const NANOSECONDS: u64 = 1_000_000_000;

/// A track.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) number: u64,
    pub(super) uid: u64,
    pub(super) is_default: bool,
    pub(super) language: Option<String>,
    pub(super) name: Option<String>,
    pub(super) config: Vec<u8>,
    /// How long a frame lasts, in nanoseconds; zero if unknown.
    pub(super) default_duration: u64,
    /// How much earlier than written the frames are presented, in ticks.
    pub(super) delay: i64,
    pub(super) content: TrackContent,
}

impl Track {
    /// Returns the codec of a video track.
    pub(super) fn codec(&self) -> Option<&Codec> {
        match &self.content {
            TrackContent::Video(video) => Some(&video.codec),
            TrackContent::Audio(_) | TrackContent::Subtitle(_) => None,
        }
    }
}

/// What a track contains.
#[derive(Debug)]
pub(super) enum TrackContent {
    Video(VideoTrack),
    Audio(AudioTrack),
    Subtitle(&'static str),
}

/// What is declared of video.
#[derive(Debug)]
pub(super) struct VideoTrack {
    pub(super) codec: Codec,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) sample_aspect_ratio: Option<Rational>,
    /// `None` without a declared duration of frames.
    pub(super) frame_rate: Option<Rational>,
    /// Whether transparency is beside the frames.
    pub(super) has_alpha: bool,
    pub(super) field_order: Option<&'static str>,
    pub(super) color: ColorCodes,
    pub(super) has_hdr10_metadata: bool,
}

/// What is declared of audio.
#[derive(Debug)]
pub(super) struct AudioTrack {
    pub(super) codec: Codec,
    pub(super) sample_rate: u32,
    pub(super) channels: u32,
    /// Bytes of a sample of all channels, for PCM.
    pub(super) frame_bytes: u32,
}

/// The clock of a segment: ticks of this many nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    pub(super) scale: u64,
    pub(super) base: TimeBase,
}

impl Clock {
    /// Creates the clock of a segment with this scale.
    pub(super) fn new(scale: u64) -> Result<Clock, Reason> {
        let ratio = Rational::positive(i64::try_from(scale).unwrap_or(0), NANOSECONDS as i64);
        let ratio = ratio.filter(|_| scale <= u64::from(u32::MAX)).ok_or(Reason::RareElement)?;
        let side = |value: u32| i32::try_from(value).map_err(|_| Reason::RareElement);
        Ok(Clock { scale, base: TimeBase { num: side(ratio.num())?, den: side(ratio.den())? } })
    }

    /// Returns a time of whole microseconds rounded to ticks, in seconds.
    pub(super) fn round(self, seconds: f64) -> Option<f64> {
        self.base.seconds(self.ticks((seconds * 1e6).round() as u64 * 1000)?)
    }

    /// Returns how many ticks a time in nanoseconds lasts, rounded to the nearest.
    fn ticks(self, nanoseconds: u64) -> Option<i64> {
        let ticks = (u128::from(nanoseconds) + u128::from(self.scale) / 2) / u128::from(self.scale);
        i64::try_from(ticks).ok()
    }
}

/// Reads the content of the element with all tracks.
pub(super) fn read(content: &[u8], clock: Clock) -> Result<Vec<Track>, Reason> {
    let entries = Master::read(content)?;
    let tracks: Vec<Track> =
        entries.all(ids::TRACK_ENTRY).map(|entry| track(entry, clock)).collect::<Result<_, _>>()?;
    let mut numbers: Vec<u64> = tracks.iter().map(|track| track.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    match numbers.len() {
        0 => Err(Reason::MissingIndex),
        count if count < tracks.len() || count > MAX_TRACKS => Err(Reason::Malformed),
        _ => Ok(tracks),
    }
}

fn track(entry: &[u8], clock: Clock) -> Result<Track, Reason> {
    let entry = Master::read(entry)?;
    if entry.has(ids::ENCODINGS) {
        return Err(Reason::Encrypted);
    }
    if entry.has(ids::OPERATION) || entry.has(ids::BLOCK_ADDITION_MAPPING) {
        return Err(Reason::RareElement);
    }
    if entry.float(ids::TRACK_TIMESTAMP_SCALE)?.is_some_and(|scale| scale != 1.0) {
        return Err(Reason::RareElement);
    }
    let codec = entry.text(ids::CODEC_ID)?.ok_or(Reason::TrackKind)?;
    let config = entry.only(ids::CODEC_PRIVATE)?.unwrap_or_default();
    let config = match codec.as_str() {
        "A_FLAC" => flac::only_info(config),
        _ => Some(config),
    };
    let config = config.ok_or(Reason::AudioConfiguration)?.to_vec();
    let default_duration = entry.number(ids::DEFAULT_DURATION, 0)?;
    let content = match entry.number(ids::TRACK_TYPE, 0)? {
        1 => TrackContent::Video(video(&entry, &codec, default_duration)?),
        2 => TrackContent::Audio(audio(&entry, &codec)?),
        0x11 => TrackContent::Subtitle(subtitle(&codec)?),
        0x21 if codec == "D_WEBVTT/METADATA" => TrackContent::Subtitle("webvtt"),
        _ => return Err(Reason::TrackKind),
    };
    let delay = clock.ticks(entry.number(ids::CODEC_DELAY, 0)?).ok_or(Reason::Malformed)?;
    Ok(Track {
        number: entry.number(ids::TRACK_NUMBER, 0)?,
        uid: entry.number(ids::TRACK_UID, 0)?,
        is_default: entry.number(ids::FLAG_DEFAULT, 1)? != 0,
        language: language_of(&entry.text(ids::LANGUAGE)?.unwrap_or_else(|| "eng".to_owned())),
        name: entry.text(ids::NAME)?,
        config,
        default_duration,
        delay,
        content,
    })
}

fn subtitle(codec: &str) -> Result<&'static str, Reason> {
    Ok(match codec {
        "S_TEXT/UTF8" => "subrip",
        "S_TEXT/ASS" | "S_TEXT/SSA" => "ass",
        "S_VOBSUB" => "dvd_subtitle",
        "D_WEBVTT/SUBTITLES" | "D_WEBVTT/CAPTIONS" | "D_WEBVTT/DESCRIPTIONS" => "webvtt",
        _ => return Err(Reason::TrackKind),
    })
}

fn video(entry: &Master<'_>, codec: &str, default_duration: u64) -> Result<VideoTrack, Reason> {
    let codec = match codec {
        "V_MPEG4/ISO/AVC" => Codec::H264,
        "V_MPEGH/ISO/HEVC" => Codec::Hevc,
        "V_AV1" => Codec::Av1,
        "V_VP8" => Codec::Vp8,
        "V_VP9" => Codec::Vp9,
        "V_MJPEG" => Codec::Mjpeg,
        "V_MPEG4/ISO/ASP" | "V_MPEG4/ISO/SP" => Codec::Mpeg4,
        _ => return Err(Reason::Codec),
    };
    let video = entry.inside(ids::VIDEO)?;
    let is_rare =
        [ids::PROJECTION, ids::UNCOMPRESSED_FOURCC, ids::FRAME_RATE].into_iter().any(|id| video.has(id));
    let alpha = video.number(ids::ALPHA_MODE, 0)?;
    let has_alpha = alpha > 0 && matches!(codec, Codec::Vp8 | Codec::Vp9);
    if is_rare || video.number(ids::STEREO_MODE, 0)? != 0 || alpha > 1 || alpha > 0 && !has_alpha {
        return Err(Reason::RareElement);
    }
    // The library finds the rate in the times of frames that are in the order of decoding.
    if default_duration == 0 && !matches!(codec, Codec::Vp8 | Codec::Vp9 | Codec::H264) {
        return Err(Reason::Duration);
    }
    let side = |id: u32| {
        let value = video.number(id, 0)?;
        u32::try_from(value).ok().filter(|side| (1..=1 << 16).contains(side)).ok_or(Reason::RareElement)
    };
    let (width, height) = (side(ids::PIXEL_WIDTH)?, side(ids::PIXEL_HEIGHT)?);
    // From version 7 on, the library computes the aspect ratio of what is left.
    for id in ids::PIXEL_CROPS {
        if video.number(id, 0)? > 0 {
            return Err(Reason::RareElement);
        }
    }
    let colour = video.inside(ids::COLOUR)?;
    Ok(VideoTrack {
        codec,
        width,
        height,
        sample_aspect_ratio: sample_aspect_ratio(&video, width, height)?,
        frame_rate: frame_rate(default_duration),
        has_alpha,
        field_order: field_order(&video)?,
        color: color(&colour)?,
        has_hdr10_metadata: has_hdr10_metadata(&colour)?,
    })
}

fn sample_aspect_ratio(video: &Master<'_>, width: u32, height: u32) -> Result<Option<Rational>, Reason> {
    const UNKNOWN_UNIT: u64 = 4;
    if video.number(ids::DISPLAY_UNIT, 0)? >= UNKNOWN_UNIT {
        return Ok(None);
    }
    let shown_width = video.number(ids::DISPLAY_WIDTH, width.into())?;
    let shown_height = video.number(ids::DISPLAY_HEIGHT, height.into())?;
    if shown_width == 0 || shown_height == 0 {
        return Ok(None);
    }
    let product = |side: u32, shown: u64| i64::try_from(u64::from(side).checked_mul(shown)?).ok();
    let ratio = product(height, shown_width)
        .zip(product(width, shown_height))
        .and_then(|(num, den)| Rational::positive(num, den));
    let is_exact = |ratio: &Rational| ratio.num().max(ratio.den()) <= i32::MAX as u32;
    ratio.filter(is_exact).map(Some).ok_or(Reason::RareElement)
}

/// Returns the frame rate of frames that last this many nanoseconds, in the numbers that the library allows.
fn frame_rate(nanoseconds: u64) -> Option<Rational> {
    nearest_ratio(NANOSECONDS, nanoseconds, MAX_RATE)
        .and_then(|(num, den)| Rational::positive(i64::try_from(num).ok()?, i64::try_from(den).ok()?))
}

/// Returns the last convergent of the continued fraction of `num / den` with both numbers up to `most`, or the last
/// semiconvergent if it is nearer.
pub(super) fn nearest_ratio(num: u64, den: u64, most: u64) -> Option<(u64, u64)> {
    let (mut rest, mut divisor) = (num, den);
    let (mut before, mut last) = ((0_u64, 1_u64), (1_u64, 0_u64));
    while divisor > 0 {
        let quotient = rest / divisor;
        let next = |times: u64| {
            let num = times.checked_mul(last.0)?.checked_add(before.0)?;
            Some((num, times.checked_mul(last.1)?.checked_add(before.1)?))
        };
        match next(quotient).filter(|(num, den)| *num <= most && *den <= most) {
            Some(convergent) => (before, last) = (last, convergent),
            None => {
                let fits = |limit: u64, one: u64| limit.checked_div(one);
                let times = [fits(most - before.0, last.0), fits(most - before.1, last.1)];
                let times = times.into_iter().flatten().min()?;
                let nearer = u128::from(divisor)
                    * (2 * u128::from(times) * u128::from(last.1) + u128::from(before.1))
                    > u128::from(rest) * u128::from(last.1);
                return if nearer { next(times) } else { Some(last) };
            }
        }
        (rest, divisor) = (divisor, rest % divisor);
    }
    (last.1 > 0).then_some(last)
}

fn field_order(video: &Master<'_>) -> Result<Option<&'static str>, Reason> {
    match video.number(ids::FLAG_INTERLACED, 0)? {
        2 => Ok(Some("progressive")),
        1 => Err(Reason::RareElement),
        _ if video.has(ids::FIELD_ORDER) => Err(Reason::RareElement),
        _ => Ok(None),
    }
}

fn color(colour: &Master<'_>) -> Result<ColorCodes, Reason> {
    let code = |id: u32| u8::try_from(colour.number(id, 2)?).map_err(|_| Reason::RareElement);
    let range = u8::try_from(colour.number(ids::RANGE, 0)?).ok().filter(|range| *range <= RANGE_FULL);
    let color = ColorCodes {
        range: range.ok_or(Reason::RareElement)?,
        primaries: code(ids::PRIMARIES)?,
        transfer: code(ids::TRANSFER)?,
        matrix: code(ids::MATRIX_COEFFICIENTS)?,
    };
    if are_known(color) { Ok(color) } else { Err(Reason::RareElement) }
}

fn has_hdr10_metadata(colour: &Master<'_>) -> Result<bool, Reason> {
    // The library rejects the track if its elements do not fill it.
    colour.inside(ids::MASTERING)?;
    let has_levels = colour.number(ids::MAX_CLL, 0)? > 0 && colour.number(ids::MAX_FALL, 0)? > 0;
    // Only complete mastering data counts.
    if colour.has(ids::MASTERING) && !has_levels { Err(Reason::RareElement) } else { Ok(has_levels) }
}

fn audio(entry: &Master<'_>, codec: &str) -> Result<AudioTrack, Reason> {
    let audio = entry.inside(ids::AUDIO)?;
    let bits = audio.number(ids::BIT_DEPTH, 0)?;
    let codec = match codec {
        "A_AAC" => Codec::Aac,
        "A_OPUS" => Codec::Opus,
        "A_MPEG/L3" => Codec::Mp3,
        "A_VORBIS" => Codec::Vorbis,
        "A_AC3" => Codec::Ac3,
        "A_EAC3" => Codec::Eac3,
        "A_FLAC" => Codec::Flac,
        "A_ALAC" => Codec::Alac,
        "A_PCM/INT/LIT" => Codec::from(match bits {
            8 => "pcm_u8",
            16 => "pcm_s16le",
            24 => "pcm_s24le",
            32 => "pcm_s32le",
            _ => return Err(Reason::AudioConfiguration),
        }),
        "A_PCM/INT/BIG" if bits == 16 => Codec::from("pcm_s16be"),
        "A_PCM/INT/BIG" if bits == 24 => Codec::from("pcm_s24be"),
        "A_PCM/FLOAT/IEEE" if bits == 32 => Codec::from("pcm_f32le"),
        _ => return Err(Reason::Codec),
    };
    let sampled = audio.float(ids::SAMPLING_FREQUENCY)?.unwrap_or(8000.0);
    let output = audio.float(ids::OUTPUT_FREQUENCY)?.filter(|rate| *rate > 0.0).unwrap_or(sampled);
    let is_usual = |rate: f64| (1.0..=768_000.0).contains(&rate);
    // The library computes how long a packet of Opus lasts with the declared rate.
    let is_wrong = codec == Codec::Opus && output != OPUS_RATE;
    if !is_usual(sampled) || !is_usual(output) || is_wrong {
        return Err(Reason::AudioConfiguration);
    }
    let channels = u32::try_from(audio.number(ids::CHANNELS, 1)?).map_err(|_| Reason::AudioConfiguration)?;
    if codec.is_pcm() && !(1..=8).contains(&channels) {
        return Err(Reason::AudioConfiguration);
    }
    let frame_bytes = if codec.is_pcm() { bits as u32 / 8 * channels } else { 0 };
    Ok(AudioTrack { codec, sample_rate: output as u32, channels, frame_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_frames_give_the_rates_that_they_round() {
        let rates = [(33_333_333, (30, 1)), (33_366_666, (30_000, 1001)), (41_708_333, (24_000, 1001))];
        for (nanoseconds, (num, den)) in rates {
            assert_eq!(frame_rate(nanoseconds), Rational::new(num, den), "{nanoseconds}");
        }
        assert_eq!(frame_rate(0), None);
    }
}
