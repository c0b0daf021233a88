//! Reads the last block of a Matroska file, and explains why a file cannot be opened.

use super::streams::seconds;
use crate::job::JobError;
use crate::libav::media_input::MediaInput;
use crate::probe::bytes::BlockCache;
use crate::probe::headers::{self, Declared, OpenError};

/// Replaces the error of opening a file by a more precise one, from the declarations of the file.
pub(super) fn explain_unreadable(error: JobError, declared: &Declared) -> JobError {
    match (error, declared.open_error()) {
        (JobError::Unreadable(_), Some(OpenError::Truncated(reason))) => JobError::Truncated(reason),
        (JobError::Unreadable(_), Some(OpenError::Unreadable(reason))) => JobError::Unreadable(reason),
        (error, _) => error,
    }
}

/// Returns the start time of the last block of a Matroska file in seconds, from the bytes at its end.
pub(super) fn last_block_s(input: &mut MediaInput, bytes: &BlockCache<'_>) -> std::io::Result<Option<f64>> {
    let Some(time) = headers::last_block(bytes)? else { return Ok(None) };
    let context = input.as_ptr();
    // SAFETY: the context is open, `input` is not used during the call, and FFmpeg keeps `nb_streams` valid
    // pointers.
    let base = unsafe { ((*context).nb_streams > 0).then(|| (*(*(*context).streams)).time_base) };
    // All tracks count in units of the segment's time scale.
    Ok(base.zip(i64::try_from(time).ok()).and_then(|(base, time)| seconds(time, base)))
}
