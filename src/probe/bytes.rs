//! Reads bytes by offset, from a file or from a slice in a test.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// A source of bytes that can be read by offset.
pub trait Bytes {
    /// Returns the number of bytes.
    fn len(&self) -> io::Result<u64>;
    /// Returns whether there are no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Reads bytes from `offset` on into `buffer` and returns their number; fewer only at the end.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
    /// Returns up to `wanted` bytes from `offset` on; fewer only at the end.
    fn range(&self, offset: u64, wanted: usize) -> io::Result<Vec<u8>> {
        let available = self.len()?.saturating_sub(offset);
        let mut range = vec![0; wanted.min(usize::try_from(available).unwrap_or(usize::MAX))];
        let count = self.read_at(offset, &mut range)?;
        range.truncate(count);
        Ok(range)
    }
}

/// Returns the number of bytes of a file.
///
/// In a worker the standard library's way is closed: its calls also take a path, which a filter of system calls
/// cannot check. Some file systems in user space answer only the user who mounted them; they still tell the end.
pub fn file_size(file: &File) -> io::Result<u64> {
    match rustix::fs::fstat(file) {
        Ok(stat) => Ok(u64::try_from(stat.st_size).unwrap_or(0)),
        Err(error) => rustix::fs::seek(file, rustix::fs::SeekFrom::End(0)).map_err(|_| error.into()),
    }
}

impl Bytes for File {
    fn len(&self) -> io::Result<u64> {
        file_size(self)
    }
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        read_fully(buffer, offset, |part, at| FileExt::read_at(self, part, at))
    }
}

/// Reads with several calls of `read`, each of which may read less, until `buffer` is full or the bytes end. Returns the
/// number of bytes.
///
/// # Errors
/// Fails when reading fails.
pub(crate) fn read_fully(
    buffer: &mut [u8],
    offset: u64,
    read: impl Fn(&mut [u8], u64) -> io::Result<usize>,
) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match read(&mut buffer[done..], offset.saturating_add(done as u64)) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // The offset is larger than the file system can address.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => break,
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

impl Bytes for [u8] {
    fn len(&self) -> io::Result<u64> {
        Ok(<[u8]>::len(self) as u64)
    }
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

impl Bytes for Vec<u8> {
    fn len(&self) -> io::Result<u64> {
        Bytes::len(self.as_slice())
    }
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.as_slice().read_at(offset, buffer)
    }
}

/// Bytes that a [`BlockCache`] reads at a time unless it is told otherwise.
const BLOCK: usize = 16 * 1024;
/// Blocks cached: the beginning, the index, and the last position read between them.
const MAX_BLOCKS: usize = 3;
/// The largest buffer of a block that is kept for the next file, in bytes.
const MAX_SPARE: usize = 4 << 20;

thread_local! {
    /// Buffers of blocks for the next file: a new one would have to be filled with zeros first.
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Bytes with a cache of blocks, for many small reads close together: boxes, chunks, elements. A system
/// call costs more than reading a few bytes, especially under a seccomp filter.
///
/// The size is that of the file when the cache was created.
pub struct BlockCache<'a, B: Bytes + ?Sized = File> {
    bytes: &'a B,
    size: u64,
    /// Bytes read at a time.
    block: usize,
    /// The blocks, the most recently used first.
    blocks: RefCell<Vec<Block>>,
}

struct Block {
    start: u64,
    length: usize,
    /// Its bytes, and behind them what an earlier block left.
    buffer: Vec<u8>,
}

