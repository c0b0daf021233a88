//! Reads the blocks in clusters.

use super::super::reason::Reason;
use super::ids;
use super::lacing;
use super::master::Master;
use crate::probe::ebml::{element, unsigned};

/// Position and size of a cluster, which some writers repeat in it.
const POSITION: u32 = 0xa7;
const PREVIOUS_SIZE: u32 = 0xab;
/// Elements of a block group that change nothing of a packet's times.
const DISCARD_PADDING: u32 = 0x75a2;
const BLOCK_ADDITIONS: u32 = 0x75a1;

/// A block: frames of a track at one time.
#[derive(Clone, Debug)]
pub(super) struct Block<'a> {
    pub(super) track: u64,
    /// Ticks of the segment's clock.
    pub(super) time: i64,
    /// The duration in ticks, if it is declared.
    pub(super) duration: Option<u64>,
    pub(super) key: bool,
    /// The bytes of the frames.
    pub(super) frames: Vec<&'a [u8]>,
}

/// The bytes from the first cluster on.
pub(super) struct Clusters<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) tail: Tail,
}

/// What is at the end of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// The end of the segment.
    SegmentEnd,
    /// More of the segment.
    More,
    /// The end of a file that is shorter than its segment.
    Truncated,
}

impl<'a> Clusters<'a> {
    /// Calls `each` for every block until it returns `false`.
    pub(super) fn read(&self, mut each: impl FnMut(Block<'a>) -> Result<bool, Reason>) -> Result<(), Reason> {
        let mut rest = self.bytes;
        while !rest.is_empty() {
            let Some((id, length, used)) = element(rest) else { return self.end(rest) };
            let inside = rest.get(used..).unwrap_or_default();
            let length = length.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
            match (id, length) {
                (ids::CLUSTER, _) => {
                    let content = &inside[..length.unwrap_or(usize::MAX).min(inside.len())];
                    let is_whole = length.is_none_or(|length| length <= inside.len());
                    let read = Cluster { bytes: content, whole: is_whole, open: length.is_none() };
                    match read.blocks(&mut each)? {
                        Ending::Stopped => return Ok(()),
                        Ending::Truncated(at) => return self.end(&content[at..]),
                        Ending::At(used) => rest = &inside[used..],
                    }
                }
                // Players and the library read these before the first cluster or by the seek head.
                (
                    ids::CUES
                    | ids::TAGS
                    | ids::VOID
                    | ids::CRC
                    | ids::CHAPTERS
                    | ids::ATTACHMENTS
                    | ids::SEEK_HEAD,
                    Some(length),
                ) => match inside.get(length..) {
                    Some(after) => rest = after,
                    None => return self.end(rest),
                },
                _ => return Err(Reason::RareElement),
            }
        }
        Ok(())
    }

    /// Returns what it means that the bytes end within an element that begins in `rest`.
    fn end(&self, rest: &[u8]) -> Result<(), Reason> {
        match self.tail {
            Tail::More => Ok(()),
            Tail::SegmentEnd => Err(Reason::MissingData),
            // The library looks for another element behind one that it cannot read.
            Tail::Truncated => {
                let id = |bytes: &[u8]| bytes.iter().fold(0, |id, byte| id << 8 | u32::from(*byte));
                let resumes = rest.windows(4).skip(1).any(|bytes| is_level_1(id(bytes)));
                if resumes { Err(Reason::MissingData) } else { Ok(()) }
            }
        }
    }
}

/// How the reading of a cluster ends.
enum Ending {
    /// The caller needs no more blocks.
    Stopped,
    /// The bytes end within the element that begins at this byte.
    Truncated(usize),
    /// It ends at this byte.
    At(usize),
}

/// The content of a cluster.
struct Cluster<'a> {
    bytes: &'a [u8],
    /// Whether the bytes hold all of it.
    whole: bool,
    /// Whether its length is unknown, so that it ends where another element of the segment begins.
    open: bool,
}

