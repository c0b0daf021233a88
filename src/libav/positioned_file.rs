//! Reads a file by offset for a demuxer, with a limit on consecutive reads.

use std::ffi::c_int;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::error::error_text;
use crate::job::JobError;
use crate::probe::file_size;

/// Bytes that may be read consecutively while a file is opened or analysed. The longest index of a video is
/// a fraction of this; without the limit, a demuxer could search through a terabyte.
const MAX_CONSECUTIVE_BYTES: u64 = 256 << 20;

/// State shared by the reader and its owner.
#[derive(Debug)]
pub(crate) struct ReaderState {
    pub(crate) cancel: Arc<AtomicBool>,
    /// The first I/O error, which FFmpeg reports as "end of file".
    failure: OnceLock<String>,
    /// Whether consecutive reads are limited.
    limited: AtomicBool,
    /// Whether the limit was exceeded.
    limit_exceeded: AtomicBool,
}

impl ReaderState {
    /// Creates the state of a reader that fails once `cancel` is set.
    pub(crate) fn new(cancel: Arc<AtomicBool>) -> ReaderState {
        ReaderState {
            cancel,
            failure: OnceLock::new(),
            limited: AtomicBool::new(false),
            limit_exceeded: AtomicBool::new(false),
        }
    }

    /// Limits consecutive reads until the result is dropped.
    pub(crate) fn limit_reads(&self) -> ReadLimit<'_> {
        self.limited.store(true, Ordering::Relaxed);
        ReadLimit(self)
    }

    /// Converts libav's return code into a result: cancelled, an I/O error, or unreadable bytes.
    pub(crate) fn check(&self, code: c_int) -> Result<(), JobError> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(JobError::Cancelled);
        }
        if let Some(failure) = self.failure.get() {
            return Err(JobError::Io(format!("reading failed: {failure}")));
        }
        if self.limit_exceeded.load(Ordering::Relaxed) {
            let mebibytes = MAX_CONSECUTIVE_BYTES >> 20;
            return Err(JobError::Unreadable(format!(
                "no media data in {mebibytes} MiB of consecutive reads"
            )));
        }
        if code < 0 { Err(JobError::Unreadable(error_text(code))) } else { Ok(()) }
    }
}

/// Keeps the limit on consecutive reads in force.
pub(crate) struct ReadLimit<'a>(&'a ReaderState);

impl Drop for ReadLimit<'_> {
    fn drop(&mut self) {
        self.0.limited.store(false, Ordering::Relaxed);
    }
}

/// A file read by offset, independent of the position of the descriptor.
pub(crate) struct PositionedFile {
    file: File,
    position: u64,
    /// Offset where the last read ended.
    last_end: u64,
    /// Bytes read consecutively up to there.
    consecutive_bytes: u64,
    state: Arc<ReaderState>,
}

impl PositionedFile {
    /// Creates a reader at the start of a file.
    pub(crate) fn new(file: File, state: Arc<ReaderState>) -> PositionedFile {
        PositionedFile { file, position: 0, last_end: 0, consecutive_bytes: 0, state }
    }
}

impl Read for PositionedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.state.cancel.load(Ordering::Relaxed) {
            return Err(io::Error::other("cancelled"));
        }
        // Demuxers seek on purpose, and only a limited number of times in a valid file.
        if self.position != self.last_end {
            self.consecutive_bytes = 0;
        }
        if self.state.limited.load(Ordering::Relaxed) && self.consecutive_bytes > MAX_CONSECUTIVE_BYTES {
            self.state.limit_exceeded.store(true, Ordering::Relaxed);
            return Err(io::Error::other("read limit exceeded"));
        }
        match self.file.read_at(buffer, self.position) {
            Ok(count) => {
                self.position += count as u64;
                self.last_end = self.position;
                self.consecutive_bytes += count as u64;
                Ok(count)
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::Interrupted {
                    let _ = self.state.failure.set(error.to_string());
                }
                Err(error)
            }
        }
    }
}

impl Seek for PositionedFile {
    fn seek(&mut self, target: SeekFrom) -> io::Result<u64> {
        let position = match target {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::Current(delta) => self.position.checked_add_signed(delta),
            SeekFrom::End(delta) => file_size(&self.file)?.checked_add_signed(delta),
        };
        self.position = position.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}
