//! Settles the facts of Matroska and WebM files (RFC 9559).
//!
//! Information, tracks and tags settle the streams; their first blocks must match them. The cadence, the groups of
//! pictures and lost frames need every block, which are read of small files; of larger ones the
//! last block shows the end.

mod attachments;
mod blocks;
mod chapters;
mod decode_order;
mod first_packets;
mod frame_rate;
mod ids;
mod lacing;
mod level_1;
mod master;
mod packets;
mod segment;
mod stated_rate;
mod streams;
mod tags;
mod tracks;
mod without_cluster;

use self::master::Master;
use self::packets::read_packets;
use self::segment::Segment;
use self::streams::add_stream;
use self::tags::Tags;
use self::tracks::{Clock, MAX_TRACKS, Track, TrackContent};
use super::cache::{ALWAYS_WALK_BYTES, Cache};
use super::decoder_config::is_accepted;
use super::reason::{Reason, Stop};
use super::repeated_audio::set_repeated;
use super::stream_count::{check_streams, is_decoded};
use crate::model::{Codec, Completeness, Container, MediaFacts, VideoStream};
use crate::probe::bytes::Bytes;
use crate::probe::declared_facts::{self, compare_duration, set_playback, set_streams_without_packets};
use crate::probe::headers::{self, Declared, last_block};
use crate::probe::tags::language_of;
use crate::probe::truncation::{
    MAX_BLOCK_S, compare_end, compare_last_block, first_start_s, needs_last_block, worth_walking,
};

/// Returns the facts of a file that begins with an EBML header.
pub(super) fn settle(cache: &Cache<'_>) -> Result<MediaFacts, Stop> {
    let segment = read_segment(cache)?;
    let info = Master::read(&segment.info)?;
    let clock = Clock::new(info.number(ids::TIMESTAMP_SCALE, 1_000_000)?)?;
    let mut tracks = tracks::read(&segment.tracks, clock)?;
    let tags = Tags::read(&segment.tags)?;
    for track in &mut tracks {
        if let Some(language) = tags.language(track) {
            track.language = language_of(language);
        }
    }
    let declared = headers::read(cache)?;
    let mut facts = MediaFacts {
        container: Some(headers::container(Container::Matroska, &declared)),
        size_bytes: cache.len()?,
        completeness: declared.completeness.clone(),
        second_recording_byte: declared.second_recording_byte,
        chapters: chapters::count(&segment.chapters)?,
        privacy: tags.private(&tracks)?,
        ..MediaFacts::default()
    };
    if !declared.encrypted.is_empty() {
        return Err(Reason::RareElement.into());
    }
    match info.float(ids::DURATION)? {
        Some(ticks) if ticks > 0.0 => set_duration(ticks * clock.scale as f64 * 1000.0 / 1e6, &mut facts)?,
        // Without a duration, the library computes one from bit rates, unless there is video, or from texts.
        _ if !has_video(&tracks) || has_text(&tracks) || facts.size_bytes > ALWAYS_WALK_BYTES => {
            return Err(Reason::Duration.into());
        }
        _ => {}
    }
    add_streams(&segment, &tracks, &tags, &mut facts)?;
    let is_small = facts.size_bytes <= ALWAYS_WALK_BYTES;
    let (walk, hashes) = read_packets(cache, &segment, &tracks, clock, is_small, &mut facts)?;
    if is_small && facts.duration_s.is_none() {
        // Of a single frame, the library computes a bit rate.
        if facts.video.iter().any(|video| walk.packets_of(video.index) <= 2) {
            return Err(Reason::Duration.into());
        }
        if facts.declared_duration_s().is_none() {
            facts.measured_duration_s = walk.duration_s(&facts);
        }
    }
    if is_small && worth_walking(&facts) {
        compare_end(walk.first_end_s(), walk.presentation_end_s(), &mut facts);
        compare_duration(&walk, &declared, &mut facts);
        set_streams_without_packets(&walk, &mut facts);
    }
    let is_uncertain = |track: &Track| track.codec().is_some_and(|codec| !is_accepted(codec, &track.config));
    if is_decoded(&facts) && tracks.iter().any(is_uncertain) {
        return Err(Reason::VideoConfiguration.into());
    }
    finish(cache, clock, &declared, segment.truncated && is_small, &mut facts)?;
    set_repeated(&mut facts, |first, second| {
        let packets = |index: u32| hashes.get(index as usize).filter(|hashes| !hashes.is_empty());
        let both = packets(first).zip(packets(second)).filter(|_| !segment.truncated);
        both.map(|(first, second)| first == second).ok_or(Reason::SeveralAudioStreams.into())
    })?;
    Ok(facts)
}