impl<'a> Cluster<'a> {
    fn blocks(&self, each: &mut impl FnMut(Block<'a>) -> Result<bool, Reason>) -> Result<Ending, Reason> {
        let (mut at, mut start) = (0, None);
        while at < self.bytes.len() {
            let rest = &self.bytes[at..];
            let Some((id, length, used)) = element(rest) else { return self.cut(at) };
            if self.open && is_level_1(id) {
                return Ok(Ending::At(at));
            }
            let length = length.and_then(|length| usize::try_from(length).ok()).ok_or(Reason::Malformed)?;
            let Some(content) = rest.get(used..).and_then(|rest| rest.get(..length)) else {
                return self.cut(at);
            };
            let block = match id {
                ids::TIMESTAMP if start.is_none() && length <= 8 => {
                    start = Some(unsigned(content));
                    None
                }
                ids::SIMPLE_BLOCK => Some(block(content, start, None)?),
                ids::BLOCK_GROUP => Some(group(content, start)?),
                ids::VOID | ids::CRC | POSITION | PREVIOUS_SIZE => None,
                _ => return Err(Reason::RareElement),
            };
            if let Some(block) = block
                && !each(block)?
            {
                return Ok(Ending::Stopped);
            }
            at += used + length;
        }
        if self.whole { Ok(Ending::At(at)) } else { Ok(Ending::Truncated(at)) }
    }

    /// Returns what it means that the cluster ends within the element that begins at this byte.
    fn cut(&self, at: usize) -> Result<Ending, Reason> {
        if self.whole && !self.open { Err(Reason::Malformed) } else { Ok(Ending::Truncated(at)) }
    }
}

/// Returns whether an id is one of an element of a segment.
pub(super) fn is_level_1(id: u32) -> bool {
    matches!(
        id,
        ids::CLUSTER
            | ids::CUES
            | ids::TAGS
            | ids::CHAPTERS
            | ids::SEEK_HEAD
            | ids::INFO
            | ids::TRACKS
            | ids::ATTACHMENTS
    )
}

/// Reads a block group.
fn group(content: &[u8], start: Option<u64>) -> Result<Block<'_>, Reason> {
    let group = Master::read(content)?;
    let is_usual = |id: u32| {
        matches!(
            id,
            ids::BLOCK
                | ids::BLOCK_DURATION
                | ids::REFERENCE_BLOCK
                | ids::VOID
                | ids::CRC
                | DISCARD_PADDING
                | BLOCK_ADDITIONS
        )
    };
    if !group.iter().all(|(id, _)| is_usual(id)) {
        return Err(Reason::RareElement);
    }
    check_additions(&group)?;
    let key = !group.has(ids::REFERENCE_BLOCK);
    let mut block = block(group.only(ids::BLOCK)?.ok_or(Reason::Malformed)?, start, Some(key))?;
    block.duration = Some(group.number(ids::BLOCK_DURATION, 0)?).filter(|duration| *duration > 0);
    Ok(block)
}

/// Checks what is beside a block, with which the library reads the block.
fn check_additions(group: &Master<'_>) -> Result<(), Reason> {
    const BLOCK_MORE: u32 = 0xa6;
    const BLOCK_ADD_ID: u32 = 0xee;
    for more in group.inside(BLOCK_ADDITIONS)?.all(BLOCK_MORE) {
        Master::read(more)?.number(BLOCK_ADD_ID, 1)?;
    }
    Ok(())
}

/// Reads a block, whose flags tell whether it is a key frame unless its group does.
fn block(content: &[u8], start: Option<u64>, key: Option<bool>) -> Result<Block<'_>, Reason> {
    let parse = || {
        let first = *content.first()?;
        let used = first.leading_zeros() as usize + 1;
        let track = content.get(..used).filter(|_| used <= 8)?;
        let track = unsigned(track) & ((1_u64 << (7 * used)) - 1);
        let (head, data) = content.get(used..)?.split_first_chunk::<3>()?;
        let time = i64::from(i16::from_be_bytes([head[0], head[1]]));
        let time = i64::try_from(start?).ok()?.checked_add(time).filter(|time| *time >= 0)?;
        let frames = lacing::frames(head[2] & lacing::LACING, data)?;
        let key = key.unwrap_or(head[2] & 0x80 != 0);
        Some(Block { track, time, duration: None, key, frames })
    };
    parse().ok_or(Reason::Malformed)
}
