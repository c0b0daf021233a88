//! Adds the streams of a movie to the facts.

use super::super::audio::FrameHeader;
use super::super::cache::{ALWAYS_WALK_BYTES, Cache};
use super::super::effort::Effort;
use super::super::reason::{Reason, Stop};
use super::super::{audio, hdr, video};
use super::audio_entry::AudioEntry;
use super::index::{Entry, Index, UNKNOWN_DURATION};
use super::movie::Track;
use super::sample_entry::{EntryContent, VideoEntry};
use crate::model::{AudioStream, Codec, MediaFacts, OtherStream, Rational, VideoStream};
use crate::probe::bitstream::av1;
use crate::probe::bytes::{Bytes, read_range};
use crate::probe::display_matrix::rotation_and_flip;
use crate::probe::headers::Declared;
use crate::probe::isobmff::Samples;
use crate::probe::tags::fourcc;
use crate::probe::timing::{Cadence, TimeBase, write_timing};

/// Bytes of a first sample that are read: NAL units follow each other, so the whole sample is.
const MAX_SAMPLE: u32 = 16 << 20;
/// Bytes of a first sample of audio that are read: a frame of Enhanced AC-3 at most.
const AUDIO_START: u32 = 4096;
/// Bytes before the sequence header in the configuration record of AV1.
const AV1_FIELDS: usize = 4;
/// Bytes of a frame of audio that contain its header.
const FRAME_START: usize = 64;
/// More seconds than the library analyses of a stream.
const ANALYSED_S: f64 = 6.0;
/// Ratios of larger numbers come out differently in the library.
const MAX_RATIO: u32 = 1 << 20;

/// Adds the stream of a track, which has this position. Returns whether no sample of the file need be read: its tables
/// say all about its timing, and the library reads no further than the first packet.
pub(super) fn add_stream(
    cache: &Cache<'_>,
    track: &Track<'_>,
    index: &Index,
    position: u32,
    declared: &Declared,
    facts: &mut MediaFacts,
) -> Result<bool, Stop> {
    let common = Common {
        position,
        tag: Some(fourcc(track.entry.kind)),
        base: TimeBase { num: 1, den: track.scale as i32 },
        index,
    };
    match &track.entry.content {
        EntryContent::Video(entry) => {
            let samples = declared.tracks.get(position as usize).and_then(|track| track.samples.as_ref());
            let (video, timed) = video_stream(cache, &common, track, entry, samples)?;
            facts.video.push(video);
            return Ok(timed);
        }
        EntryContent::Audio(entry) => {
            let (audio, effort) = audio_stream(cache, &common, track, entry)?;
            facts.audio.push(audio);
            return Ok(is_quick(effort, index, facts.size_bytes)?);
        }
        EntryContent::Other(kind, codec) => facts.other.push(OtherStream {
            index: position,
            kind: *kind,
            codec: codec.map(str::to_owned).or(common.tag.clone()),
            language: track.language.clone(),
            duration_s: common.duration_s(),
        }),
    }
    Ok(true)
}

/// Returns whether the library reads no further than the first packet of a stream. Fails for the analysis of fragments, and
/// of a large file, of which not all samples are read.
fn is_quick(effort: Effort, index: &Index, file_bytes: u64) -> Result<bool, Reason> {
    match effort {
        Effort::Analysis if index.fragmented => Err(Reason::Fragments),
        Effort::Analysis if file_bytes > ALWAYS_WALK_BYTES => Err(Reason::TooLarge),
        effort => Ok(effort == Effort::FirstPacket),
    }
}

/// What a stream has whatever its kind.
struct Common<'a> {
    position: u32,
    tag: Option<String>,
    base: TimeBase,
    index: &'a Index,
}

impl Common<'_> {
    fn duration_s(&self) -> Option<f64> {
        let ticks =
            i64::try_from(self.index.duration).ok().filter(|_| self.index.duration != UNKNOWN_DURATION)?;
        self.base.seconds(ticks).filter(|&seconds| seconds > 0.0)
    }

    fn start_s(&self) -> Option<f64> {
        self.base.seconds(self.index.start?)
    }

    /// Reads up to `most` bytes of the first sample.
    fn first_sample(&self, cache: &Cache<'_>, most: u32) -> Result<Vec<u8>, Stop> {
        let first = self.index.entries.first().filter(|first| first.key).ok_or(Reason::FirstSample)?;
        let wanted = first.size.min(most) as usize;
        let sample = read_range(cache, first.position, wanted)?;
        if sample.len() == wanted && wanted > 0 { Ok(sample) } else { Err(Reason::FirstSample.into()) }
    }
}

