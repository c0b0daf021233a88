//! Bytes in memory as the input of a job.

use std::fs::File;
use std::io::{self, Write};

/// Returns a file that has no name and holds these bytes, so that a worker reads what its submitter holds.
///
/// # Errors
/// Fails if there is no memory, or no folder for temporary files, for it.
pub fn memory_file(bytes: &[u8]) -> io::Result<File> {
    let mut file = anonymous()?;
    file.write_all(bytes)?;
    seal(&file)?;
    Ok(file)
}

#[cfg(target_os = "linux")]
fn anonymous() -> io::Result<File> {
    use rustix::fs::MemfdFlags;
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    Ok(File::from(rustix::fs::memfd_create("greenlit-input", flags)?))
}

/// Forbids every change, also to a worker that gets the descriptor.
#[cfg(target_os = "linux")]
fn seal(file: &File) -> io::Result<()> {
    use rustix::fs::SealFlags;
    let all = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    Ok(rustix::fs::fcntl_add_seals(file, all)?)
}

#[cfg(not(target_os = "linux"))]
fn anonymous() -> io::Result<File> {
    tempfile::tempfile()
}

#[cfg(not(target_os = "linux"))]
fn seal(_file: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn holds_the_bytes_and_nobody_can_change_them() {
        let file = memory_file(b"image").unwrap();
        let mut read = [0; 5];
        file.read_exact_at(&mut read, 0).unwrap();
        assert_eq!((&read, file.metadata().unwrap().len()), (b"image", 5));
        if cfg!(target_os = "linux") {
            file.write_all_at(b"x", 0).unwrap_err();
            file.set_len(2).unwrap_err();
            file.set_len(9).unwrap_err();
        }
    }
}
