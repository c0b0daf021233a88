//! Reads the elements on the level of the segment, and the header of the file.

use super::super::cache::Cache;
use super::super::reason::{Reason, Stop};
use crate::probe::bytes::read_range;
use crate::probe::ebml::element;

/// Bytes of one element read into memory.
const MAX_CONTENT: u64 = 4 << 20;
/// Bytes of the id and the length of an element.
const MAX_HEAD: usize = 12;

/// An element on the level of the segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level1 {
    pub(super) id: u32,
    pub(super) content: u64,
    /// Where it ends; `None` for a cluster of unknown length.
    pub(super) end: Option<u64>,
}

/// Reads the header of an element.
pub(super) fn head_at(cache: &Cache<'_>, at: u64) -> Result<Level1, Stop> {
    let head = read_range(cache, at, MAX_HEAD)?;
    let (id, length, used) = element(&head).ok_or(Reason::Malformed)?;
    let content = at + used as u64;
    let end = match length {
        Some(length) => Some(content.checked_add(length).ok_or(Reason::Malformed)?),
        None => None,
    };
    Ok(Level1 { id, content, end })
}

/// Reads the content of an element.
pub(super) fn content(cache: &Cache<'_>, element: &Level1) -> Result<Vec<u8>, Stop> {
    let end = element.end.ok_or(Reason::Malformed)?;
    let length = end - element.content;
    if length > MAX_CONTENT {
        return Err(Reason::TooLarge.into());
    }
    let content = read_range(cache, element.content, length as usize)?;
    if content.len() as u64 == length { Ok(content) } else { Err(Reason::MissingData.into()) }
}
