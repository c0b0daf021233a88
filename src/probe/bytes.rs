//! Bytes read by offset: a file, or a slice in a test.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes that can be read by offset.
pub trait Bytes {
    /// Number of bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether there are none.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Fills as much of `buffer` as there is from `offset` on.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

impl Bytes for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            match FileExt::read_at(self, &mut buffer[done..], offset.saturating_add(done as u64)) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Beyond what the file system can address there are no bytes.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => break,
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }
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

/// Bytes read at a time by [`Blocks`].
const BLOCK: usize = 16 * 1024;
/// Blocks kept: the beginning, the index, and the place between them that was looked at last.
const KEPT: usize = 3;

/// A file of which small pieces are asked for, many of them close together: boxes, chunks, elements. Each
/// call of the system costs more than the few bytes it is for, the more so under a filter of calls.
///
/// The size is that of the moment it was made.
pub struct Blocks<'a> {
    file: &'a File,
    size: u64,
    /// The latest first.
    kept: RefCell<Vec<Block>>,
}

struct Block {
    start: u64,
    bytes: Vec<u8>,
}

impl Block {
    /// What there is of `wanted` bytes from `offset` on, if that is all there is in a file of `size`.
    fn piece(&self, offset: u64, wanted: usize, size: u64) -> Option<&[u8]> {
        let from = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        let wanted = wanted.min(usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX));
        self.bytes.get(from..from.checked_add(wanted)?)
    }
}

impl<'a> Blocks<'a> {
    /// # Errors
    /// That of asking for the size.
    pub fn of(file: &'a File) -> io::Result<Blocks<'a>> {
        let size = file.metadata()?.len();
        Ok(Blocks { file, size, kept: RefCell::new(Vec::with_capacity(KEPT + 1)) })
    }
}

impl Bytes for Blocks<'_> {
    fn len(&self) -> io::Result<u64> {
        Ok(self.size)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.len() > BLOCK / 2 {
            return Bytes::read_at(self.file, offset, buffer);
        }
        let mut kept = self.kept.borrow_mut();
        let held = kept.iter().position(|block| block.piece(offset, buffer.len(), self.size).is_some());
        let block = match held {
            Some(place) => kept.remove(place),
            None => {
                let mut bytes = if kept.len() < KEPT {
                    Vec::new()
                } else {
                    kept.pop().map(|block| block.bytes).unwrap_or_default()
                };
                bytes.resize(BLOCK, 0);
                let count = Bytes::read_at(self.file, offset, &mut bytes)?;
                bytes.truncate(count);
                Block { start: offset, bytes }
            }
        };
        // A file that has shrunk meanwhile gives what there still is.
        let found = block.piece(offset, buffer.len(), self.size).unwrap_or(match held {
            Some(_) => &[],
            None => &block.bytes[..block.bytes.len().min(buffer.len())],
        });
        let count = found.len();
        buffer[..count].copy_from_slice(found);
        kept.insert(0, block);
        Ok(count)
    }
}

/// Up to `wanted` bytes from `offset` on; fewer at the end.
pub(super) fn piece<B: Bytes + ?Sized>(bytes: &B, offset: u64, wanted: usize) -> io::Result<Vec<u8>> {
    let there = bytes.len()?.saturating_sub(offset);
    let mut piece = vec![0; wanted.min(usize::try_from(there).unwrap_or(usize::MAX))];
    let count = bytes.read_at(offset, &mut piece)?;
    piece.truncate(count);
    Ok(piece)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Write;

    #[test]
    fn blocks_give_what_the_file_gives() {
        let size = 5 * BLOCK + 77;
        let content: Vec<u8> = (0..size).map(|at| (at * 7 + at / 251) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&content).unwrap();
        let blocks = Blocks::of(&file).unwrap();
        assert_eq!(blocks.len().unwrap(), size as u64);
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let offset = if random.bool() { random.usize(..200) } else { random.usize(..size + 50) } as u64;
            let most = if random.u8(..9) == 0 { 2 * BLOCK } else { 40 };
            let wanted = random.usize(..most);
            let from = |bytes: &dyn Fn(&mut [u8]) -> usize| {
                let mut buffer = vec![0; wanted];
                let count = bytes(&mut buffer);
                buffer.truncate(count);
                buffer
            };
            let cached = from(&|buffer| blocks.read_at(offset, buffer).unwrap());
            let plain = from(&|buffer| content[..].read_at(offset, buffer).unwrap());
            assert_eq!(cached, plain, "{wanted} from {offset}");
        }
        assert_eq!(blocks.kept.borrow().len(), KEPT);
        assert_eq!(blocks.read_at(u64::MAX, &mut [0; 4]).unwrap(), 0);
    }

    #[test]
    fn a_file_that_shrinks_gives_what_is_left() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[1; 100]).unwrap();
        let blocks = Blocks::of(&file).unwrap();
        file.set_len(10).unwrap();
        let mut buffer = [0; 8];
        assert_eq!(blocks.read_at(4, &mut buffer).unwrap(), 6);
        assert_eq!(blocks.read_at(50, &mut buffer).unwrap(), 0);
    }
}
