//! The journal: what was meant, what was sent, what came of it. SQLite, one process at a time.
//!
//! The intent of every effect is on disk before its first byte leaves, so that after any crash the
//! question "may this be sent?" has an answer. Calls block for about as long as the disk takes to
//! sync; they are short and are made straight from the machine's tasks.

mod ads;
mod effects;
mod history;
mod items;
mod log;
mod questions;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::Connection;

pub use ads::{AdKey, AdRecord};
pub use effects::{Effect, EffectRecord, EffectState, Resolution};
pub use history::History;
pub use items::{Artifact, ItemKey, ItemRecord, Known, StatusLine};
pub use log::LoggedEvent;
pub use questions::{Choice, Question};

/// Why the journal could not be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process holds it.
    #[error("{}: another run holds this journal; let it end, or use --wait", path.display())]
    Held {
        /// The journal.
        path: PathBuf,
    },
    /// The file or its folder cannot be used.
    #[error("{}: the journal cannot be opened", path.display())]
    Open {
        /// The journal.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The database refused.
    #[error(
        "{doing} failed; what was written before is kept. See that the disk of the journal has room and run again"
    )]
    Database {
        /// What was being done.
        doing: &'static str,
        /// What the database said.
        #[source]
        source: rusqlite::Error,
    },
    /// Written by a later version.
    #[error("{}: written by a later greenlit (schema {found}, this one knows {SCHEMA}); update greenlit", path.display())]
    TooNew {
        /// The journal.
        path: PathBuf,
        /// Its schema.
        found: i64,
    },
    /// A library that may lose committed rows.
    #[error("SQLite {found} can lose committed rows; 3.51.3 or later is needed")]
    OldLibrary {
        /// Its version.
        found: String,
    },
    /// A step that the state of an effect forbids.
    #[error("journal: effect {key} is {state}, so it may not be {wanted}")]
    Forbidden {
        /// The effect.
        key: String,
        /// Its state.
        state: String,
        /// What was asked.
        wanted: &'static str,
    },
    /// Nothing by that id.
    #[error("journal: no open question has the id {id}; see `greenlit status`")]
    NoQuestion {
        /// As given.
        id: String,
    },
}

/// What to do when another process holds the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    /// Refuse at once.
    #[default]
    Refuse,
    /// Wait until it is free.
    UntilFree,
}

const SCHEMA: i64 = 2;
const OLDEST_LIBRARY: i32 = 3_051_003;

const TABLES: &str = "
CREATE TABLE effects (
  effect_key TEXT PRIMARY KEY, kind TEXT NOT NULL, origin TEXT NOT NULL, advertiser TEXT NOT NULL,
  scope TEXT NOT NULL, name TEXT NOT NULL, content TEXT NOT NULL, md5 TEXT, size_bytes INTEGER,
  recipe INTEGER NOT NULL, state TEXT NOT NULL, sends INTEGER NOT NULL DEFAULT 0, receipt TEXT,
  request_id TEXT, reason TEXT, name_held INTEGER NOT NULL DEFAULT 0, abandoned INTEGER NOT NULL DEFAULT 0,
  asked INTEGER NOT NULL DEFAULT 0, readings TEXT, intent_ms INTEGER NOT NULL, sent_ms INTEGER,
  settled_ms INTEGER, handle TEXT) STRICT;
CREATE TABLE items (
  source_blake3 TEXT NOT NULL, profile_hash TEXT NOT NULL, destination TEXT NOT NULL,
  source_path TEXT NOT NULL, artifact_path TEXT, artifact_blake3 TEXT, artifact_md5 TEXT,
  artifact_size INTEGER, recipe INTEGER NOT NULL, effect_key TEXT, state TEXT NOT NULL, video_id TEXT,
  attempts INTEGER NOT NULL, reason TEXT, history TEXT NOT NULL, updated_ms INTEGER NOT NULL,
  PRIMARY KEY (source_blake3, profile_hash, destination)) STRICT;