fn video_stream(
    cache: &Cache<'_>,
    common: &Common<'_>,
    track: &Track<'_>,
    entry: &VideoEntry<'_>,
    samples: Option<&Samples>,
) -> Result<(VideoStream, bool), Stop> {
    let (rotation, flip) = track.matrix.as_ref().map(rotation_and_flip).unwrap_or_default();
    let mut stream = VideoStream {
        index: common.position,
        codec: Some(entry.codec.clone()),
        codec_tag: common.tag.clone(),
        width: Some(entry.width).filter(|width| *width > 0),
        height: Some(entry.height).filter(|height| *height > 0),
        sample_aspect_ratio: sample_aspect_ratio(track, entry)?,
        rotation,
        flip,
        frame_rate: frame_rate(track, common.index)?,
        field_order: entry.field_order.map(str::to_owned),
        bit_rate: common.index.bit_rate,
        duration_s: common.duration_s(),
        start_s: common.start_s(),
        frames: Some(track.tables.timed_samples()).filter(|count| *count > 0),
        decodable: true,
        language: track.language.clone(),
        default: Some(track.enabled),
        ..VideoStream::default()
    };
    let has_data = !common.index.is_without_data(cache.len()?);
    let mut is_quick = true;
    if has_data {
        let first = common.first_sample(cache, MAX_SAMPLE)?;
        let effort = video::complete(
            &entry.codec,
            entry.config,
            (&first, entry.protection.is_some()),
            entry.color,
            &mut stream,
        );
        is_quick = self::is_quick(effort.ok_or(Reason::VideoConfiguration)?, common.index, cache.len()?)?;
        if common.index.fragmented && entry.codec == Codec::Av1 && !repeats_sequence(entry.config, &first) {
            return Err(Reason::VideoConfiguration.into());
        }
    } else {
        let known = video::complete_without_sample(&entry.codec, entry.config, entry.color, &mut stream);
        known.ok_or(Reason::FirstSample)?;
    }
    stream.hdr = hdr::kind(entry.dolby_vision, entry.has_hdr10_metadata, entry.config, &stream);
    // What fragments list, the samples show as well.
    let timed =
        !common.index.fragmented && set_timing(&common.index.entries, common.base, samples, &mut stream);
    Ok((stream, timed && has_data && is_quick))
}

/// Returns whether the first sample of AV1 has the sequence header of the configuration record, or none: the library may
/// decode it.
fn repeats_sequence(config: &[u8], first_sample: &[u8]) -> bool {
    let sequence = config.get(AV1_FIELDS..).unwrap_or_default();
    av1::sequence_size(first_sample).is_none()
        || !sequence.is_empty() && first_sample.windows(sequence.len()).any(|bytes| bytes == sequence)
}

/// Returns the sample aspect ratio of the container.
fn sample_aspect_ratio(track: &Track<'_>, entry: &VideoEntry<'_>) -> Result<Option<Rational>, Reason> {
    if let Some(matrix) = &track.matrix {
        let length = |at: usize| f64::from(matrix[at]).hypot(f64::from(matrix[3 + at]));
        let (x, y) = (length(0), length(1));
        if x > 1.0 && y > 1.0 && (x / y - 1.0).abs() > 0.01 {
            return Err(Reason::RareElement);
        }
    }
    let sizes = [track.width, track.height, entry.width, entry.height];
    let is_same = (track.width, track.height) == (entry.width, entry.height);
    if entry.sample_aspect_ratio.is_some() || is_same || sizes.contains(&0) {
        return Ok(entry.sample_aspect_ratio);
    }
    let [width, height, coded_width, coded_height] = sizes.map(i64::from);
    let ratio = Rational::positive(coded_height * width, coded_width * height);
    let is_exact = |ratio: &Rational| ratio.num().max(ratio.den()) <= MAX_RATIO;
    ratio.filter(is_exact).map(Some).ok_or(Reason::RareElement)
}

/// Returns the average frame rate.
fn frame_rate(track: &Track<'_>, index: &Index) -> Result<Option<Rational>, Reason> {
    if index.timed_frames == 0 {
        return Ok(None);
    }
    let frames = index.timed_frames.checked_mul(u64::from(track.scale));
    let rate = frames.and_then(|frames| {
        Rational::positive(i64::try_from(frames).ok()?, i64::try_from(index.timed_ticks).ok()?)
    });
    // The library approximates larger numbers.
    let is_exact = |rate: &Rational| rate.num().max(rate.den()) <= i32::MAX as u32;
    rate.filter(is_exact).map(Some).ok_or(Reason::SampleTables)
}

