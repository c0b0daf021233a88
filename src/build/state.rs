//! The state of builds in an SQLite file beside the configuration.
//!
//! Each result is stored as soon as it is known, so that a killed build loses only the files in work. The state can be
//! lost: the record beside the outputs then shows what is still valid. So nothing waits for the disk, and a corrupt file
//! is replaced.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};

use super::columns::{self, Columns, SELECT_ENTRIES};
use super::entry::{Entry, EntryKey, Leftover};
use super::libraries::Libraries;
use crate::pipeline::Outcome;
use crate::state_folder::{create_folder, prepare_file, verify_file};

/// How long to wait for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS recipe (id INTEGER PRIMARY KEY, recipe TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE IF NOT EXISTS entry (
  build TEXT NOT NULL, profile TEXT NOT NULL, source BLOB NOT NULL, recipe INTEGER NOT NULL, ended TEXT NOT NULL,
  state BLOB, content TEXT NOT NULL, output BLOB, out BLOB, output_state BLOB, output_content TEXT,
  PRIMARY KEY (build, profile, source)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outcome (
  build TEXT NOT NULL, profile TEXT NOT NULL, source BLOB NOT NULL, outcome TEXT NOT NULL,
  PRIMARY KEY (build, profile, source)) STRICT;
CREATE TABLE IF NOT EXISTS leftover (
  output BLOB PRIMARY KEY, source BLOB NOT NULL, out BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS worker (id INTEGER PRIMARY KEY CHECK (id = 1), libraries TEXT NOT NULL) STRICT;
";

/// The state cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the state of builds {} cannot be used", path.display())]
pub struct StateError {
    /// The file.
    pub path: PathBuf,
    /// The cause.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// The state of builds.
#[derive(Debug)]
pub struct BuildState {
    path: PathBuf,
    db: Connection,
}

impl BuildState {
    /// Opens the state at `path`, or creates it.
    ///
    /// # Errors
    ///
    /// If it cannot be opened. A corrupt file is replaced.
    pub fn open(path: &Path) -> Result<BuildState, StateError> {
        let prepared = path.parent().map_or(Ok(()), create_folder).and_then(|()| prepare_file(path));
        prepared.map_err(|error| failed(path, error))?;
        let open = || {
            let db = Connection::open(path)?;
            db.busy_timeout(BUSY_TIMEOUT)?;
            db.pragma_update(None, "synchronous", "OFF")?;
            db.execute_batch(TABLES)?;
            db.prepare(SELECT_ENTRIES)?;
            Ok(db)
        };
        let db = match open() {
            Err(error) if is_corruption(&error) => {
                std::fs::remove_file(path).map_err(|error| failed(path, error))?;
                open()
            }
            other => other,
        };
        Ok(BuildState { path: path.to_owned(), db: db.map_err(|error| failed(path, error))? })
    }

    /// Opens the state at `path` without writing anything; an empty one if there is none.
    ///
    /// # Errors
    ///
    /// If it cannot be opened.
    pub fn read(path: &Path) -> Result<BuildState, StateError> {
        verify_file(path).map_err(|error| failed(path, error))?;
        let open = || {
            if !path.exists() {
                let db = Connection::open_in_memory()?;
                db.execute_batch(TABLES)?;
                return Ok(db);
            }
            let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            db.busy_timeout(BUSY_TIMEOUT)?;
            Ok(db)
        };
        let db = open().map_err(|error: rusqlite::Error| failed(path, error))?;
        Ok(BuildState { path: path.to_owned(), db })
    }

    /// Returns all entries. An entry of another version, which cannot be read, is left out.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub fn entries(&self) -> Result<HashMap<EntryKey, Entry>, StateError> {
        let read = || {
            let mut query = self.db.prepare("SELECT id, recipe FROM recipe")?;
            let recipes =
                query.query_map([], |row| Ok((row.get(0)?, row.get_ref(1)?.as_str()?.to_owned())))?;
            let mut columns = Columns::default();
            for recipe in recipes {
                let (id, text): (i64, String) = recipe?;
                if let Ok(recipe) = serde_json::from_str(&text) {
                    columns.recipes.insert(id, Arc::new(recipe));
                }
            }
            let mut query = self.db.prepare(SELECT_ENTRIES)?;
            let mut rows = query.query([])?;
            let mut entries = HashMap::new();
            while let Some(row) = rows.next()? {
                entries.extend(columns.read(row)?);
            }
            Ok(entries)
        };
        read().map_err(|error: rusqlite::Error| failed(&self.path, error))
    }

    /// Returns the whole outcome of an entry, if it can be read.
    pub fn outcome(&self, key: &EntryKey) -> Option<Outcome> {
        let sql = "SELECT outcome FROM outcome WHERE build = ?1 AND profile = ?2 AND source = ?3";
        let mut query = self.db.prepare_cached(sql).ok()?;
        let source = key.source.as_os_str().as_bytes();
        let text: String = query.query_row(params![key.build, key.profile, source], |row| row.get(0)).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Stores the result of a source, in place of an earlier one.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn put(&mut self, key: &EntryKey, entry: &Entry, outcome: &Outcome) -> Result<(), StateError> {
        let outcome = self.json(outcome)?;
        let source = key.source.as_os_str().as_bytes();
        self.write(|db| {
            columns::write(db, key, entry)?;
            let sql = "INSERT OR REPLACE INTO outcome VALUES (?1, ?2, ?3, ?4)";
            db.prepare_cached(sql)?.execute(params![key.build, key.profile, source, outcome]).map(drop)
        })
    }

    /// Stores the new metadata of files whose bytes are the same.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn touch(&mut self, touched: &[(EntryKey, Box<Entry>)]) -> Result<(), StateError> {
        self.write(|db| touched.iter().try_for_each(|(key, entry)| columns::write(db, key, entry)))
    }

    /// Removes the entries of sources that are gone.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn remove(&mut self, keys: &HashSet<EntryKey>) -> Result<(), StateError> {
        self.write(|db| {
            for table in ["entry", "outcome"] {
                let sql = format!("DELETE FROM {table} WHERE build = ?1 AND profile = ?2 AND source = ?3");
                let mut delete = db.prepare(&sql)?;
                for key in keys {
                    delete.execute(params![key.build, key.profile, key.source.as_os_str().as_bytes()])?;
                }
            }
            Ok(())
        })
    }

    /// Returns the outputs that no source makes any more.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub fn leftovers(&self) -> Result<Vec<Leftover>, StateError> {
        let read = || {
            let mut query = self.db.prepare("SELECT output, source, out FROM leftover ORDER BY output")?;
            let rows = query.query_map([], |row| {
                Ok(Leftover {
                    output: columns::path(row, 0)?,
                    source: columns::path(row, 1)?,
                    out: columns::path(row, 2)?,
                })
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        read().map_err(|error: rusqlite::Error| failed(&self.path, error))
    }

    /// Replaces the list of outputs that no source makes any more.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn set_leftovers(&mut self, leftovers: &[Leftover]) -> Result<(), StateError> {
        self.write(|db| {
            db.execute("DELETE FROM leftover", [])?;
            let mut insert = db.prepare("INSERT OR REPLACE INTO leftover VALUES (?1, ?2, ?3)")?;
            for Leftover { output, source, out } in leftovers {
                insert.execute([output, source, out].map(|path| path.as_os_str().as_bytes()))?;
            }
            Ok(())
        })
    }

    /// Returns the worker and the libraries that the last build used.
    pub fn libraries(&self) -> Option<Libraries> {
        let text = self.db.query_row("SELECT libraries FROM worker", [], |row| row.get::<_, String>(0));
        serde_json::from_str(&text.optional().ok()??).ok()
    }

    /// Stores the worker and the libraries of this build.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn set_libraries(&mut self, libraries: &Libraries) -> Result<(), StateError> {
        let text = self.json(libraries)?;
        self.write(|db| db.execute("INSERT OR REPLACE INTO worker VALUES (1, ?1)", [text]).map(drop))
    }

    fn json(&self, value: &impl serde::Serialize) -> Result<String, StateError> {
        serde_json::to_string(value).map_err(|error| failed(&self.path, error))
    }

    fn write(&mut self, change: impl FnOnce(&Connection) -> rusqlite::Result<()>) -> Result<(), StateError> {
        let write = |db: &mut Connection| {
            let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            change(&transaction)?;
            transaction.commit()
        };
        write(&mut self.db).map_err(|error| failed(&self.path, error))
    }
}

fn failed(path: &Path, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StateError {
    StateError { path: path.to_owned(), source: source.into() }
}

/// Returns whether the file is no database of builds, or one of another version.
fn is_corruption(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt | ErrorCode::Unknown))
}

impl From<StateError> for io::Error {
    fn from(error: StateError) -> io::Error {
        io::Error::other(error)
    }
}
