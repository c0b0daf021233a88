//! Finds another recording behind the first: files that were joined as bytes.

use std::collections::BTreeMap;
use std::io;

use super::super::bytes::Bytes;
use super::boxes::{BoxHeader, boxes, read_content};
use super::fragments;
use super::track::handler;

/// Returns where a second recording begins that players do not show.
///
/// A second `moov` without a `ftyp` of its own may be a copy of the first, kept as a backup. Packagers of live videos
/// repeat the header before later fragments; then the clock of the fragments continues.
pub(super) fn second_recording<B: Bytes + ?Sized>(bytes: &B, top: &[BoxHeader]) -> io::Result<Option<u64>> {
    let mut movies = top.iter().enumerate().filter(|(_, found)| &found.kind == b"moov");
    let Some((first, first_movie)) = movies.next() else { return Ok(None) };
    let inside = boxes(bytes, first_movie.content, first_movie.end)?;
    let fragmented = inside.iter().any(|found| &found.kind == b"mvex");
    let original = read_content(bytes, first_movie)?;
    let mut before = first;
    for (at, movie) in movies {
        let between = top.get(before + 1..at).unwrap_or_default();
        let header = between.iter().rev().find(|found| &found.kind == b"ftyp");
        before = at;
        let is_other = header.is_some() || read_content(bytes, movie)? != original;
        if !is_other || !has_media(bytes, movie)? {
            continue;
        }
        if !fragmented || starts_over(bytes, top, at)? {
            return Ok(Some(header.unwrap_or(movie).start));
        }
    }
    Ok(None)
}

/// Returns whether a movie has a video or audio track.
fn has_media<B: Bytes + ?Sized>(bytes: &B, movie: &BoxHeader) -> io::Result<bool> {
    for trak in boxes(bytes, movie.content, movie.end)?.iter().filter(|found| &found.kind == b"trak") {
        if handler(bytes, trak)?.is_some_and(|kind| matches!(&kind, b"vide" | b"soun")) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns whether the first fragment after the box number `at` begins no later than the last before it, or is not
/// there because that part has no fragments.
fn starts_over<B: Bytes + ?Sized>(bytes: &B, top: &[BoxHeader], at: usize) -> io::Result<bool> {
    let is_fragment = |found: &&BoxHeader| &found.kind == b"moof";
    let last = top.get(..at).unwrap_or_default().iter().rev().find(is_fragment);
    let next = top.get(at..).unwrap_or_default().iter().find(is_fragment);
    let Some(last) = last else { return Ok(false) };
    let Some(next) = next else { return Ok(true) };
    let times: BTreeMap<u32, u64> = fragments::start_times(bytes, last)?;
    let later = fragments::start_times(bytes, next)?;
    Ok(later.iter().any(|(id, time)| times.get(id).is_some_and(|before| time <= before)))
}
