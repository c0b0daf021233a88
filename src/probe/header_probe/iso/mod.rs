//! Settles the facts of ISO base media files (ISO/IEC 14496-12) and QuickTime movies.

mod audio_entry;
mod boxes;
mod cut_movie;
mod descriptors;
mod duration;
mod encryption;
mod fragments;
mod groups;
mod index;
mod key_frames;
mod language;
mod metadata;
mod movie;
mod read_order;
mod runs;
mod same_samples;
mod sample_entry;
mod segment_index;
mod stereo;
mod streams;
mod tables;
mod top_level;
mod truncated;
mod uuid;
mod walk;

use std::io;

use self::index::{Index, Kind};
use self::movie::Movie;
use self::sample_entry::EntryContent;
use super::cache::{ALWAYS_WALK_BYTES, Cache};
use super::decoder_config::is_accepted;
use super::reason::{Reason, Stop};
use super::repeated_audio::set_repeated;
use super::stream_count::{check_streams, is_decoded};
use crate::model::{Codec, Completeness, Container, MediaFacts, OtherKind, OtherStream};
use crate::probe::bitstream::aac;
use crate::probe::bytes::Bytes;
use crate::probe::declared_facts::{
    forget_unknown_durations, set_duration, set_empty_samples, set_empty_tracks, set_encryption,
    set_fragment_rates, set_indexed_durations, set_playback,
};
use crate::probe::headers::{self, Declared, INVALID_DATA};
use crate::probe::isobmff::IsoTrack;
use crate::probe::timing::TimeBase;
use crate::probe::truncation::{compare_end, worth_walking};
use key_frames::read_sizes;
use same_samples::have_same_samples;
use streams::add_stream;
use top_level::read_movie;
use walk::walk_samples;

/// Fragmented files up to this size are read at once, in bytes.
const WHOLE_FILE: u64 = 8 << 20;
/// Samples in a frame of AAC-LC.
const AAC_SAMPLES: u32 = 1024;

/// Returns whether the library takes a file without `ftyp` in front for an ISO file, and for nothing else.
pub(super) fn is_recognized(cache: &Cache<'_>) -> io::Result<bool> {
    top_level::is_recognized(cache)
}

/// Returns the facts of a file that consists of boxes.
pub(super) fn settle(cache: &Cache<'_>) -> Result<MediaFacts, Stop> {
    let file = read_movie(cache)?;
    let movie = movie::read(&file.moov, file.isom)?;
    if movie.tracks.iter().any(|track| track.tables.exceeds_chunks) {
        return Err(Stop::Refused(INVALID_DATA));
    }
    let fragmented = !movie.extends.is_empty() || file.top.iter().any(|found| &found.kind == b"moof");
    let size_bytes = cache.len()?;
    // All samples of a fragmented file are read below.
    if fragmented && size_bytes <= WHOLE_FILE {
        cache.preload(0, size_bytes as usize)?;
    }
    let declared = headers::read(cache)?;
    let mut facts = MediaFacts {
        container: Some(headers::container(Container::Mov, &declared)),
        major_brand: declared.major_brand.clone(),
        size_bytes,
        fast_start: declared.fast_start,
        fragmented: declared.fragmented,
        completeness: declared.completeness.clone(),
        second_recording_byte: declared.second_recording_byte,
        chapters: movie.metadata.chapters,
        privacy: movie.metadata.privacy.clone(),
        ..MediaFacts::default()
    };
    let mut indices =
        if fragmented { fragments::read(cache, &file.top, &movie)? } else { build_indices(&movie)? };
    skip_priming(&movie, fragmented, &mut indices)?;
    if fragmented {
        check_fragmented(&movie, &indices, &declared, &facts)?;
    } else {
        set_missing(&movie, &indices, &mut facts)?;
    }
    let duration =
        if fragmented { duration::of_streams(&movie, &indices)? } else { Some(duration::declared(&movie)?) };
    set_duration(duration.unwrap_or(0), &mut facts);
    if fragmented {
        duration::fill(&movie, duration, &mut indices)?;
    }
    let mut timed = true;
    for ((track, index), position) in movie.tracks.iter().zip(&indices).zip(0..) {
        timed &= add_stream(cache, track, index, position, &declared, &mut facts)?;
    }
    add_covers(&movie, &mut facts);
    if timed {
        read_key_frame_sizes(cache, &movie, &indices, &mut facts)?;
    } else if facts.size_bytes <= ALWAYS_WALK_BYTES {
        let walk = walk_samples(cache, &movie.tracks, &indices, &mut facts)?;
        if declares_no_duration(&declared) {
            check_durations(&movie, &indices)?;
            facts.measured_duration_s = walk.duration_s(&facts);
        }
    }
    if fragmented && indices.iter().all(|index| index.entries.is_empty()) && worth_walking(&facts) {
        compare_end(0.0, 0.0, &mut facts);
    }
    finish(&declared, &mut facts)?;
    check_decoded(&movie, &facts)?;
    set_repeated(&mut facts, |first, second| have_same_samples(cache, &indices, first, second))?;
    Ok(facts)
}

