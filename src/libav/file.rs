//! Descriptors of inputs and outputs.

use std::fs::File;

use crate::job::JobError;

/// Duplicates the descriptor of a file.
pub(crate) fn share(file: &File) -> Result<File, JobError> {
    file.try_clone().map_err(io_error)
}

/// Converts a failure to read or write.
pub(crate) fn io_error(error: std::io::Error) -> JobError {
    JobError::Io(format!("cannot read or write the input or output file: {error}"))
}
