//! The store of files and folders of this machine.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

use crate::cache::FileState;

use super::existing_target::{check_target, publish};
use super::failure::Failure;
use super::fix_record::FixRecord;
use super::free_space::free_bytes;
use super::open_source::open_regular;
use super::staging::Staging;
use super::store::{Existing, Publication, Store};

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
