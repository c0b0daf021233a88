//! The duration of a movie, as the library finds it.

use super::super::reason::Reason;
use super::index::{Index, rescale, rescale_signed};
use super::movie::Movie;
use super::sample_entry::EntryContent;

const MICROSECONDS: u32 = 1_000_000;

/// Returns the duration that the header declares, in microseconds.
pub(super) fn declared(movie: &Movie<'_>) -> Result<i64, Reason> {
    let duration = rescale(movie.duration, u64::from(MICROSECONDS), u64::from(movie.scale));
    duration.filter(|us| *us > 0).ok_or(Reason::Duration)
}

/// Returns the duration of a fragmented movie in microseconds, as its header does not know it: the time from the earliest
/// start to the latest end of the streams, or the longest duration. `None` if all are zero.
pub(super) fn of_streams(movie: &Movie<'_>, indices: &[Index]) -> Result<Option<i64>, Reason> {
    let (mut media, mut texts) = (Vec::new(), Vec::new());
    for (track, index) in movie.tracks.iter().zip(indices) {
        let us = |ticks: i64| rescale_signed(ticks, MICROSECONDS, track.scale).ok_or(Reason::Duration);
        let duration = us(i64::try_from(index.duration).map_err(|_| Reason::Duration)?)?;
        let part = Part { start: index.start.map(us).transpose()?, duration };
        let is_text = matches!(track.entry.content, EntryContent::Other(..));
        if is_text {
            texts.push(part)
        } else {
            media.push(part)
        };
    }
    let started = media.iter().filter(|part| part.start.is_some()).count();
    if movie.tracks.len() > 1 && indices.iter().all(|index| index.entries.is_empty()) {
        let text = texts.iter().copied().max_by_key(|text| text.duration);
        return longest(&media, text).map(|us| Some(us).filter(|us| *us > 0));
    }
    match (&media[..], &texts[..]) {
        // A stream without a start gets the duration of the file.
        ([only], []) | ([], [only]) if only.start.is_none_or(|start| start >= 0) => {
            Ok(Some(only.duration).filter(|us| *us > 0))
        }
        (_, []) if started == media.len() => span(&media, None).map(Some),
        (_, [text]) if started == media.len() && started > 0 => {
            // How far the library reads shows whether it knows the start of the text.
            let (known, unknown) =
                (span(&media, Some(*text))?, span(&media, Some(Part { start: None, ..*text }))?);
            let is_certain = known == unknown && text.duration == known;
            if is_certain { Ok(Some(known)) } else { Err(Reason::Duration) }
        }
        _ => Err(Reason::Duration),
    }
}

/// Start and duration of a stream in microseconds.
#[derive(Clone, Copy)]
struct Part {
    start: Option<i64>,
    duration: i64,
}

/// Returns the time that these streams take. A text counts where it exceeds them by less than a second.
fn span(media: &[Part], text: Option<Part>) -> Result<i64, Reason> {
    let starts = media.iter().filter_map(|part| part.start);
    let ends = media.iter().filter_map(|part| part.start?.checked_add(part.duration));
    let (mut start, mut end, longest) = (starts.min(), ends.max(), longest(media, text)?);
    if let Some(text) = text {
        let text_end = text.start.and_then(|start| start.checked_add(text.duration));
        start = start.map(|start| text.start.filter(|text| is_near(*text, start)).unwrap_or(start));
        end = end.map(|end| text_end.filter(|text| is_near(end, *text)).unwrap_or(end));
    }
    let span = end.zip(start).and_then(|(end, start)| end.checked_sub(start)).ok_or(Reason::Duration)?;
    Some(longest.max(span)).filter(|us| *us > 0).ok_or(Reason::Duration)
}

/// Returns the longest duration. That of a text counts where it exceeds the others by less than a second.
fn longest(media: &[Part], text: Option<Part>) -> Result<i64, Reason> {
    let longest = media.iter().map(|part| part.duration).max();
    let text = text.map(|text| text.duration);
    match (longest, text) {
        (Some(longest), Some(text)) if is_near(longest, text) => Ok(text),
        (Some(longest), _) => Ok(longest),
        (None, text) => text.ok_or(Reason::EmptyTrack),
    }
}

fn is_near(less: i64, more: i64) -> bool {
    less < more && more - less < i64::from(MICROSECONDS)
}

/// Lets streams without a start last as long as the movie, as the library does, after setting the bit rates that the
/// library does not compute without a duration.
pub(super) fn fill(
    movie: &Movie<'_>,
    microseconds: Option<i64>,
    indices: &mut [Index],
) -> Result<(), Reason> {
    for (track, index) in movie.tracks.iter().zip(&mut *indices) {
        if let EntryContent::Audio(entry) = &track.entry.content
            && index.entries.is_empty()
        {
            index.bit_rate = Some(u64::from(entry.bit_rate)).filter(|rate| *rate > 0);
            // Versions of the library before 7 take the rate for zero.
            if index.bit_rate.is_some() && index.duration > 0 {
                return Err(Reason::Duration);
            }
        }
    }
    let Some(us) = microseconds.filter(|_| indices.iter().all(|index| index.entries.is_empty())) else {
        return Ok(());
    };
    for (track, index) in movie.tracks.iter().zip(indices) {
        let ticks = rescale_signed(us, track.scale, MICROSECONDS);
        index.duration = ticks.and_then(|ticks| u64::try_from(ticks).ok()).ok_or(Reason::Duration)?;
    }
    Ok(())
}
