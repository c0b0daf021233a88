//! Settles what becomes of a file without a cluster: the library looks for one bytewise, also where an id is only a value.

use super::super::cache::Cache;
use super::super::reason::{Reason, Stop};
use super::level_1::{Level1, content, head_at};
use super::master::Master;
use super::{blocks, ids};
use crate::probe::bytes::{Bytes, read_range};
use crate::probe::ebml::element;
use crate::probe::headers::{self, INVALID_DATA};

/// Bytes of a file that is searched.
const MAX_SEARCHED: u64 = 4 << 20;
/// Bytes of a header that the library compares with its formats.
const MAX_HEADER: usize = 1024;
/// The text of the library's error at the end of a file.
const END_OF_FILE: &str = "End of file";

/// Returns whether the library takes a file with this header for Matroska, whatever else it contains.
fn is_recognized(header: &[u8]) -> bool {
    let names: [&[u8]; 2] = [b"matroska", b"webm"];
    header.len() <= MAX_HEADER
        && names.iter().any(|name| header.windows(name.len()).any(|part| part == *name))
}

/// Checks that the elements of the header of a file are intact, without which the library does not open the file.
pub(super) fn check_header(header: &[u8]) -> Result<(), Stop> {
    match Master::read(header) {
        Err(_) if is_recognized(header) => Err(Stop::Refused(INVALID_DATA)),
        result => Ok(result.map(|_| ())?),
    }
}

/// Returns whether the file ends behind the elements before the first cluster, and the library opens it without reading a
/// packet: it takes the id of a cluster in the seek head for one, and then finds nothing.
pub(super) fn is_opened(cache: &Cache<'_>, segment: &Level1) -> Result<bool, Stop> {
    let Some(bytes) = searched(cache, segment)? else { return Ok(false) };
    let found = level_1_ids(&bytes);
    let [(0, ids::SEEK_HEAD), (at, ids::CLUSTER), rest @ ..] = &found[..] else { return Ok(false) };
    let is_alone = rest.iter().all(|(_, id)| *id != ids::CLUSTER);
    let head = element(&bytes).map(|(_, length, used)| (length.unwrap_or(u64::MAX), used as u64));
    let is_inside = head.is_some_and(|(length, used)| used.saturating_add(length) > *at as u64);
    Ok(is_alone && is_inside && is_dead(&bytes[*at..]))
}

/// Returns whether the library finds the first element in a cluster invalid.
fn is_dead(cluster: &[u8]) -> bool {
    let Some((_, Some(length), used)) = element(cluster) else { return false };
    match element(&cluster[used.min(cluster.len())..]) {
        Some((_, Some(inner), head)) => inner.saturating_add(head as u64) > length,
        _ => false,
    }
}

/// Returns the error with which the library does not open a file without the id of a cluster.
pub(super) fn open_error(cache: &Cache<'_>) -> Result<Option<Stop>, Stop> {
    let header = head_at(cache, 0)?;
    if !is_recognized(&content(cache, &header)?) {
        return Ok(None);
    }
    let segment = head_at(cache, header.end.ok_or(Reason::Malformed)?)?;
    let Some(bytes) = searched(cache, &segment)? else { return Ok(None) };
    let found = level_1_ids(&bytes);
    if segment.id != ids::SEGMENT || found.iter().any(|(_, id)| *id == ids::CLUSTER) {
        return Ok(None);
    }
    // Otherwise the declarations of the file must say what is wrong.
    let is_end = elements(&bytes).is_some_and(|elements| elements == found);
    let is_known = is_end || headers::read(cache)?.open_error().is_some();
    Ok(is_known.then_some(Stop::Refused(END_OF_FILE)))
}

/// Returns the content of a segment; `None` if it is too long.
fn searched(cache: &Cache<'_>, segment: &Level1) -> Result<Option<Vec<u8>>, Stop> {
    let length = cache.len()?.saturating_sub(segment.content);
    Ok(if length > MAX_SEARCHED { None } else { Some(read_range(cache, segment.content, length as usize)?) })
}

/// Returns the positions of what looks like the id of an element of a segment.
fn level_1_ids(bytes: &[u8]) -> Vec<(usize, u32)> {
    let ids = bytes.windows(4).map(|id| id.iter().fold(0, |id, byte| id << 8 | u32::from(*byte)));
    (0..).zip(ids).filter(|(_, id)| blocks::is_level_1(*id)).collect()
}

/// Returns the positions and ids of the elements that fill a segment, except padding; `None` if they do not.
fn elements(bytes: &[u8]) -> Option<Vec<(usize, u32)>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let (id, length, used) = element(&bytes[at..])?;
        if blocks::is_level_1(id) {
            found.push((at, id));
        } else if !matches!(id, ids::VOID | ids::CRC) {
            return None;
        }
        at = at.checked_add(used)?.checked_add(usize::try_from(length?).ok()?)?;
    }
    (at == bytes.len()).then_some(found)
}
