//! A source that a check has opened, and what its headers say.

use std::fs::File;
use std::io;

use crate::cache::{Depth, FileFingerprint, FileState};
use crate::probe::Bytes;
use crate::probe::bytes::read_fully;
use crate::probe::header_probe::{self, HeaderProbe};

use super::discover::SourceFile;
use super::failure::{Failure, NoFacts, plain};
use super::inputs::Pipeline;
use super::open_source::{display_name, worth_probing};
use super::probe_cache::fingerprint_of;
use super::store::Store;

/// A source that a check has opened.
pub(super) struct OpenedSource {
    pub(super) input: File,
    pub(super) state: FileState,
    pub(super) size_bytes: u64,
    /// The file name, for messages and the extension.
    pub(super) name: String,
    /// Whether its name or first bytes identify it as media or as an image.
    pub(super) is_identified: bool,
}

impl OpenedSource {
    /// Opens a source. Fails if it is known not to be media, or cannot be read.
    pub(super) fn open(pipeline: &Pipeline<'_>, source: &SourceFile) -> Result<OpenedSource, NoFacts> {
        if pipeline.is_cancelled() {
            return Err(NoFacts::interrupted());
        }
        if let Some(kind) = source.not_opened {
            return Err(NoFacts::skipped(Failure::input(kind.reason())));
        }
        // Nothing is known about the bytes, so that is not a verdict on them.
        let input = pipeline.store.open(&source.path).map_err(NoFacts::failed)?;
        let meta = input.metadata().map_err(|error| read_failure(&error))?;
        let name = display_name(&source.path);
        let is_identified = worth_probing(pipeline.store, &input, source, &name)?;
        Ok(OpenedSource { input, state: FileState::from(&meta), size_bytes: meta.len(), name, is_identified })
    }

    /// Returns the fingerprint by which the cache knows the source, if it reveals later changes.
    pub(super) fn fingerprint(&self, source: &SourceFile, depth: Depth) -> Option<FileFingerprint> {
        fingerprint_of(&source.path, self.state, depth)
    }

    /// Reads the headers.
    pub(super) fn headers(&self, store: &dyn Store) -> Result<HeaderProbe, NoFacts> {
        let bytes = SourceBytes { store, source: self };
        header_probe::probe(&bytes).map_err(|error| read_failure(&error))
    }
}

/// Returns the failure to read a source.
pub(super) fn read_failure(error: &io::Error) -> NoFacts {
    NoFacts::failed(Failure::operation(format!("the file cannot be read: {}", plain(error))))
}

/// The bytes of an open source, read through its store.
struct SourceBytes<'a> {
    store: &'a dyn Store,
    source: &'a OpenedSource,
}

impl Bytes for SourceBytes<'_> {
    fn len(&self) -> io::Result<u64> {
        Ok(self.source.size_bytes)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        read_fully(buffer, offset, |part, at| self.store.read_at(&self.source.input, part, at))
    }
}
