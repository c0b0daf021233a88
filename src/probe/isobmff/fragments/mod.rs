//! Compares the end of a fragmented file with its declared end (ISO/IEC 14496-12, 8.8 and 8.16).
//!
//! Only the last few fragments are read; `sidx`, `mfra` and `mehd` declare the sizes and times of the
//! others.

mod indices;
mod movie;
mod runs;
#[cfg(test)]
mod tests;

use std::io;

use super::boxes::{BoxHeader, boxes, descendant, read_content};
use super::durations::{self, MovieDurations};
use crate::model::{Completeness, contradicts};
use crate::probe::bytes::Bytes;
use indices::{missing_random_access_point, missing_segment};
use movie::movie;
pub(super) use movie::track_id;
use runs::{FragmentEnds, whole_fragments};
pub(super) use runs::{counted_samples, start_times};

/// Fragments read at the end: audio and video may be in separate fragments.
const LAST_FRAGMENTS: usize = 8;
/// How much shorter the fragments may be than the duration in `mehd`, in seconds: tracks differ by a frame
/// or two.
const SLACK_S: f64 = 0.25;

/// Compares the fragments with the declared end: `Whole` only when something declares an end.
pub(super) fn read<B: Bytes + ?Sized>(bytes: &B, top: &[BoxHeader], size: u64) -> io::Result<Completeness> {
    let moov = top.iter().find(|found| &found.kind == b"moov");
    let (tracks, declared) = match moov {
        Some(moov) => movie(bytes, moov, size)?,
        None => Default::default(),
    };
    let fragments = whole_fragments(top, size);
    let ends = FragmentEnds::read(bytes, last(&fragments), size, &tracks)?;
    let missing = |at: Option<f64>, reason: &str| {
        Ok(Completeness::Missing { first_missing_s: at, reason: reason.to_owned() })
    };
    if let Some(at) = ends.first_missing_s {
        return missing(Some(at), "the last fragment lists frames beyond the end of the file");
    }
    let first_end = ends.by_track.values().copied().reduce(f64::min);
    if top.last().is_some_and(|last| last.end > size) {
        return missing(first_end, "the last box is truncated");
    }
    let mut declares = false;
    // An index behind the last fragment shows that none is missing there. One in front may be that of a segment.
    let mut lists_end = false;
    for index in top.iter().filter(|found| &found.kind == b"sidx") {
        match missing_segment(&read_content(bytes, index)?, index.end, size) {
            Some(Some(at)) => {
                return missing(Some(at), "the index `sidx` lists segments beyond the end of the file");
            }
            listed => declares |= listed.is_some(),
        }
    }
    if let Some(mfra) = top.iter().find(|found| &found.kind == b"mfra") {
        declares = true;
        if let Some(at) = missing_random_access_point(bytes, mfra, &fragments, &tracks)? {
            return missing(Some(at), "the index `mfra` lists fragments that do not exist");
        }
        lists_end |= fragments.last().is_some_and(|last| last.end <= mfra.start);
    }
    let last_end = ends.last_s();
    let headers = match moov {
        Some(moov) => header_durations(bytes, moov, size)?,
        None => Vec::new(),
    };
    // Another header with the duration of the fragments shows which one lies.
    lists_end |= last_end.is_some_and(|end| headers.iter().any(|header| (header - end).abs() <= SLACK_S));
    if let Some((declared, end)) = declared.zip(last_end) {
        if end + SLACK_S < declared && !lists_end {
            let reason = format!("the declared duration is {declared:.3} s, the fragments end at {end:.3} s");
            return missing(Some(end), &reason);
        }
        declares = true;
    }
    Ok(if declares { Completeness::Whole } else { Completeness::Unknown })
}

/// Returns the declared duration and that of the fragments, if they contradict each other. A declared duration that is
/// too long is missing data unless the file is `complete`.
pub(super) fn durations<B: Bytes + ?Sized>(
    bytes: &B,
    top: &[BoxHeader],
    size: u64,
    complete: bool,
) -> io::Result<MovieDurations> {
    let Some(moov) = top.iter().find(|found| &found.kind == b"moov") else { return Ok(Default::default()) };
    let (tracks, declared) = movie(bytes, moov, size)?;
    // Other headers should hold zero, or the same. Their lies do not mean that data is missing.
    let others = if complete { header_durations(bytes, moov, size)? } else { Vec::new() };
    let fragments = whole_fragments(top, size);
    let first = FragmentEnds::read(bytes, fragments.iter().take(LAST_FRAGMENTS), size, &tracks)?;
    let start_s = first.start_s.unwrap_or(0.0);
    let last = FragmentEnds::read(bytes, last(&fragments), size, &tracks)?;
    // A part of a longer video keeps its clock; either meaning of the declared duration is right.
    let Some(end_s) = last.last_s() else { return Ok(Default::default()) };
    let is_wrong = |declared_s: &f64| {
        (complete || end_s - start_s > *declared_s)
            && contradicts(*declared_s, end_s)
            && contradicts(*declared_s, end_s - start_s)
    };
    // Other headers may only count the samples that the movie itself lists.
    let longer = others.into_iter().filter(|other| *other > end_s);
    Ok(match declared.into_iter().chain(longer).find(is_wrong) {
        Some(declared_s) => MovieDurations {
            measured_s: Some(end_s - start_s),
            contradicted_s: Some(declared_s),
            ..MovieDurations::default()
        },
        None => MovieDurations::default(),
    })
}

/// Returns the durations above zero that the headers of the movie and of its tracks' media declare, in seconds.
fn header_durations<B: Bytes + ?Sized>(bytes: &B, moov: &BoxHeader, size: u64) -> io::Result<Vec<f64>> {
    let mut durations = Vec::new();
    let mut add = |content: &[u8]| {
        durations.extend(durations::declared_s(content).filter(|declared| *declared > 0.0));
    };
    let inside = boxes(bytes, moov.content, moov.end.min(size))?;
    if let Some(mvhd) = inside.iter().find(|found| &found.kind == b"mvhd") {
        add(&read_content(bytes, mvhd)?);
    }
    for trak in inside.iter().filter(|found| &found.kind == b"trak") {
        if let Some(mdhd) = descendant(bytes, trak, &[b"mdia", b"mdhd"])? {
            add(&read_content(bytes, &mdhd)?);
        }
    }
    Ok(durations)
}

fn last<'a, 'b>(fragments: &'a [&'b BoxHeader]) -> &'a [&'b BoxHeader] {
    &fragments[fragments.len().saturating_sub(LAST_FRAGMENTS)..]
}
