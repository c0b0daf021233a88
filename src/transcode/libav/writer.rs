//! Stores for the muxer: a file, a file with space reserved for `moov`, or a dry run.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};

use crate::transcode::faststart::{moov_offset, moov_size_from_head};

/// Bytes kept from the start of the file, more than enough for the boxes before the media data.
const HEAD_BYTES: usize = 4096;

/// Bytes after which a flush to the device is requested, so that the last one is short.
const FLUSH_EVERY_BYTES: usize = 16 << 20;

/// Stores bytes at an offset.
pub(crate) trait Store: Send {
    /// Stores some of `bytes`, at least one, and returns how many.
    fn store(&mut self, bytes: &[u8], at: u64) -> io::Result<usize>;
}

impl Store for File {
    fn store(&mut self, bytes: &[u8], at: u64) -> io::Result<usize> {
        self.write_at(bytes, at)
    }
}

/// A file with space reserved for `moov`: all later bytes are shifted back by its size.
pub(crate) struct ReservedSpace {
    file: File,
    reserved: u64,
    /// Offset of the reserved space, known after the first write.
    moov_at: Option<u64>,
    /// Receives flush requests.
    flush: SyncSender<()>,
    /// Bytes since the last flush request.
    unflushed: usize,
}

impl ReservedSpace {
    pub(crate) fn new(file: File, reserved: u64, flush: SyncSender<()>) -> ReservedSpace {
        ReservedSpace { file, reserved, moov_at: None, flush, unflushed: 0 }
    }
}

impl Store for ReservedSpace {
    fn store(&mut self, bytes: &[u8], at: u64) -> io::Result<usize> {
        self.unflushed += bytes.len();
        if self.unflushed > FLUSH_EVERY_BYTES {
            self.unflushed = 0;
            // A full channel means that a flush is pending; a closed one, that none is needed.
            let _ = self.flush.try_send(());
        }
        let moov_at = *self.moov_at.get_or_insert_with(|| moov_offset(bytes));
        if at >= moov_at {
            return self.file.write_at(bytes, at + self.reserved);
        }
        let before = usize::try_from(moov_at - at).unwrap_or(usize::MAX).min(bytes.len());
        self.file.write_at(&bytes[..before], at)
    }
}

/// Stores only the start and the length of the file.
#[derive(Clone, Default)]
pub(crate) struct DryRunStore(Arc<Mutex<(Vec<u8>, u64)>>);

impl DryRunStore {
    /// Returns the bytes to reserve for `moov`.
    pub(crate) fn moov_size(&self) -> Option<u64> {
        let contents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        moov_size_from_head(&contents.0, contents.1)
    }
}

impl Store for DryRunStore {
    fn store(&mut self, bytes: &[u8], at: u64) -> io::Result<usize> {
        let mut contents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (head, length) = &mut *contents;
        *length = (*length).max(at + bytes.len() as u64);
        let from = usize::try_from(at).unwrap_or(usize::MAX);
        if from < HEAD_BYTES {
            let to = (from + bytes.len()).min(HEAD_BYTES);
            if head.len() < to {
                head.resize(to, 0);
            }
            head[from..to].copy_from_slice(&bytes[..to - from]);
        }
        Ok(bytes.len())
    }
}
