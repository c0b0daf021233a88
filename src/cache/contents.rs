//! The hashes of files, each file read once in a run.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::content_hash::{Hashes, hash_file};
use super::fingerprint::FileIdentity;
use crate::model::ContentHash;

/// The hashes of files by identity. A file whose identity changes while it is read is not remembered.
#[derive(Debug, Default)]
pub struct Contents {
    /// Whether files are hashed for an upload, which needs MD5, so that one pass computes both.
    with_md5: bool,
    known: Mutex<HashMap<FileIdentity, Hashes>>,
}

impl Contents {
    /// Returns an empty collection whose files will be uploaded.
    pub fn for_upload() -> Contents {
        Contents { with_md5: true, known: Mutex::default() }
    }

    /// Returns the BLAKE3 of a file in hexadecimal digits.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub fn blake3(&self, file: &File) -> io::Result<String> {
        Ok(self.hashes(file, false)?.blake3)
    }

    /// Returns both hashes of a file and its size.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub fn content(&self, file: &File) -> io::Result<ContentHash> {
        let size_bytes = file.metadata()?.len();
        let Hashes { blake3, md5 } = self.hashes(file, true)?;
        Ok(ContentHash { blake3, md5: md5.unwrap_or_default(), size_bytes })
    }

    /// Returns the BLAKE3 of the file at a path.
    ///
    /// # Errors
    ///
    /// If there is no regular file, or it cannot be read.
    pub fn blake3_of(&self, path: &Path) -> io::Result<String> {
        // Opening a named pipe would wait for the program at its other end.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        self.blake3(&File::open(path)?)
    }

    /// Remembers the BLAKE3 of a file that was hashed by an earlier run.
    pub fn remember(&self, identity: FileIdentity, blake3: &str) {
        let hashes = || Hashes { blake3: blake3.to_owned(), md5: None };
        self.known().entry(identity).or_insert_with(hashes);
    }

    /// Forgets the hashes of a file that changed although its identity is the same.
    pub fn forget(&self, identity: &FileIdentity) {
        self.known().remove(identity);
    }

    fn hashes(&self, file: &File, md5: bool) -> io::Result<Hashes> {
        let identity = FileIdentity::from(&file.metadata()?);
        if let Some(hashes) = self.known().get(&identity).filter(|hashes| !md5 || hashes.md5.is_some()) {
            return Ok(hashes.clone());
        }
        let hashes = hash_file(file, md5 || self.with_md5)?;
        if FileIdentity::from(&file.metadata()?) == identity {
            self.known().insert(identity, hashes.clone());
        }
        Ok(hashes)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<FileIdentity, Hashes>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;

    use super::*;

    #[test]
    fn returns_both_hashes_and_the_size_of_the_bytes() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"abc").unwrap();
        let content = Contents::default().content(&file).unwrap();
        assert_eq!(content.md5, "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(content.blake3, "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85");
        assert_eq!(content.size_bytes, 3);
    }

    #[test]
    fn reads_a_file_once_for_all_hashes_of_an_upload() {
        let named = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(named.path(), b"abc").unwrap();
        let contents = Contents::for_upload();
        let blake3 = contents.blake3(named.as_file()).unwrap();
        // A descriptor that cannot be read shows that nothing is read again.
        let unreadable = File::options().write(true).open(named.path()).unwrap();
        assert_eq!(contents.content(&unreadable).unwrap().blake3, blake3);
        assert!(Contents::default().content(&unreadable).is_err());
    }

    #[test]
    fn hashes_a_changed_file_anew() {
        let named = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(named.path(), b"abc").unwrap();
        let contents = Contents::default();
        let before = contents.blake3(named.as_file()).unwrap();
        std::fs::write(named.path(), b"abcd").unwrap();
        assert_ne!(contents.blake3(named.as_file()).unwrap(), before);
    }
}
