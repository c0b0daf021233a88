//! Finds the movie among the boxes of a file, with few reads.

use super::super::cache::{BLOCK, Cache};
use super::super::reason::{Reason, Stop};
use super::uuid;
use crate::probe::bytes::{Bytes, read_range};
use crate::probe::isobmff::{BoxHeader, boxes};

/// The largest movie box read into memory, in bytes: hours of video.
const MAX_MOVIE: u64 = 32 << 20;
const QUICKTIME: &[u8] = b"qt  ";

/// The movie of a file.
pub(super) struct MovieBox {
    /// The content of `moov`.
    pub(super) moov: Vec<u8>,
    /// Whether the file is no QuickTime movie.
    pub(super) isom: bool,
    /// The boxes of the file.
    pub(super) top: Vec<BoxHeader>,
}

/// Reads the movie of a file that begins with `ftyp`.
pub(super) fn read_movie(cache: &Cache<'_>) -> Result<MovieBox, Stop> {
    let size = cache.len()?;
    // A movie near the start is read at once, with what follows it.
    let near = boxes(cache, 0, size.min(BLOCK as u64))?;
    if let Some(moov) = near.iter().find(|found| &found.kind == b"moov") {
        preload(cache, moov, BLOCK)?;
    }
    let top = boxes(cache, 0, size)?;
    check_order(cache, &top, size)?;
    let mut movies = top.iter().filter(|found| &found.kind == b"moov");
    let moov = movies.next().ok_or(Reason::MissingIndex)?;
    if moov.end > size || movies.next().is_some() {
        return Err(Reason::Malformed.into());
    }
    let length = preload(cache, moov, 0)?;
    let content = read_range(cache, moov.content, length)?;
    let ftyp = top.first().ok_or(Reason::Malformed)?;
    let brand = read_range(cache, ftyp.content, 4)?;
    Ok(MovieBox { moov: content, isom: brand != QUICKTIME, top })
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
