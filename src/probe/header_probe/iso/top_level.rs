//! Finds the movie among the boxes of a file, with few reads.

use std::io;

use super::super::cache::{BLOCK, Cache};
use super::super::reason::{Reason, Stop};
use super::boxes::READ_BY_LIBRARY;
use super::cut_movie::ends_in_table;
use super::uuid;
use crate::probe::bytes::{Bytes, read_range};
use crate::probe::headers;
use crate::probe::isobmff::{BoxHeader, boxes};

/// The largest movie box read into memory, in bytes: hours of video.
const MAX_MOVIE: u64 = 32 << 20;
const QUICKTIME: &[u8] = b"qt  ";
/// Bytes that the library reads first to recognize a format.
const PROBED: u64 = 2048;
/// Brands of still images, which have readers of their own.
const IMAGE_BRANDS: [&[u8]; 3] = [b"jp2 ", b"jpx ", b"jxl "];
/// Boxes in which the library finds a movie, or an image without one.
const MOVIES: [&[u8]; 4] = [b"moov", b"cmov", b"mvhd", b"iloc"];
/// The largest box that is searched for a movie, in bytes.
const MAX_SEARCHED: u64 = 4 << 20;
/// The largest number of boxes that are searched; more may follow those that were read.
const MAX_SEARCHED_BOXES: usize = 4096;

/// The movie of a file.
pub(super) struct MovieBox {
    /// The content of `moov`.
    pub(super) moov: Vec<u8>,
    /// Whether the file is no QuickTime movie.
    pub(super) isom: bool,
    /// The boxes of the file.
    pub(super) top: Vec<BoxHeader>,
}

/// Returns whether the library takes a file without `ftyp` in front for an ISO file, and for nothing else: one of its usual
/// boxes is among those at the very beginning.
pub(super) fn is_recognized(cache: &Cache<'_>) -> io::Result<bool> {
    let top = boxes(cache, 0, cache.len()?.min(PROBED))?;
    let is_usual = |found: &BoxHeader| matches!(&found.kind, b"ftyp" | b"moov" | b"mdat" | b"udta" | b"pnot");
    Ok(top.iter().any(|found| found.start + 16 <= PROBED && is_usual(found)))
}

/// Reads the movie of a file.
pub(super) fn read_movie(cache: &Cache<'_>) -> Result<MovieBox, Stop> {
    let size = cache.len()?;
    // A movie near the start is read at once, with what follows it.
    let near = boxes(cache, 0, size.min(BLOCK as u64))?;
    if let Some(moov) = near.iter().find(|found| &found.kind == b"moov") {
        preload(cache, moov, BLOCK)?;
    }
    let top = boxes(cache, 0, size)?;
    let mut movies = top.iter().filter(|found| &found.kind == b"moov");
    let Some(moov) = movies.next() else { return Err(without_movie(cache, &top)?) };
    check_order(cache, &top, size)?;
    if movies.next().is_some() {
        return Err(Reason::Malformed.into());
    }
    if moov.end > size {
        return Err(with_cut_movie(cache, moov)?);
    }
    let length = preload(cache, moov, 0)?;
    let content = read_range(cache, moov.content, length)?;
    let isom = match top.first().filter(|first| &first.kind == b"ftyp") {
        Some(ftyp) => read_range(cache, ftyp.content, 4)? != QUICKTIME,
        None => false,
    };
    Ok(MovieBox { moov: content, isom, top })
}

/// Returns what becomes of a file without a movie: the library cannot open it, unless it finds one inside other boxes.
fn without_movie(cache: &Cache<'_>, top: &[BoxHeader]) -> Result<Stop, Stop> {
    let size = cache.len()?;
    if top.len() > MAX_SEARCHED_BOXES {
        return Err(Reason::TooLarge.into());
    }
    for found in top {
        let length = found.end.min(size).saturating_sub(found.content);
        let is_searched = match &found.kind {
            b"mdat" | b"uuid" => false,
            b"ftyp" => IMAGE_BRANDS.contains(&&read_range(cache, found.content, 4)?[..]),
            b"moof" | b"sidx" | b"mfra" | b"free" | b"skip" | b"wide" => true,
            kind if READ_BY_LIBRARY.contains(&kind) => return Err(Reason::MissingIndex.into()),
            _ => false,
        };
        if !is_searched {
            continue;
        }
        if length > MAX_SEARCHED || &found.kind == b"ftyp" {
            return Err(Reason::MissingIndex.into());
        }
        let content = read_range(cache, found.content, length as usize)?;
        if content.windows(4).any(|kind| MOVIES.contains(&kind)) {
            return Err(Reason::MissingIndex.into());
        }
    }
    let error = headers::read(cache)?.open_error();
    Ok(error.map_or(Reason::MissingIndex.into(), Stop::CannotOpen))
}

/// Returns what becomes of a file that ends inside its movie.
fn with_cut_movie(cache: &Cache<'_>, moov: &BoxHeader) -> Result<Stop, Stop> {
    let length = cache.len()?.saturating_sub(moov.content);
    if length > MAX_MOVIE {
        return Err(Reason::TooLarge.into());
    }
    let content = read_range(cache, moov.content, length as usize)?;
    if !ends_in_table(&content, moov.end - moov.content) {
        return Err(Reason::Malformed.into());
    }
    let error = headers::read(cache)?.open_error();
    Ok(error.map_or(Reason::Malformed.into(), Stop::CannotOpen))
}

/// Reads a movie box and `more` bytes behind it as one block. Returns the length of its content.
fn preload(cache: &Cache<'_>, moov: &BoxHeader, more: usize) -> Result<usize, Stop> {
    let length = moov.end.min(cache.len()?).saturating_sub(moov.start);
    if length > MAX_MOVIE {
        return Err(Reason::TooLarge.into());
    }
    cache.preload(moov.start, length as usize + more)?;
    Ok((moov.start + length - moov.content) as usize)
}

/// Checks that the boxes fill the file, and that only usual ones are among them.
fn check_order(cache: &Cache<'_>, top: &[BoxHeader], size: u64) -> Result<(), Stop> {
    let end = top.last().map_or(0, |last| last.end);
    if size.saturating_sub(end) >= 8 {
        return Err(Reason::Malformed.into());
    }
    for (number, found) in top.iter().enumerate() {
        let length = found.end - found.content;
        let is_usual = match &found.kind {
            b"ftyp" => number == 0 && length >= 8 && found.end <= size,
            b"moov" | b"mdat" | b"free" | b"skip" => true,
            b"wide" => length == 0,
            b"moof" | b"sidx" | b"mfra" | b"styp" | b"emsg" | b"ssix" | b"prft" => true,
            b"uuid" => {
                uuid::check(&read_range(cache, found.content, 16)?)?;
                true
            }
            _ => false,
        };
        if !is_usual {
            return Err(Reason::RareElement.into());
        }
    }
    Ok(())
}