impl Block {
    /// Returns `wanted` bytes from `offset` on, or fewer at the end of a file of `size` bytes; `None` when the
    /// block does not hold them.
    fn slice(&self, offset: u64, wanted: usize, size: u64) -> Option<&[u8]> {
        let from = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        let wanted = wanted.min(usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX));
        self.bytes().get(from..from.checked_add(wanted)?)
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

impl<'a, B: Bytes + ?Sized> BlockCache<'a, B> {
    /// Creates an empty cache.
    ///
    /// # Errors
    /// Fails when the number of bytes cannot be read.
    pub fn new(bytes: &'a B) -> io::Result<BlockCache<'a, B>> {
        BlockCache::with_block(bytes, BLOCK)
    }

    /// Creates an empty cache that reads `block` bytes at a time.
    ///
    /// # Errors
    /// As [`BlockCache::new`].
    pub fn with_block(bytes: &'a B, block: usize) -> io::Result<BlockCache<'a, B>> {
        let blocks = RefCell::new(Vec::with_capacity(MAX_BLOCKS + 1));
        Ok(BlockCache { bytes, size: bytes.len()?, block, blocks })
    }

    /// Reads a range as one block, unless a block holds it.
    ///
    /// # Errors
    /// Fails when reading fails.
    pub fn preload(&self, offset: u64, length: usize) -> io::Result<()> {
        let mut blocks = self.blocks.borrow_mut();
        if !blocks.iter().any(|block| block.slice(offset, length, self.size).is_some()) {
            let block = self.read_block(&mut blocks, offset, length)?;
            blocks.insert(0, block);
        }
        Ok(())
    }

    /// Reads from the blocks, or else exactly these bytes and no block.
    ///
    /// # Errors
    /// Fails when reading fails.
    pub fn read_directly(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let blocks = self.blocks.borrow();
        match blocks.iter().find_map(|block| block.slice(offset, buffer.len(), self.size)) {
            Some(found) => {
                buffer[..found.len()].copy_from_slice(found);
                Ok(found.len())
            }
            None => self.bytes.read_at(offset, buffer),
        }
    }

    /// Reads a block, in place of the least recently used one if the cache is full.
    fn read_block(&self, blocks: &mut Vec<Block>, offset: u64, length: usize) -> io::Result<Block> {
        let replaced = if blocks.len() < MAX_BLOCKS { None } else { blocks.pop() };
        let spare = || SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
        let mut buffer = replaced.map_or_else(spare, |block| block.buffer);
        let available = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = length.min(available);
        if buffer.len() < length {
            buffer.resize(length, 0);
        }
        let length = self.bytes.read_at(offset, &mut buffer[..length])?;
        Ok(Block { start: offset, length, buffer })
    }

    /// Passes the bytes of a range to `take`, from a block that is read if none holds them; `None` if the range is too long
    /// for a block.
    fn with_block_of<T>(
        &self,
        offset: u64,
        wanted: usize,
        take: impl FnOnce(&[u8]) -> T,
    ) -> io::Result<Option<T>> {
        let mut blocks = self.blocks.borrow_mut();
        let cached = blocks.iter().position(|block| block.slice(offset, wanted, self.size).is_some());
        let block = match cached {
            Some(position) => blocks.remove(position),
            None if wanted > self.block / 2 => return Ok(None),
            None => self.read_block(&mut blocks, offset, self.block)?,
        };
        // A file truncated in the meantime gives the bytes it still has.
        let bytes = block.slice(offset, wanted, self.size).unwrap_or(match cached {
            Some(_) => &[],
            None => &block.bytes()[..block.length.min(wanted)],
        });
        let taken = take(bytes);
        blocks.insert(0, block);
        Ok(Some(taken))
    }
}

impl<B: Bytes + ?Sized> Drop for BlockCache<'_, B> {
    fn drop(&mut self) {
        let buffers = self.blocks.get_mut().drain(..).map(|block| block.buffer);
        // Not while the thread ends.
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            let room = MAX_BLOCKS.saturating_sub(spare.len());
            spare.extend(buffers.filter(|buffer| buffer.len() <= MAX_SPARE).take(room));
        });
    }
}

impl<B: Bytes + ?Sized> Bytes for BlockCache<'_, B> {
    fn len(&self) -> io::Result<u64> {
        Ok(self.size)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len();
        let copied = self.with_block_of(offset, wanted, |found| {
            buffer[..found.len()].copy_from_slice(found);
            found.len()
        })?;
        copied.map_or_else(|| self.bytes.read_at(offset, buffer), Ok)
    }

    fn range(&self, offset: u64, wanted: usize) -> io::Result<Vec<u8>> {
        match self.with_block_of(offset, wanted, <[u8]>::to_vec)? {
            Some(range) => Ok(range),
            None => self.bytes.range(offset, wanted),
        }
    }
}

/// Returns up to `wanted` bytes from `offset` on; fewer at the end.
pub(super) fn read_range<B: Bytes + ?Sized>(bytes: &B, offset: u64, wanted: usize) -> io::Result<Vec<u8>> {
    bytes.range(offset, wanted)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Write;

    #[test]
    fn cached_reads_equal_direct_reads() {
        let size = 5 * BLOCK + 77;
        let content: Vec<u8> = (0..size).map(|at| (at * 7 + at / 251) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&content).unwrap();
        let cache = BlockCache::new(&file).unwrap();
        assert_eq!(cache.len().unwrap(), size as u64);
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let offset = if random.bool() { random.usize(..200) } else { random.usize(..size + 50) } as u64;
            let most = if random.u8(..9) == 0 { 2 * BLOCK } else { 40 };
            let wanted = random.usize(..most);
            let read = |read_into: &dyn Fn(&mut [u8]) -> usize| {
                let mut buffer = vec![0; wanted];
                let count = read_into(&mut buffer);
                buffer.truncate(count);
                buffer
            };
            let cached = read(&|buffer| cache.read_at(offset, buffer).unwrap());
            let direct = read(&|buffer| content[..].read_at(offset, buffer).unwrap());
            assert_eq!(cached, direct, "{wanted} from {offset}");
        }
        assert_eq!(cache.blocks.borrow().len(), MAX_BLOCKS);
        assert_eq!(cache.read_at(u64::MAX, &mut [0; 4]).unwrap(), 0);
    }

    #[test]
    fn a_used_buffer_shows_nothing_of_an_earlier_file() {
        let large = BlockCache::new(&[1_u8; 100][..]).unwrap().range(0, 100).unwrap();
        assert_eq!(large, [1; 100]);
        assert_eq!(SPARE.with_borrow(Vec::len), 1);
        let small = [2_u8; 10];
        let cache = BlockCache::new(&small[..]).unwrap();
        assert_eq!(cache.range(0, 100).unwrap(), small);
        assert_eq!(cache.read_at(0, &mut [0; 50]).unwrap(), 10);
        assert_eq!(SPARE.with_borrow(Vec::len), 0);
    }

    #[test]
    fn a_truncated_file_gives_its_remaining_bytes() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[1; 100]).unwrap();
        let cache = BlockCache::new(&file).unwrap();
        file.set_len(10).unwrap();
        let mut buffer = [0; 8];
        assert_eq!(cache.read_at(4, &mut buffer).unwrap(), 6);
        assert_eq!(cache.read_at(50, &mut buffer).unwrap(), 0);
    }
}