/// Adds the streams of covers, which follow those of the tracks.
fn add_covers(movie: &Movie<'_>, facts: &mut MediaFacts) {
    for (codec, index) in movie.metadata.covers.iter().zip(movie.tracks.len() as u32..) {
        let codec = Some(codec.to_string());
        facts.other.push(OtherStream {
            index,
            kind: OtherKind::CoverArt,
            codec,
            language: None,
            duration_s: None,
        });
    }
}

/// Sets the frame sizes of the video streams, whose parameters otherwise stay the same.
fn read_key_frame_sizes(
    cache: &Cache<'_>,
    movie: &Movie<'_>,
    indices: &[Index],
    facts: &mut MediaFacts,
) -> Result<(), Stop> {
    for video in &mut facts.video {
        video.parameter_changes = Some(0);
        let at = video.index as usize;
        if let Some((track, index)) = movie.tracks.get(at).zip(indices.get(at))
            && let EntryContent::Video(entry) = &track.entry.content
        {
            read_sizes(cache, &entry.codec, entry.config, &index.entries, video)?;
        }
    }
    Ok(())
}

/// Checks that what is missing of a fragmented file is known, and that it is small enough for the library to read all of
/// it.
fn check_fragmented(
    movie: &Movie<'_>,
    indices: &[Index],
    declared: &Declared,
    facts: &MediaFacts,
) -> Result<(), Reason> {
    read_order::check(movie, indices)?;
    let has_no_rate = |(index, track): (&Index, &IsoTrack)| {
        track.is_media && track.durations.bit_rate.is_none() && !index.entries.is_empty()
    };
    if indices.iter().zip(&declared.tracks).any(has_no_rate) {
        return Err(Reason::Duration);
    }
    let has_samples = indices.iter().any(|index| !index.entries.is_empty());
    if has_samples && matches!(facts.completeness, Completeness::Missing { first_missing_s: None, .. }) {
        return Err(Reason::MissingData);
    }
    if facts.size_bytes > ALWAYS_WALK_BYTES { Err(Reason::TooLarge) } else { Ok(()) }
}

fn build_indices(movie: &Movie<'_>) -> Result<Vec<Index>, Reason> {
    let build = |track: &movie::Track<'_>| {
        if track.entry.protection().is_some() {
            return Err(Reason::Encrypted);
        }
        let kind = match &track.entry.content {
            EntryContent::Video(_) => Kind::Video,
            EntryContent::Audio(entry) if entry.frame_bytes > 0 => Kind::Pcm(entry.frame_bytes),
            EntryContent::Audio(_) => Kind::Audio,
            EntryContent::Other(..) => Kind::Other,
        };
        Index::build(track, kind, movie.scale)
    };
    movie.tracks.iter().map(build).collect()
}

/// Moves the start of AAC in the last track by the samples that the metadata say are skipped. An edit list sets the start by
/// itself.
fn skip_priming(movie: &Movie<'_>, fragmented: bool, indices: &mut [Index]) -> Result<(), Reason> {
    let (Some(priming), Some(track), Some(index)) =
        (movie.metadata.priming, movie.tracks.last(), indices.last_mut())
    else {
        return Ok(());
    };
    let EntryContent::Audio(entry) = &track.entry.content else { return Ok(()) };
    if entry.codec != Some(Codec::Aac) || !fragmented && !track.edits.is_empty() {
        return Ok(());
    }
    let rate = aac::declared(&entry.config).map(|config| config.sample_rate);
    if fragmented || rate != Some(track.scale) {
        return Err(Reason::Metadata);
    }
    let first = index.entries.first().map(|first| first.time + index.shift + first.offset);
    index.start = first.map(|first| first + i64::from(priming));
    Ok(())
}