CREATE TABLE ads (
  origin TEXT NOT NULL, advertiser TEXT NOT NULL, adgroup TEXT NOT NULL, ad_name TEXT NOT NULL,
  content TEXT NOT NULL, field_digest TEXT NOT NULL, state TEXT NOT NULL, ad_id TEXT, image_id TEXT,
  effect_key TEXT, reason TEXT, updated_ms INTEGER NOT NULL,
  PRIMARY KEY (origin, advertiser, adgroup, ad_name, content)) STRICT;
CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, subject TEXT NOT NULL,
  event TEXT NOT NULL, detail TEXT) STRICT;
CREATE TRIGGER events_keep BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_stay BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
";

/// The journal of one configuration.
#[derive(Debug)]
pub struct Journal {
    db: Mutex<Connection>,
    // Freed by the kernel on any death.
    _lock: File,
}

impl Journal {
    /// Opens the journal at `path`, or begins one, and holds it until dropped.
    ///
    /// # Errors
    /// [`JournalError::Held`] when another process has it and `wait` is [`Wait::Refuse`].
    pub fn open(path: &Path, wait: Wait) -> Result<Journal, JournalError> {
        let found = rusqlite::version_number();
        if found < OLDEST_LIBRARY {
            return Err(JournalError::OldLibrary { found: rusqlite::version().to_owned() });
        }
        let io = |source| JournalError::Open { path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(io)?;
        }
        let lock = hold(path, wait)?;
        let db = Connection::open(path).map_err(database("opening"))?;
        prepare(&db, path)?;
        Ok(Journal { db: Mutex::new(db), _lock: lock })
    }

    fn db(&self) -> MutexGuard<'_, Connection> {
        // A panic elsewhere left no half-done statement: each change is one transaction.
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happened, oldest first, as (subject, event): for audits and tests.
    pub fn events(&self, limit: u32) -> Result<Vec<(String, String)>, JournalError> {
        let db = self.db();
        let doing = database("reading events");
        let mut query =
            db.prepare("SELECT subject, event FROM events ORDER BY seq LIMIT ?1").map_err(&doing)?;
        let rows = query.query_map([limit], |row| Ok((row.get(0)?, row.get(1)?))).map_err(&doing)?;
        rows.collect::<Result<_, _>>().map_err(&doing)
    }
}

fn database(doing: &'static str) -> impl Fn(rusqlite::Error) -> JournalError {
    move |source| JournalError::Database { doing, source }
}

fn hold(path: &Path, wait: Wait) -> Result<File, JournalError> {
    let io = |source| JournalError::Open { path: path.to_owned(), source };
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = File::options().create(true).truncate(false).write(true).open(&name).map_err(io)?;
    match wait {
        Wait::UntilFree => file.lock().map_err(io)?,
        Wait::Refuse => match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalError::Held { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(io(error)),
        },
    }
    Ok(file)
}

fn prepare(db: &Connection, path: &Path) -> Result<(), JournalError> {
    let doing = database("preparing the journal");
    db.pragma_update(None, "journal_mode", "WAL").map_err(&doing)?;
    db.pragma_update(None, "synchronous", "FULL").map_err(&doing)?;
    let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(&doing)?;
    match found {
        0 => db
            .execute_batch(&format!("BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {SCHEMA}; COMMIT;"))
            .map_err(&doing),
        // The first schema knew no handles.
        1 => db
            .execute_batch(&format!(
                "BEGIN IMMEDIATE; ALTER TABLE effects ADD COLUMN handle TEXT; PRAGMA user_version = {SCHEMA}; COMMIT;"
            ))
            .map_err(&doing),
        SCHEMA => Ok(()),
        _ => Err(JournalError::TooNew { path: path.to_owned(), found }),
    }
}

/// Appends an event inside the transaction that it describes.
fn note(db: &Connection, subject: &str, event: &str, detail: Option<&str>) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO events (at_ms, subject, event, detail) VALUES (?1, ?2, ?3, ?4)",
        rusqlite::params![now_ms(), subject, event, detail],
    )?;
    Ok(())
}

/// Milliseconds since 1970 by the wall clock: the only clock that outlives a process.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The key of a destination: a trial never marks a production asset as done.
pub fn destination_key(origin: &str, advertiser_id: &str) -> String {
    format!("{origin}|{advertiser_id}")
}

#[cfg(test)]
mod tests;
