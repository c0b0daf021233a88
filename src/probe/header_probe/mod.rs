//! Settles the facts of a file from its headers alone, in plain Rust.
//!
//! An ISO base media file or a Matroska file declares its tracks and configurations before or behind the media data; of
//! the data itself only the first sample of each stream and the starts of the key frames are read, unless other facts
//! are only in the samples, as in fragmented files. Where anything is contradictory or unusual, the result is a
//! [`Reason`], and the media library has to scan the file. The facts, and the errors of files that cannot be opened, are
//! those of the library.

mod audio;
mod cache;
mod decoder_config;
mod effort;
mod hdr;
mod iso;
mod matroska;
mod names;
mod packet_length;
mod reason;
mod repeated_audio;
mod stream_count;
mod video;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cache::{BLOCK, Cache};
pub use reason::Reason;
use reason::Stop;

use super::bytes::{BlockCache, Bytes, read_range};
use super::ebml;
use super::headers::{self, OpenError};
use crate::model::{MediaFacts, ProbedBy};

/// What the headers of a file say about its facts.
#[derive(Clone, Debug, PartialEq)]
pub enum HeaderProbe {
    /// All facts.
    Settled(Box<MediaFacts>),
    /// Nothing, because no reader can open the file.
    Unreadable(String),
    /// Nothing, because the file lacks data that it needs to be opened.
    Truncated(String),
    /// Only a scan with the media library finds them.
    NeedsFullScan(Reason),
}

/// Reads the facts of a file from its headers.
///
/// # Errors
/// Fails only when reading fails.
pub fn probe(bytes: &dyn Bytes) -> io::Result<HeaderProbe> {
    // A panic in this code is an error in it, and no reason to do without the facts of the file.
    let result = catch_unwind(AssertUnwindSafe(|| settle(bytes)));
    match result.unwrap_or(Err(Stop::NeedsFullScan(Reason::ReaderError))) {
        Ok(facts) => Ok(HeaderProbe::Settled(Box::new(MediaFacts { probed_by: ProbedBy::Headers, ..facts }))),
        Err(Stop::NeedsFullScan(reason)) => Ok(HeaderProbe::NeedsFullScan(reason)),
        Err(Stop::Refused(reason)) => Ok(HeaderProbe::Unreadable(reason.to_owned())),
        Err(Stop::CannotOpen(OpenError::Unreadable(reason))) => Ok(HeaderProbe::Unreadable(reason)),
        Err(Stop::CannotOpen(OpenError::Truncated(reason))) => Ok(HeaderProbe::Truncated(reason)),
        Err(Stop::Io(error)) => Err(error),
    }
}

/// Returns the facts, or why they are not settled. Of a file that cannot be opened, the declarations may say more than the
/// library.
fn settle(bytes: &dyn Bytes) -> Result<MediaFacts, Stop> {
    let cache = BlockCache::with_block(bytes, BLOCK)?;
    let settled = read(&cache);
    if let Err(Stop::Refused(_)) = settled
        && let Some(error) = headers::read(&cache)?.open_error()
    {
        return Err(Stop::CannotOpen(error));
    }
    settled
}

fn read(cache: &Cache<'_>) -> Result<MediaFacts, Stop> {
    let head = read_range(cache, 0, 16)?;
    // The library opens files with this signature as ISO files without comparing them with other formats.
    if head.get(4..8) == Some(b"ftyp") {
        return iso::settle(cache);
    }
    if head.starts_with(&ebml::HEADER) {
        return matroska::settle(cache);
    }
    if iso::is_recognized(cache)? {
        return iso::settle(cache);
    }
    Err(Reason::Container.into())
}
