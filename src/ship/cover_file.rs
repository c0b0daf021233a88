//! Reads covers, each once.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use crate::cache::FileState;
use crate::rules::CoverImage;

/// Why a cover cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CoverError {
    /// It changed while it was read.
    #[error("changed while it was checked: run again")]
    Changed,
    /// It is larger than the platform accepts.
    #[error("larger than the {0} bytes that the platform accepts")]
    TooLarge(u64),
    /// It is a folder, a device or a pipe.
    #[error("not a regular file")]
    NotAFile,
    /// It cannot be opened or read.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// The cover that a row names, as it was read; `None` if it names none.
pub(super) type CoverRead = Option<Result<CoverImage, CoverError>>;

/// Reads a cover of at most `max_bytes`, once: what is assessed, hashed and sent are these bytes.
///
/// # Errors
/// [`CoverError`]
pub fn read_cover(path: &Path, max_bytes: u64) -> Result<CoverImage, CoverError> {
    read_cover_with(path, max_bytes, &|| {})
}

/// Like [`read_cover`]; `after_read` is called after the last byte and before the state of the file is compared.
fn read_cover_with(path: &Path, max_bytes: u64, after_read: &dyn Fn()) -> Result<CoverImage, CoverError> {
    // Opening a named pipe without this flag would wait for the program at its other end.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let mut file = File::options().read(true).custom_flags(flags).open(path)?;
    let before = file.metadata()?;
    if !before.is_file() {
        return Err(CoverError::NotAFile);
    }
    let mut bytes = Vec::new();
    (&mut file).take(max_bytes + 1).read_to_end(&mut bytes)?;
    after_read();
    if bytes.len() as u64 > max_bytes {
        return Err(CoverError::TooLarge(max_bytes));
    }
    // A file that is written meanwhile may have been read as a mixture of two images.
    if FileState::from(&file.metadata()?) != FileState::from(&before) || bytes.len() as u64 != before.len() {
        return Err(CoverError::Changed);
    }
    Ok(CoverImage::new(path, bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reads_a_cover_once_with_its_hash() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cover.png");
        std::fs::write(&path, b"abc").unwrap();
        let image = read_cover(&path, 3).unwrap();
        std::fs::write(&path, b"another image").unwrap();
        assert_eq!((image.bytes(), image.content().size_bytes), (&b"abc"[..], 3));
        assert_eq!(image.content().md5, "900150983cd24fb0d6963f7d28e17f72");
        assert!(matches!(read_cover(&path, 3), Err(CoverError::TooLarge(3))));
    }

    #[test]
    fn a_cover_that_is_written_to_while_it_is_read_is_changed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cover.png");
        let changes: [&dyn Fn(); 3] = [
            &|| std::fs::write(&path, b"longer than it was").unwrap(),
            &|| std::fs::write(&path, b"").unwrap(),
            // The same length and the same time of modification.
            &|| {
                let meta = std::fs::metadata(&path).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(20));
                std::fs::write(&path, b"xyz").unwrap();
                let file = File::options().write(true).open(&path).unwrap();
                file.set_modified(meta.modified().unwrap()).unwrap();
            },
        ];
        for change in changes {
            std::fs::write(&path, b"abc").unwrap();
            assert!(matches!(read_cover_with(&path, 1000, change), Err(CoverError::Changed)));
        }
    }

    #[test]
    fn a_folder_a_device_or_a_pipe_is_no_cover_and_does_not_block() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
            .unwrap();
        for path in [dir.path(), Path::new("/dev/zero"), &pipe] {
            assert!(matches!(read_cover(path, 1000), Err(CoverError::NotAFile)), "{path:?}");
        }
    }
}
