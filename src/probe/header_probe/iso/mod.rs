//! Settles the facts of ISO base media files (ISO/IEC 14496-12) and QuickTime movies.

mod boxes;
mod descriptors;
mod index;
mod key_frames;
mod language;
mod metadata;
mod movie;
mod sample_entry;
mod streams;
mod tables;
mod top_level;
mod uuid;
mod walk;

use self::index::{Index, Kind, rescale};
use self::movie::Movie;
use self::sample_entry::EntryContent;
use super::cache::{ALWAYS_WALK_BYTES, Cache};
use super::reason::{Reason, Stop};
use super::stream_count::check_streams;
use crate::model::{Completeness, Container, MediaFacts, OtherKind, OtherStream};
use crate::probe::bytes::Bytes;
use crate::probe::declared_facts::{
    forget_unknown_durations, set_empty_samples, set_empty_tracks, set_encryption, set_indexed_durations,
    set_playback,
};
use crate::probe::headers::{self, Declared};
use crate::probe::timing::TimeBase;
use key_frames::read_sizes;
use streams::add_stream;
use top_level::read_movie;
use walk::walk_samples;

const MICROSECONDS: u64 = 1_000_000;

/// Returns the facts of a file that begins with `ftyp`.
pub(super) fn settle(cache: &Cache<'_>) -> Result<MediaFacts, Stop> {
    let file = read_movie(cache)?;
    let movie = movie::read(&file.moov, file.isom)?;
    let declared = headers::read(cache)?;
    let mut facts = MediaFacts {
        container: Some(headers::container(Container::Mov, &declared)),
        major_brand: declared.major_brand.clone(),
        size_bytes: cache.len()?,
        fast_start: declared.fast_start,
        fragmented: declared.fragmented,
        completeness: declared.completeness.clone(),
        second_recording_byte: declared.second_recording_byte,
        chapters: movie.metadata.chapters,
        privacy: movie.metadata.privacy.clone(),
        ..MediaFacts::default()
    };
    set_duration(&movie, &mut facts)?;
    let indices = build_indices(&movie)?;
    set_missing(&movie, &indices, &mut facts)?;
    let mut timed = true;
    for ((track, index), position) in movie.tracks.iter().zip(&indices).zip(0..) {
        timed &= add_stream(cache, track, index, position, &declared, &mut facts)?;
    }
    for (codec, index) in movie.metadata.covers.iter().zip(movie.tracks.len() as u32..) {
        let codec = Some(codec.to_string());
        let cover = OtherStream { index, kind: OtherKind::CoverArt, codec, language: None, duration_s: None };
        facts.other.push(cover);
    }
    if timed {
        read_key_frame_sizes(cache, &movie, &indices, &mut facts)?;
    } else if facts.size_bytes <= ALWAYS_WALK_BYTES {
        if matches!(facts.completeness, Completeness::Missing { .. }) {
            return Err(Reason::MissingData.into());
        }
        walk_samples(cache, &movie.tracks, &indices, &mut facts)?;
    }
    finish(&declared, &mut facts)?;
    Ok(facts)
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

/// Sets duration and overall bit rate like the library, from whole microseconds.
fn set_duration(movie: &Movie<'_>, facts: &mut MediaFacts) -> Result<(), Reason> {
    let duration = rescale(movie.duration, MICROSECONDS, u64::from(movie.scale)).filter(|us| *us > 0);
    let microseconds = duration.ok_or(Reason::Duration)? as f64;
    facts.duration_s = Some(microseconds / MICROSECONDS as f64);
    let rate = facts.size_bytes as f64 * 8.0 * MICROSECONDS as f64 / microseconds;
    facts.bit_rate = Some(rate as u64).filter(|&rate| rate > 0);
    Ok(())
}

fn build_indices(movie: &Movie<'_>) -> Result<Vec<Index>, Reason> {
    let build = |track: &movie::Track<'_>| {
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

/// Sets whether the file holds all samples of its index.
fn set_missing(movie: &Movie<'_>, indices: &[Index], facts: &mut MediaFacts) -> Result<(), Reason> {
    let mut missing: Option<f64> = None;
    for (track, index) in movie.tracks.iter().zip(indices) {
        let base = TimeBase { num: 1, den: track.scale as i32 };
        let is_beyond = |entry: &&index::Entry| entry.position + u64::from(entry.size) > facts.size_bytes;
        for entry in index.entries.iter().filter(is_beyond) {
            // The library makes room for a sample before it reads it.
            if u64::from(entry.size) > facts.size_bytes {
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

/// Adds what the container declares about single streams.
fn finish(declared: &Declared, facts: &mut MediaFacts) -> Result<(), Reason> {
    if declared.tracks.iter().any(|track| track.durations.unknown) {
        return Err(Reason::Duration);
    }
    forget_unknown_durations(declared, facts);
    set_encryption(declared, facts, |_| None);
    set_empty_tracks(declared, facts);
    set_empty_samples(declared, facts);
    set_indexed_durations(declared, facts);
    set_playback(declared, facts);
    check_streams(facts)
}
