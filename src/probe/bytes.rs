//! Bytes read by offset: a file, or a slice in a test.

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

/// Up to `wanted` bytes from `offset` on; fewer at the end.
pub(super) fn piece<B: Bytes + ?Sized>(bytes: &B, offset: u64, wanted: usize) -> io::Result<Vec<u8>> {
    let there = bytes.len()?.saturating_sub(offset);
    let mut piece = vec![0; wanted.min(usize::try_from(there).unwrap_or(usize::MAX))];
    let count = bytes.read_at(offset, &mut piece)?;
    piece.truncate(count);
    Ok(piece)
}
