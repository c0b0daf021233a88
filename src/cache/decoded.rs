//! Remembers which contents decoded without errors.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rusqlite::{Connection, OptionalExtension, params};

use crate::job::WorkerInfo;

/// The version of the table; what counts as decoded without errors is part of it.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS decoded_1 (
  id BLOB PRIMARY KEY, used INTEGER NOT NULL) STRICT, WITHOUT ROWID";
/// The maximum number of rows; about ten megabytes.
const MAX_ROWS: i64 = 200_000;
/// Bytes that are read and hashed at a time.
const BUFFER_BYTES: usize = 1 << 20;

/// The hash of the bytes of a file and of the libraries that decode it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeKey([u8; 32]);

impl DecodeKey {
    /// Reads and hashes a file, by offset.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub fn of(file: &File, worker: &WorkerInfo) -> io::Result<DecodeKey> {
        let mut content = blake3::Hasher::new();
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut at = 0;
        loop {
            let count = match file.read_at(&mut buffer, at) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            content.update(&buffer[..count]);
            at += count as u64;
        }
        let mut key = blake3::Hasher::new();
        key.update(content.finalize().as_bytes());
        key.update(env!("CARGO_PKG_VERSION").as_bytes());
        key.update(&[0]);
        key.update(worker.library.as_bytes());
        Ok(DecodeKey(*key.finalize().as_bytes()))
    }
}

/// Returns whether the content of this key decoded without errors.
pub(super) fn get(connection: &Connection, key: &DecodeKey) -> rusqlite::Result<bool> {
    connection.execute(TABLE, [])?;
    let sql = "SELECT 1 FROM decoded_1 WHERE id = ?1";
    Ok(connection.query_row(sql, [key.0.as_slice()], |_| Ok(())).optional()?.is_some())
}

/// Remembers that the content of this key decoded without errors.
pub(super) fn put(connection: &Connection, key: &DecodeKey, now_s: i64) -> rusqlite::Result<()> {
    connection.execute(TABLE, [])?;
    let sql = "INSERT OR REPLACE INTO decoded_1 (id, used) VALUES (?1, ?2)";
    connection.execute(sql, params![key.0.as_slice(), now_s])?;
    let full = connection.query_row("SELECT 1 FROM decoded_1 LIMIT 1 OFFSET ?1", [MAX_ROWS], |_| Ok(()));
    if full.optional()?.is_some() {
        let sql = "DELETE FROM decoded_1 WHERE used <= (SELECT used FROM decoded_1 ORDER BY used LIMIT 1 OFFSET ?1)";
        connection.execute(sql, [MAX_ROWS / 5])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_key_depends_on_the_bytes_and_on_the_library() {
        let dir = tempfile::tempdir().unwrap();
        let key = |name: &str, text: &str, library: &str| {
            std::fs::write(dir.path().join(name), text).unwrap();
            let file = File::open(dir.path().join(name)).unwrap();
            DecodeKey::of(&file, &WorkerInfo { library: library.into(), ..WorkerInfo::default() }).unwrap()
        };
        assert_eq!(key("one", "a", "5"), key("two", "a", "5"), "the name does not matter");
        assert_ne!(key("one", "a", "5"), key("one", "b", "5"));
        assert_ne!(key("one", "a", "5"), key("one", "a", "7"));
    }

    #[test]
    fn remembers_what_was_put() {
        let connection = Connection::open_in_memory().unwrap();
        let (one, two) = (DecodeKey([1; 32]), DecodeKey([2; 32]));
        assert!(!get(&connection, &one).unwrap());
        put(&connection, &one, 7).unwrap();
        assert!(get(&connection, &one).unwrap());
        assert!(!get(&connection, &two).unwrap());
    }
}
