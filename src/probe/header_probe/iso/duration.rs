//! The duration of a movie, as the library finds it.

use super::super::reason::Reason;
use super::fragments::rescale_signed;
use super::index::{Index, rescale};
use super::movie::Movie;
use super::sample_entry::EntryContent;
use crate::model::MediaFacts;

const MICROSECONDS: u32 = 1_000_000;

/// Returns the duration that the header declares, in microseconds.
pub(super) fn declared(movie: &Movie<'_>) -> Result<i64, Reason> {
    let duration = rescale(movie.duration, u64::from(MICROSECONDS), u64::from(movie.scale));
    duration.filter(|us| *us > 0).ok_or(Reason::Duration)
}

/// Returns the time from the earliest start to the latest end of the streams, or the longest duration, in microseconds:
/// a header does not know the fragments.
pub(super) fn of_streams(movie: &Movie<'_>, indices: &[Index]) -> Result<i64, Reason> {
    let (mut start, mut end, mut longest) = (i64::MAX, i64::MIN, i64::MIN);
    let mut others = Vec::new();
    for (track, index) in movie.tracks.iter().zip(indices) {
        let us = |ticks: i64| rescale_signed(ticks, MICROSECONDS, track.scale).ok_or(Reason::Duration);
        let duration = us(i64::try_from(index.duration).map_err(|_| Reason::Duration)?)?;
        if matches!(track.entry.content, EntryContent::Other(..)) {
            others.push((index.start.map(us).transpose()?, duration));
            continue;
        }
        let begin = us(index.start.ok_or(Reason::EmptyTrack)?)?;
        (start, end) = (start.min(begin), end.max(begin.checked_add(duration).ok_or(Reason::Duration)?));
        longest = longest.max(duration);
    }
    // Text counts where it begins earlier or lasts longer.
    let counts = |(begin, duration): &(Option<i64>, i64)| {
        *duration > longest
            || begin.is_some_and(|begin| begin < start || begin.saturating_add(*duration) > end)
    };
    if others.iter().any(counts) {
        return Err(Reason::Duration);
    }
    let span = end.checked_sub(start).ok_or(Reason::Duration)?;
    Some(longest.max(span)).filter(|us| *us > 0).ok_or(Reason::Duration)
}

/// Sets duration and overall bit rate, from whole microseconds.
pub(super) fn set(microseconds: i64, facts: &mut MediaFacts) {
    let unit = f64::from(MICROSECONDS);
    facts.duration_s = Some(microseconds as f64 / unit);
    let rate = facts.size_bytes as f64 * 8.0 * unit / microseconds as f64;
    facts.bit_rate = Some(rate as u64).filter(|&rate| rate > 0);
}
