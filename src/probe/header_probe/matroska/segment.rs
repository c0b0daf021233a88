//! Finds the elements of a segment, with few reads: those before the first cluster, and those that the seek head names.

use super::super::cache::Cache;
use super::super::reason::{Reason, Stop};
use super::level_1::{Level1, content, head_at};
use super::master::Master;
use super::{ids, without_cluster};
use crate::probe::bytes::Bytes;
use crate::probe::ebml::unsigned;

/// Elements before the first cluster.
const MAX_ELEMENTS: usize = 64;
const EBML_VERSION: u32 = 0x4286;
const EBML_READ_VERSION: u32 = 0x42f7;
const EBML_MAX_ID: u32 = 0x42f2;
const EBML_MAX_SIZE: u32 = 0x42f3;
const DOC_TYPE: u32 = 0x4282;
const DOC_TYPE_READ_VERSION: u32 = 0x4285;
/// The highest version of Matroska that the library reads.
const MAX_DOC_TYPE_VERSION: u64 = 3;

/// The first segment of a file.
#[derive(Debug, Default)]
pub(super) struct Segment {
    pub(super) info: Vec<u8>,
    pub(super) tracks: Vec<u8>,
    pub(super) tags: Vec<Vec<u8>>,
    pub(super) chapters: Vec<u8>,
    pub(super) attachments: Vec<u8>,
    /// Where the first cluster begins.
    pub(super) first_cluster: u64,
    /// Where the segment ends in the file.
    pub(super) end: u64,
    /// Whether the file ends before the segment does.
    pub(super) truncated: bool,
    /// Whether the length of the segment is unknown, so that it ends with the file.
    pub(super) open: bool,
}

impl Segment {
    /// Reads the elements of the first segment.
    pub(super) fn read(cache: &Cache<'_>) -> Result<Segment, Stop> {
        let size = cache.len()?;
        let header = head_at(cache, 0)?;
        let header_content = content(cache, &header)?;
        without_cluster::check_header(&header_content)?;
        check_header(&header_content)?;
        let segment = head_at(cache, header.end.ok_or(Reason::Malformed)?)?;
        if segment.id != ids::SEGMENT {
            return Err(Reason::Malformed.into());
        }
        let end = segment.end.unwrap_or(size);
        if end < size {
            return Err(Reason::RareElement.into());
        }
        let mut found =
            Segment { end: size, truncated: end > size, open: segment.end.is_none(), ..Segment::default() };
        let (mut at, mut known, mut seeks) = (segment.content, Vec::new(), Vec::new());
        while found.first_cluster == 0 {
            let element = head_at(cache, at)?;
            if element.id == ids::CLUSTER {
                found.first_cluster = at;
                break;
            }
            if known.len() == MAX_ELEMENTS {
                return Err(Reason::TooLarge.into());
            }
            known.push((element.id, at));
            if element.id == ids::SEEK_HEAD {
                seeks.extend(seek_entries(&content(cache, &element)?)?);
            }
            found.add(cache, &element)?;
            at = element.end.ok_or(Reason::MissingIndex)?;
            if at == size && found.truncated && without_cluster::is_opened(cache, &segment)? {
                found.first_cluster = size;
            } else if at >= size {
                return Err(Reason::MissingIndex.into());
            }
        }
        for (id, position) in seeks {
            let at = segment.content.checked_add(position).ok_or(Reason::Malformed)?;
            // The library reads one element of each kind, except tags.
            let is_known = |known: &(u32, u64)| known.0 == id && (id != ids::TAGS || known.1 == at);
            if known.iter().any(is_known) || id == ids::CUES || id == ids::CLUSTER {
                continue;
            }
            known.push((id, at));
            // Where nothing is, it stops.
            if found.truncated && at >= size {
                break;
            }
            let element = head_at(cache, at)?;
            if element.id != id || id == ids::SEEK_HEAD || at < found.first_cluster {
                return Err(Reason::Malformed.into());
            }
            found.add(cache, &element)?;
        }
        Ok(found)
    }

    /// Keeps what an element contains.
    fn add(&mut self, cache: &Cache<'_>, element: &Level1) -> Result<(), Stop> {
        let slot = match element.id {
            ids::INFO => &mut self.info,
            ids::TRACKS => &mut self.tracks,
            ids::CHAPTERS => &mut self.chapters,
            ids::ATTACHMENTS => &mut self.attachments,
            ids::TAGS => {
                self.tags.push(content(cache, element)?);
                return Ok(());
            }
            ids::CUES => return Ok(check_cues(&content(cache, element)?)?),
            ids::SEEK_HEAD | ids::VOID | ids::CRC => return Ok(()),
            _ => return Err(Reason::RareElement.into()),
        };
        if !slot.is_empty() {
            return Err(Reason::Malformed.into());
        }
        *slot = content(cache, element)?;
        Ok(())
    }
}

/// Checks the header of the file, which the library compares with what it can read.
fn check_header(content: &[u8]) -> Result<(), Reason> {
    let header = Master::read(content)?;
    let is_readable = header.number(EBML_VERSION, 1)? <= 1
        && header.number(EBML_READ_VERSION, 1)? <= 1
        && (1..=4).contains(&header.number(EBML_MAX_ID, 4)?)
        && (1..=8).contains(&header.number(EBML_MAX_SIZE, 8)?)
        && header.number(DOC_TYPE_READ_VERSION, 1)? <= MAX_DOC_TYPE_VERSION;
    match header.text(DOC_TYPE)?.as_deref() {
        Some("matroska" | "webm") if is_readable => Ok(()),
        _ => Err(Reason::RareElement),
    }
}

/// Checks cues before the first cluster, which the library reads at once.
fn check_cues(content: &[u8]) -> Result<(), Reason> {
    const POINT: u32 = 0xbb;
    const POSITIONS: u32 = 0xb7;
    let check = |numbers: &Master<'_>| {
        let is_number = |(id, number): (u32, &[u8])| number.len() <= 8 || id == ids::VOID || id == POSITIONS;
        if numbers.iter().all(is_number) { Ok(()) } else { Err(Reason::Malformed) }
    };
    for point in Master::read(content)?.all(POINT) {
        let point = Master::read(point)?;
        check(&point)?;
        for positions in point.all(POSITIONS) {
            check(&Master::read(positions)?)?;
        }
    }
    Ok(())
}

/// Returns ids and positions in a seek head.
fn seek_entries(content: &[u8]) -> Result<Vec<(u32, u64)>, Reason> {
    let entries = Master::read(content)?;
    let read = |entry| {
        let entry = Master::read(entry)?;
        let id = entry.only(ids::SEEK_ID)?.filter(|id| id.len() == 4).ok_or(Reason::Malformed)?;
        Ok((unsigned(id) as u32, entry.number(ids::SEEK_POSITION, u64::MAX)?))
    };
    entries.all(ids::SEEK).map(read).collect()
}
