//! Where the muxer's bytes go: into a file, into a file with room for `moov`, or nowhere.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};

use crate::transcode::faststart::{place_of_moov, room_in};

/// The boxes before the media data fit into this many bytes many times over.
const HEAD_BYTES: usize = 4096;

/// The device starts on its work after this many bytes, not after the last one.
const FLUSH_EVERY_BYTES: usize = 16 << 20;

/// Takes bytes for a place.
pub(crate) trait Store: Send {
    /// Stores some of `bytes`, at least one, and says how many.
    fn store(&mut self, bytes: &[u8], at: u64) -> io::Result<usize>;
}

impl Store for File {
    fn store(&mut self, bytes: &[u8], at: u64) -> io::Result<usize> {
        self.write_at(bytes, at)
    }
}

/// A file with room for `moov`: everything behind its place lies further back.
pub(crate) struct ReservedSpace {
    file: File,
    room: u64,
    /// Where the room begins, known with the first bytes.
    place: Option<u64>,
    /// Told now and then that there is something to flush.
    flush: SyncSender<()>,
    /// Bytes since then.
    unflushed: usize,
}

impl ReservedSpace {
    pub(crate) fn new(file: File, room: u64, flush: SyncSender<()>) -> ReservedSpace {
        ReservedSpace { file, room, place: None, flush, unflushed: 0 }
    }
}

impl Store for ReservedSpace {
    fn store(&mut self, bytes: &[u8], at: u64) -> io::Result<usize> {
        self.unflushed += bytes.len();
        if self.unflushed > FLUSH_EVERY_BYTES {
            self.unflushed = 0;
            // Full means that a flush is to come anyway; nobody there, that none is wanted.
            let _ = self.flush.try_send(());
        }
        let place = *self.place.get_or_insert_with(|| place_of_moov(bytes));
        if at >= place {
            return self.file.write_at(bytes, at + self.room);
        }
        let before = usize::try_from(place - at).unwrap_or(usize::MAX).min(bytes.len());
        self.file.write_at(&bytes[..before], at)
    }
}

/// Remembers what a file would begin with and how long it would be.
#[derive(Clone, Default)]
pub(crate) struct Outline(Arc<Mutex<(Vec<u8>, u64)>>);

impl Outline {
    /// The room that `moov` will need in front.
    pub(crate) fn room(&self) -> Option<u64> {
        let outline = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        room_in(&outline.0, outline.1)
    }
}

impl Store for Outline {
    fn store(&mut self, bytes: &[u8], at: u64) -> io::Result<usize> {
        let mut outline = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (head, length) = &mut *outline;
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
