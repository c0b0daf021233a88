//! Remembers which contents decoded without errors.

use rusqlite::{Connection, OptionalExtension, params};

use crate::job::WorkerInfo;

/// The version of the table; what counts as decoded without errors is part of it.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS decoded_1 (
  id BLOB PRIMARY KEY, used INTEGER NOT NULL) STRICT, WITHOUT ROWID";
/// The maximum number of rows; about ten megabytes.
const MAX_ROWS: i64 = 200_000;

/// The hash of the bytes of a file and of the libraries that decode it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeKey([u8; 32]);

impl DecodeKey {
    /// Returns the key of the bytes with this [`content_hash`](super::content_hash()), decoded by this worker.
    pub fn new(content: &str, worker: &WorkerInfo) -> DecodeKey {
        let mut key = blake3::Hasher::new();
        key.update(content.as_bytes());
        key.update(env!("CARGO_PKG_VERSION").as_bytes());
        key.update(&[0]);
        key.update(worker.library.as_bytes());
        DecodeKey(*key.finalize().as_bytes())
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
    use super::super::content_hash;
    use super::*;
    use std::fs::File;

    #[test]
    fn the_key_depends_on_the_bytes_and_on_the_library() {
        let dir = tempfile::tempdir().unwrap();
        let key = |name: &str, text: &str, library: &str| {
            std::fs::write(dir.path().join(name), text).unwrap();
            let file = File::open(dir.path().join(name)).unwrap();
            let worker = WorkerInfo { library: library.into(), ..WorkerInfo::default() };
            DecodeKey::new(&content_hash(&file).unwrap(), &worker)
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
