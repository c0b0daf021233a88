//! Compares the durations that the headers of an ISO file declare with the durations of its samples.

use std::io;

use super::boxes::{BoxHeader, boxes, descendant, read_content};
use super::{edits, samples};
use crate::model::contradicts;
use crate::probe::bytes::Bytes;

/// A number of ticks in a time scale.
type Ticks = (u32, u64);

/// The declared durations of a track, and that of its samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TrackDurations {
    /// Whether the media header declares its duration as unknown: all bits are set (8.4.2.3).
    pub unknown: bool,
    /// The duration of the samples after the edit list, in seconds; `None` without sample tables.
    pub measured_s: Option<f64>,
    /// How much of that is a pause at the start, in seconds.
    pub delay_s: f64,
    /// Bits per second of all samples, if a declared duration is wrong or the samples are in fragments.
    pub bit_rate: Option<u64>,
    /// A declared duration in seconds that the samples contradict.
    pub contradicted_s: Option<f64>,
    /// Whether the sample tables exist and list no sample.
    pub empty: bool,
    /// Whether there are samples, and the edit list shows none of them.
    pub hidden: bool,
}

/// Returns the duration of a header in seconds; `None` when it is unknown.
pub(super) fn declared_s(content: &[u8]) -> Option<f64> {
    let (scale, duration) = edits::timescale(content)?;
    (!is_unknown(content, duration)).then(|| duration as f64 / f64::from(scale))
}

/// Returns the duration of a header in whole microseconds; `None` when it is zero or unknown.
fn declared_us(content: &[u8]) -> Option<i64> {
    let (scale, duration) =
        edits::timescale(content).filter(|(_, duration)| !is_unknown(content, *duration))?;
    let scale = u128::from(scale);
    let us = (u128::from(duration) * 1_000_000 + scale / 2).checked_div(scale)?;
    i64::try_from(us).ok().filter(|us| *us > 0)
}

fn is_unknown(content: &[u8], duration: u64) -> bool {
    duration == if content.first() == Some(&1) { u64::MAX } else { u64::from(u32::MAX) }
}

/// Reads the durations of a track of an unfragmented file, and only whether its duration is unknown in a
/// fragmented one.
pub(super) fn read<B: Bytes + ?Sized>(
    bytes: &B,
    trak: &BoxHeader,
    movie: Option<Ticks>,
    fragmented: bool,
) -> io::Result<TrackDurations> {
    let mut durations = TrackDurations::default();
    let Some(mdhd) = descendant(bytes, trak, &[b"mdia", b"mdhd"])? else { return Ok(durations) };
    let content = read_content(bytes, &mdhd)?;
    let Some((scale, declared)) = edits::timescale(&content) else { return Ok(durations) };
    durations.unknown = is_unknown(&content, declared);
    if fragmented {
        return Ok(durations);
    }
    let Some(table) = descendant(bytes, trak, &[b"mdia", b"minf", b"stbl"])? else { return Ok(durations) };
    let (Some(ticks), Some(sizes)) =
        (samples::total_duration(bytes, &table)?, samples::count(bytes, &table)?)
    else {
        return Ok(durations);
    };
    durations.empty = sizes == 0;
    if durations.empty {
        return Ok(durations);
    }
    let media_s = ticks as f64 / f64::from(scale);
    let first_offset = samples::first_offset(bytes, &table)?;
    let end = i64::try_from(ticks).unwrap_or(i64::MAX).saturating_add(first_offset);
    durations.hidden = edits::shows_nothing(bytes, trak, end)?;
    let movie_scale = movie.map(|(scale, _)| scale);
    let presented_s = edits::presented_s(bytes, trak, movie_scale, scale, ticks, first_offset)?;
    let Some(measured_s) = presented_s else { return Ok(durations) };
    durations.measured_s = Some(measured_s);
    durations.delay_s = edits::delay_s(bytes, trak, movie_scale)?;
    let media_header = (!durations.unknown).then(|| declared as f64 / f64::from(scale));
    let track_header = match descendant(bytes, trak, &[b"tkhd"])? {
        Some(tkhd) => track_header_s(&read_content(bytes, &tkhd)?, movie),
        None => None,
    };
    durations.contradicted_s = media_header
        .filter(|&declared| contradicts(declared, media_s))
        .or(track_header.filter(|&declared| contradicts(declared, measured_s)));
    if durations.contradicted_s.is_some() && media_s > 0.0 {
        let total = samples::total_bytes(bytes, &table)?;
        durations.bit_rate = total.map(|total| (total as f64 * 8.0 / media_s) as u64);
    }
    Ok(durations)
}

/// Returns the duration that a track header declares, in seconds.
fn track_header_s(content: &[u8], movie: Option<Ticks>) -> Option<f64> {
    let (scale, _) = movie?;
    let number = |at: usize, length: usize| {
        content.get(at..at + length).map(|bytes| bytes.iter().fold(0_u64, |sum, b| sum << 8 | u64::from(*b)))
    };
    let duration = if content.first() == Some(&1) { number(28, 8)? } else { number(20, 4)? };
    (!is_unknown(content, duration)).then(|| duration as f64 / f64::from(scale))
}

/// The durations of a movie.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MovieDurations {
    /// What the movie header declares, in microseconds; `None` where that is zero or unknown.
    pub declared_us: Option<i64>,
    /// The duration by the sample tables, in seconds.
    pub measured_s: Option<f64>,
    /// A declared duration in seconds that the samples contradict.
    pub contradicted_s: Option<f64>,
}

/// Compares the movie header with the longest track.
pub(super) fn movie<B: Bytes + ?Sized>(
    bytes: &B,
    moov: &BoxHeader,
    tracks: &[&TrackDurations],
) -> io::Result<MovieDurations> {
    let measured_s = tracks.iter().filter_map(|track| track.measured_s).reduce(f64::max);
    let inside = boxes(bytes, moov.content, moov.end.min(bytes.len()?))?;
    let header = match inside.iter().find(|found| &found.kind == b"mvhd") {
        Some(mvhd) => read_content(bytes, mvhd)?,
        None => Vec::new(),
    };
    let declared = declared_s(&header);
    let wrong_track = tracks.iter().find_map(|track| track.contradicted_s);
    let contradicted_s = measured_s
        .and_then(|measured| declared.filter(|&declared| contradicts(declared, measured)).or(wrong_track));
    Ok(MovieDurations { declared_us: declared_us(&header), measured_s, contradicted_s })
}