/// Sets whether the file holds all samples of its index.
fn set_missing(movie: &Movie<'_>, indices: &[Index], facts: &mut MediaFacts) -> Result<(), Reason> {
    let mut missing: Option<f64> = None;
    for (track, index) in movie.tracks.iter().zip(indices) {
        let base = TimeBase { num: 1, den: track.scale as i32 };
        let is_beyond = |entry: &&index::Entry| entry.position + u64::from(entry.size) > facts.size_bytes;
        for entry in index.entries.iter().filter(is_beyond) {
            // The library makes room for a sample before it reads it.
            if u64::from(entry.size) > facts.size_bytes && entry.position < facts.size_bytes {
                return Err(Reason::SampleTables);
            }
            let at = base.seconds(entry.time).unwrap_or(0.0).max(0.0);
            missing = Some(missing.map_or(at, |first| first.min(at)));
        }
    }
    if let Some(at) = missing {
        facts.completeness = Completeness::Missing {
            first_missing_s: Some(at),
            reason: "the index lists frames beyond the end of the file".into(),
        };
    } else if facts.completeness == Completeness::Unknown {
        facts.completeness = Completeness::Whole;
    }
    Ok(())
}

/// Checks that the library decodes no stream whose configuration a decoder may refuse.
fn check_decoded(movie: &Movie<'_>, facts: &MediaFacts) -> Result<(), Reason> {
    let is_uncertain = |track: &movie::Track<'_>| match &track.entry.content {
        EntryContent::Video(entry) => !is_accepted(&entry.codec, entry.config),
        EntryContent::Audio(_) | EntryContent::Other(..) => false,
    };
    let is_uncertain = is_decoded(facts) && movie.tracks.iter().any(is_uncertain);
    if is_uncertain { Err(Reason::VideoConfiguration) } else { Ok(()) }
}

/// Returns whether the duration of a track is declared as unknown, so that the packets are measured.
fn declares_no_duration(declared: &Declared) -> bool {
    declared.tracks.iter().any(|track| track.durations.unknown)
}

/// Checks that the durations of packets are certain: all of a track are equal, and those of audio are what a decoder
/// makes of them.
fn check_durations(movie: &Movie<'_>, indices: &[Index]) -> Result<(), Reason> {
    let is_certain = |(track, index): (&movie::Track<'_>, &Index)| match &track.entry.content {
        EntryContent::Audio(entry) if entry.codec == Some(Codec::Aac) => {
            let ticks = u64::from(index.frame_ticks) * u64::from(entry.sample_rate);
            ticks == u64::from(AAC_SAMPLES) * u64::from(track.scale)
        }
        EntryContent::Audio(_) => false,
        EntryContent::Video(_) => index.frame_ticks > 0 && index.entries.len() > 2,
        EntryContent::Other(..) => true,
    };
    if movie.tracks.iter().zip(indices).all(is_certain) { Ok(()) } else { Err(Reason::Duration) }
}

/// Adds what the container declares about single streams.
fn finish(declared: &Declared, facts: &mut MediaFacts) -> Result<(), Reason> {
    if facts.fragmented != Some(true) && declares_no_duration(declared) {
        return Err(Reason::Duration);
    }
    forget_unknown_durations(declared, facts);
    set_encryption(declared, facts, |_| None);
    set_empty_tracks(declared, facts);
    set_empty_samples(declared, facts);
    set_fragment_rates(declared, facts);
    set_indexed_durations(declared, facts);
    set_playback(declared, facts);
    // A segment may have nothing but text.
    let has_only_text = !facts.other.is_empty() && facts.video.is_empty() && facts.audio.is_empty();
    if facts.fragmented == Some(true) && has_only_text { Ok(()) } else { check_streams(facts) }
}
