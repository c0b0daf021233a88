//! The port of the pipeline to files: where sources come from and where outputs go.
//!
//! Media workers get descriptors, so an adapter for storage elsewhere fetches a source into an unnamed local file,
//! and sends a staged output when it is published.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::cache::FileState;

use super::failure::Failure;
use super::fix_record::FixRecord;
use super::staging::Staging;

/// What has the name of an output before it is produced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Existing {
    /// Nothing.
    Nothing,
    /// An unchanged output of an earlier run, which may be replaced.
    Ours,
    /// A file without a record. It is never replaced, but it may have the bytes of the output.
    Unknown,
}

/// What became of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Publication {
    /// It got its final name.
    New,
    /// A file with the same bytes was there and stays.
    Kept,
}

/// Opens sources, and creates and publishes outputs.
pub trait Store: Sync {
    /// Opens a source for reading.
    ///
    /// # Errors
    ///
    /// If there is no regular file that can be read.
    fn open(&self, location: &Path) -> Result<File, Failure>;

    /// Reads up to the length of `buffer` from an open source. Returns the number of bytes; 0 at its end.
    ///
    /// # Errors
    ///
    /// If the source cannot be read.
    fn read_at(&self, source: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        source.read_at(buffer, offset)
    }

    /// Returns the present state of the file at a location.
    ///
    /// # Errors
    ///
    /// If there is no regular file.
    fn state(&self, location: &Path) -> io::Result<FileState>;

    /// Returns what has the name of an output.
    ///
    /// # Errors
    ///
    /// If what is there can neither be replaced nor be the output.
    fn existing(
        &self,
        target: &Path,
        source: &Metadata,
        record: Option<&FixRecord>,
    ) -> Result<Existing, Failure>;

    /// Returns how many bytes can be written for an output; `None` if that is unknown.
    fn free_bytes(&self, target: &Path) -> Option<u64>;

    /// Creates an empty staging file for an output.
    ///
    /// # Errors
    ///
    /// If it cannot be created.
    fn create(&self, target: &Path) -> io::Result<Staging>;

    /// Gives a verified output its final name. Replaces only unchanged outputs of the record.
    ///
    /// # Errors
    ///
    /// If another file has the name, or the output cannot be written.
    fn publish(
        &self,
        staging: Staging,
        existing: Existing,
        record: Option<&FixRecord>,
    ) -> Result<Publication, Failure>;
}
