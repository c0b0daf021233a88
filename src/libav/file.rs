//! Descriptors of inputs and outputs.

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::job::JobError;
use crate::probe::file_size;

/// The most bytes of a file that is read as a whole.
const MAX_WHOLE_BYTES: u64 = 512 << 20;

/// Duplicates the descriptor of a file.
pub(crate) fn share(file: &File) -> Result<File, JobError> {
    file.try_clone().map_err(io_error)
}

/// Converts a failure to read or write.
pub(crate) fn io_error(error: std::io::Error) -> JobError {
    JobError::Io(format!("cannot read or write the input or output file: {error}"))
}

/// Returns all bytes of a small file.
pub(crate) fn read_all(file: &File) -> Result<Vec<u8>, JobError> {
    let size = file_size(file).map_err(io_error)?;
    if size > MAX_WHOLE_BYTES {
        return Err(JobError::Unreadable(format!("more than {} MiB", MAX_WHOLE_BYTES >> 20)));
    }
    let mut bytes = vec![0; size as usize];
    file.read_exact_at(&mut bytes, 0).map_err(io_error)?;
    Ok(bytes)
}

/// Makes these bytes the content of a file, and flushes it to the device.
pub(crate) fn write_new(file: &File, bytes: &[u8]) -> Result<(), JobError> {
    file.write_all_at(bytes, 0).map_err(io_error)?;
    file.set_len(bytes.len() as u64).map_err(io_error)?;
    file.sync_all().map_err(io_error)
}
