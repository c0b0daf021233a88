//! Conversion of the media library's return codes to errors.

use std::ffi::{CStr, c_char, c_int};

use ffmpeg_next::ffi;

use crate::job::JobError;

/// Returns FFmpeg's message for an error number.
pub(crate) fn error_text(code: c_int) -> String {
    let mut buffer = [0 as c_char; 128];
    // SAFETY: the buffer has the length given and `av_strerror` always terminates what it writes.
    unsafe {
        ffi::av_strerror(code, buffer.as_mut_ptr(), buffer.len());
        CStr::from_ptr(buffer.as_ptr()).to_string_lossy().into_owned()
    }
}

/// Turns a negative return into [`JobError::Failed`].
pub(crate) fn check(code: c_int, what: &str) -> Result<c_int, JobError> {
    if code >= 0 { Ok(code) } else { Err(failed(format!("{what}: {}", error_text(code)))) }
}

/// Creates a [`JobError::Failed`].
pub(crate) fn failed(text: impl Into<String>) -> JobError {
    JobError::Failed(text.into())
}

/// Returns whether a codec or filter needs more input, or to be read first.
pub(crate) fn is_eagain(code: c_int) -> bool {
    code == ffi::AVERROR(ffi::EAGAIN)
}

/// Returns whether the end was reached.
pub(crate) fn is_eof(code: c_int) -> bool {
    code == ffi::AVERROR_EOF
}

/// Creates the error for an allocation that failed.
pub(crate) fn no_memory() -> JobError {
    failed("FFmpeg is out of memory")
}