/// Sets cadence and groups of pictures from the sample tables. Returns whether they say all, so that no sample need be
/// read.
fn set_timing(
    entries: &[Entry],
    base: TimeBase,
    samples: Option<&Samples>,
    stream: &mut VideoStream,
) -> bool {
    let hides = entries.iter().any(|entry| entry.hidden);
    let samples = samples.filter(|samples| !hides && samples.timestamps.len() == entries.len());
    match samples {
        Some(samples) => {
            let leading = samples.has_leading_samples();
            write_timing(&mut samples.timestamps.clone(), base, stream);
            // In HEVC, only the samples show whether leading pictures need the previous group.
            let known = !leading || stream.codec != Some(Codec::Hevc);
            stream.closed_gop = known.then_some(!leading);
        }
        None => {
            let mut cadence = Cadence::default();
            let shown = entries.iter().filter(|entry| !entry.hidden);
            shown.for_each(|entry| cadence.add(entry.time, entry.key));
            cadence.write_to(base, stream);
        }
    }
    if let Some(timing) = &mut stream.timing {
        let lowest = entries.iter().map(|entry| entry.time).min();
        timing.negative_dts_s = lowest.and_then(|dts| base.seconds(dts)).filter(|&s| s < 0.0);
    }
    samples.is_some() && stream.closed_gop.is_some() && !is_configured_in_band(stream)
}

/// Returns whether samples may contain parameter sets (ISO/IEC 14496-15, 5.3.3 and 8.3.3), so that only they show
/// whether the sets change.
fn is_configured_in_band(stream: &VideoStream) -> bool {
    matches!(stream.codec_tag.as_deref(), Some("avc3" | "avc4" | "hev1" | "hev2" | "dvav" | "dvhe"))
}

fn audio_stream(
    cache: &Cache<'_>,
    common: &Common<'_>,
    track: &Track<'_>,
    entry: &AudioEntry<'_>,
) -> Result<(AudioStream, Effort), Stop> {
    let mut stream = AudioStream {
        index: common.position,
        codec: entry.codec.clone(),
        codec_tag: common.tag.clone(),
        sample_rate: Some(entry.sample_rate).filter(|rate| *rate > 0),
        channels: Some(entry.channels).filter(|channels| *channels > 0),
        bit_rate: common.index.bit_rate,
        duration_s: common.duration_s(),
        start_s: common.start_s(),
        decodable: entry.codec.is_some(),
        language: track.language.clone(),
        default: Some(track.enabled),
        ..AudioStream::default()
    };
    if entry.frame_bytes > 0 {
        stream.channel_layout = entry.channel_layout.map(str::to_owned);
        stream.bit_rate = Some(u64::from(entry.sample_rate) * u64::from(entry.frame_bytes) * 8);
    }
    let Some(codec) = &entry.codec else {
        // The library reads on for its parameters.
        return if common.index.entries.is_empty() {
            Err(Reason::Codec.into())
        } else {
            Ok((stream, Effort::Analysis))
        };
    };
    if common.index.entries.is_empty() && *codec == Codec::Aac {
        let known = audio::complete_without_sample(codec, &entry.config, &mut stream);
        known.ok_or(Reason::AudioConfiguration)?;
        return Ok((stream, Effort::FirstPacket));
    }
    // The library decodes what it cannot decrypt.
    if entry.protection.is_some() {
        return Err(Reason::Encrypted.into());
    }
    // A decoder of PCM needs no sample, but the library reads on for one.
    let needs_sample = entry.frame_bytes == 0 || !common.index.is_without_data(cache.len()?);
    let first = if needs_sample { common.first_sample(cache, AUDIO_START)? } else { Vec::new() };
    let effort = audio::complete(codec, &entry.config, &first, &mut stream);
    let effort = effort.map(|effort| if needs_sample { effort } else { Effort::Analysis });
    let effort = effort.ok_or(Reason::AudioConfiguration)?;
    if effort == Effort::Analysis
        && let Some(header) = FrameHeader::read(codec, &first)
    {
        check_frames(cache, common, codec, header)?;
    }
    Ok((stream, effort))
}

/// Checks that the frames which the library analyses are like the first.
fn check_frames(
    cache: &Cache<'_>,
    common: &Common<'_>,
    codec: &Codec,
    header: FrameHeader,
) -> Result<(), Stop> {
    let entries = &common.index.entries;
    let first = entries.first().map_or(0, |entry| entry.time);
    let is_analysed = |entry: &&Entry| {
        common.base.seconds(entry.time.saturating_sub(first)).is_some_and(|at| at < ANALYSED_S)
    };
    for entry in entries.iter().take_while(is_analysed) {
        let start = read_range(cache, entry.position, FRAME_START)?;
        if !header.continues(codec, &start, entry.size as usize) {
            return Err(Reason::AudioConfiguration.into());
        }
    }
    Ok(())
}