/// Reads the elements of the first segment, or why the library does not open the file.
fn read_segment(cache: &Cache<'_>) -> Result<Segment, Stop> {
    match Segment::read(cache) {
        Err(Stop::NeedsFullScan(reason)) => Err(without_cluster::open_error(cache)?.unwrap_or(reason.into())),
        segment => segment,
    }
}

/// Adds the streams of tracks and attached files.
fn add_streams(
    segment: &Segment,
    tracks: &[Track],
    tags: &Tags,
    facts: &mut MediaFacts,
) -> Result<(), Reason> {
    for (track, position) in tracks.iter().zip(0..) {
        add_stream(track, position, tags.duration(track), facts);
    }
    facts.other.extend(attachments::read(&segment.attachments, tracks.len() as u32)?);
    let count = facts.video.len() + facts.audio.len() + facts.other.len();
    if count > MAX_TRACKS { Err(Reason::TooLarge) } else { Ok(()) }
}

fn has_text(tracks: &[Track]) -> bool {
    tracks.iter().any(|track| matches!(track.content, TrackContent::Subtitle(_)))
}

fn has_video(tracks: &[Track]) -> bool {
    tracks.iter().any(|track| track.codec().is_some())
}

/// Sets duration and overall bit rate like the library, from whole microseconds.
fn set_duration(microseconds: f64, facts: &mut MediaFacts) -> Result<(), Reason> {
    let microseconds = microseconds.trunc();
    if !(1.0..1e15).contains(&microseconds) {
        return Err(Reason::Duration);
    }
    declared_facts::set_duration(microseconds as i64, facts);
    Ok(())
}

/// Compares the declarations with the last block of a file whose blocks were not all read.
fn finish(
    cache: &Cache<'_>,
    clock: Clock,
    declared: &Declared,
    is_truncated: bool,
    facts: &mut MediaFacts,
) -> Result<(), Stop> {
    if facts.size_bytes > ALWAYS_WALK_BYTES || needs_last_block(facts) {
        let last = last_block(cache)?.and_then(|time| i64::try_from(time).ok());
        if let Some(begin_s) = last.and_then(|time| clock.base.seconds(time)) {
            compare_end(begin_s, begin_s + MAX_BLOCK_S, facts);
            compare_last_block(begin_s, declared, facts);
            if facts.declared_duration_s().is_none() {
                facts.measured_duration_s.get_or_insert(begin_s - first_start_s(facts));
            }
        }
    }
    // The library analyses a file again whose end contradicts its header.
    let is_missing = matches!(facts.completeness, Completeness::Missing { .. }) && !is_truncated;
    let is_reordered = |video: &VideoStream| matches!(video.codec, Some(Codec::H264 | Codec::Hevc));
    let is_inexact =
        facts.size_bytes > ALWAYS_WALK_BYTES || facts.video.iter().any(is_reordered) || is_decoded(facts);
    let is_contradicted = facts.measured_duration_s.is_some() && facts.duration_s.is_some() && is_inexact;
    if is_missing || is_contradicted {
        return Err(Reason::MissingData.into());
    }
    set_playback(declared, facts);
    Ok(check_streams(facts)?)
}
