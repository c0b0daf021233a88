//! Reads a journal without its lock, also beside the run that writes it.

use std::ffi::c_int;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};

use super::database::{Journal, beside, hardened, require_library};
use super::error::{JournalError, database};
use super::schema::{schema, upgrade};

/// How often a journal is copied that changes during the copy.
const COPIES: u32 = 5;
/// The pause between two tries to read a journal whose writer is starting.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

impl Journal {
    /// Returns the content of the journal at `path` as of now, in memory. Nothing on disk is created or changed, and
    /// changes of the content fail. A journal of an earlier schema is brought to the current one in memory.
    ///
    /// # Errors
    /// [`JournalError`] if the file cannot be read, is damaged or was written by a later version.
    pub fn snapshot(path: &Path) -> Result<Journal, JournalError> {
        require_library()?;
        let doing = database("reading the journal");
        let io = |source| JournalError::Open { path: path.to_owned(), source };
        let folder = tempfile::tempdir().map_err(io)?;
        let source = match open_beside_writer(path) {
            Some(source) => source,
            None => {
                let copy = folder.path().join("journal.db");
                copy_unchanged(path, &copy).map_err(io)?;
                Connection::open(&copy).and_then(hardened).map_err(&doing)?
            }
        };
        let mut db = Connection::open_in_memory().and_then(hardened).map_err(&doing)?;
        let copied = Backup::new(&source, &mut db)
            .and_then(|copying| copying.run_to_completion(c_int::MAX, BUSY_PAUSE, None));
        copied.map_err(&doing)?;
        // The copy of a damaged file is damaged, too, which its header does not tell.
        db.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map_err(&doing)?;
        let found = schema(&db, path)?;
        upgrade(&db, found).map_err(&doing)?;
        db.pragma_update(None, "query_only", true).map_err(&doing)?;
        Ok(Journal { db: Mutex::new(db), _lock: None })
    }
}

/// Opens a journal that a process uses, or that a killed one left: SQLite reads it without creating a file. Returns
/// `None` for any other one, and where SQLite cannot.
fn open_beside_writer(path: &Path) -> Option<Connection> {
    if !["-wal", "-shm"].iter().all(|suffix| beside(path, suffix).exists()) {
        return None;
    }
    let source =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).and_then(hardened).ok()?;
    source.pragma_query_value(None, "user_version", |_| Ok(())).ok().map(|()| source)
}

/// Copies a journal that no process uses, with what a killed one left in its log, to a folder where SQLite can create
/// its files. The copy is repeated if the journal changes during it.
fn copy_unchanged(path: &Path, copy: &Path) -> io::Result<()> {
    let files = ["", "-wal"].map(|suffix| (beside(path, suffix), beside(copy, suffix)));
    let states = || files.clone().map(|(from, _)| std::fs::metadata(from).ok().map(|meta| state(&meta)));
    for _ in 0..COPIES {
        let before = states();
        for (index, (from, to)) in files.iter().enumerate() {
            match std::fs::copy(from, to) {
                // The log is part of the journal only while it exists.
                Err(error) if index > 0 && error.kind() == io::ErrorKind::NotFound => {
                    let _ = std::fs::remove_file(to);
                }
                copied => drop(copied?),
            }
        }
        if states() == before {
            return Ok(());
        }
    }
    Err(io::Error::other("it changes while it is read"))
}

fn state(meta: &std::fs::Metadata) -> (u64, i64, i64) {
    (meta.size(), meta.mtime(), meta.mtime_nsec())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::{effect, open};
    use super::*;
    use crate::ship::Wait;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn reads_beside_the_writer_and_changes_nothing() {
        let (dir, journal) = open();
        let folder = dir.path().join("deep");
        let path = folder.join("journal.db");
        let key = journal.record_intent(&effect()).unwrap().key;
        let before = names(&folder);
        let snapshot = Journal::snapshot(&path).unwrap();
        journal.mark_sent(&key).unwrap();
        let sends = |journal: &Journal| journal.effect(&key).unwrap().unwrap().sends;
        assert_eq!((sends(&snapshot), sends(&Journal::snapshot(&path).unwrap())), (0, 1));
        assert!(snapshot.mark_sent(&key).is_err(), "a snapshot was changed");
        assert_eq!(names(&folder), before);
        drop(journal);
        assert_eq!(sends(&Journal::snapshot(&path).unwrap()), 1);
        assert_eq!(names(&folder), ["journal.db", "journal.db.lock"]);
    }

    #[test]
    fn reads_what_a_killed_run_left_in_the_log() {
        let (dir, journal) = open();
        let key = journal.record_intent(&effect()).unwrap().key;
        for left in [&["", "-wal"][..], &["", "-wal", "-shm"]] {
            let folder = tempfile::tempdir().unwrap();
            for suffix in left {
                let to = beside(&folder.path().join("journal.db"), suffix);
                std::fs::copy(beside(&dir.path().join("deep/journal.db"), suffix), to).unwrap();
            }
            let before = names(folder.path());
            let snapshot = Journal::snapshot(&folder.path().join("journal.db")).unwrap();
            assert!(snapshot.effect(&key).unwrap().is_some(), "{left:?}");
            assert_eq!(names(folder.path()), before);
        }
    }

    #[test]
    fn an_earlier_schema_is_changed_in_memory_only_and_a_later_one_is_refused() {
        let (dir, journal) = open();
        let path = dir.path().join("deep/journal.db");
        let key = journal.record_intent(&effect()).unwrap().key;
        journal.db().execute_batch(super::super::tests::TO_3).unwrap();
        journal.db().pragma_update(None, "user_version", 3).unwrap();
        let version = |db: &Connection| -> i64 {
            db.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
        };
        let snapshot = Journal::snapshot(&path).unwrap();
        assert!(snapshot.effect(&key).unwrap().is_some());
        assert_eq!((version(&snapshot.db()), version(&journal.db())), (4, 3));
        assert!(!names(&dir.path().join("deep")).iter().any(|name| name.ends_with(".bak")));
        journal.db().pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(Journal::snapshot(&path), Err(JournalError::TooNew { found: 99, .. })));
        drop(journal);
        assert!(matches!(Journal::snapshot(&path), Err(JournalError::TooNew { found: 99, .. })));
        std::fs::write(&path, "neither SQLite nor empty, but long enough to be read").unwrap();
        assert!(matches!(Journal::snapshot(&path), Err(JournalError::Damaged { .. })));
        std::fs::write(&path, "").unwrap();
        assert_eq!(Journal::snapshot(&path).unwrap().status().unwrap(), []);
        assert!(Journal::open(&path, Wait::Refuse).is_ok());
    }
}
