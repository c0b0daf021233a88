//! The media worker and its libraries, by the bytes of their files.
//!
//! Only a running worker knows which libraries it loads. Their files are listed once; a later run compares the metadata
//! of the files, and starts a worker only if one of them changed.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::cache::Contents;
use crate::job::{MappedFile, WorkerInfo};

/// A media worker with its libraries.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Libraries {
    program: MappedFile,
    /// What the worker says about itself.
    pub info: WorkerInfo,
    /// The hash of the program and its libraries.
    pub identity: String,
}

impl Libraries {
    /// Describes the worker `program` that gave `info`, by reading its files.
    ///
    /// # Errors
    ///
    /// If a file cannot be read.
    pub fn of(program: &Path, info: WorkerInfo) -> io::Result<Libraries> {
        let contents = Contents::default();
        let program = MappedFile::of(program)?;
        let mut hash = blake3::Hasher::new();
        hash.update(info.library.as_bytes());
        let mapped = info.mapped_files.iter().filter(|file| file.is_code()).map(|file| file.path.as_path());
        for path in std::iter::once(program.path.as_path()).chain(mapped) {
            hash.update(contents.blake3_of(path)?.as_bytes());
        }
        let identity = hash.finalize().to_hex()[..32].to_owned();
        Ok(Libraries { program, info, identity })
    }

    /// Returns whether the worker `program` is this one, with the same libraries.
    pub fn is_current(&self, program: &Path) -> bool {
        MappedFile::of(program).is_ok_and(|program| program == self.program)
            && !self.info.mapped_files.is_empty()
            && self.info.mapped_files.iter().all(MappedFile::is_unchanged)
    }
}
