//! The port of the pipeline to files: where sources come from and where outputs go.
//!
//! Media workers get descriptors, so an adapter for storage elsewhere fetches a source into an unnamed local file,
//! and sends a staged output when it is published.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::cache::FileState;

use super::existing_target::{Existing, Publication, check_target, publish};
use super::fix_record::FixRecord;
use super::free_space::free_bytes;
use super::open_source::open_regular;
use super::outcome::Failure;
use super::staging::Staging;

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

/// Files and folders of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalFiles;

impl Store for LocalFiles {
    fn open(&self, location: &Path) -> Result<File, Failure> {
        open_regular(location)
    }

    fn state(&self, location: &Path) -> io::Result<FileState> {
        let meta = std::fs::metadata(location)?;
        if meta.is_file() { Ok(FileState::from(&meta)) } else { Err(io::Error::other("not a regular file")) }
    }

    fn existing(
        &self,
        target: &Path,
        source: &Metadata,
        record: Option<&FixRecord>,
    ) -> Result<Existing, Failure> {
        check_target(target, source, record)
    }

    fn free_bytes(&self, target: &Path) -> Option<u64> {
        free_bytes(target)
    }

    fn create(&self, target: &Path) -> io::Result<Staging> {
        Staging::new(target)
    }

    fn publish(
        &self,
        staging: Staging,
        existing: Existing,
        record: Option<&FixRecord>,
    ) -> Result<Publication, Failure> {
        publish(staging, existing, record)
    }
}
