//! The journal: intent, sends and result of each effect, in a SQLite database that one process uses at a time.
//!
//! The intent of each effect is on disk before its first byte is sent, so that after any crash the journal tells
//! whether the effect may be sent. Calls block for about the duration of a disk sync and are made directly from
//! the async tasks.

mod answers;
mod effects;
mod history;
mod items;
mod log;
mod open_questions;
mod publications;
mod snapshot;

use std::fs::{File, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, TransactionBehavior};

pub use answers::{Answered, Choice};
pub(super) use effects::kind_name;
pub use effects::{Effect, EffectRecord, EffectState, Resolution};
pub use history::History;
pub use items::{Artifact, ItemKey, ItemRecord, KnownAsset, StatusLine};
pub use log::LoggedEvent;
pub use open_questions::Question;
pub use publications::{PublicationKey, PublicationRecord, StatusPublication};

/// Why a call to the journal failed.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process uses the journal.
    #[error("{}: another run uses this journal; wait until it ends (`ship --wait` does)", path.display())]
    Held {
        /// The journal.
        path: PathBuf,
    },
    /// The file or its folder cannot be opened.
    #[error("{}: the journal cannot be opened", path.display())]
    Open {
        /// The journal.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// A database operation failed.
    #[error(
        "{doing} failed; earlier entries are kept. Check that the disk of the journal has free space and run again"
    )]
    Database {
        /// The operation.
        doing: &'static str,
        /// The error of the database.
        #[source]
        source: rusqlite::Error,
    },
    /// The file is not a journal, or parts of it are unreadable.
    #[error(
        "the journal is damaged ({doing} failed). Move it away, with the files of the same name that end in -wal and \
         -shm, and run again. Without it, greenlit no longer knows what it sent: it asks the platform for \
         its videos and ads, and waits for the visibility_window before it creates an ad; posts and drafts cannot be \
         found, so that `ship` asks for --fresh before it makes them again"
    )]
    Damaged {
        /// The operation.
        doing: &'static str,
        /// The error of the database.
        #[source]
        source: rusqlite::Error,
    },
    /// A later version wrote the journal.
    #[error("{}: written by a later version of greenlit (schema {found}, supported up to {SCHEMA}); update greenlit", path.display())]
    TooNew {
        /// The journal.
        path: PathBuf,
        /// Its schema.
        found: i64,
    },
    /// A version of SQLite that can lose committed rows.
    #[error("SQLite {found} can lose committed rows; 3.51.3 or later is needed")]
    OldLibrary {
        /// Its version.
        found: String,
    },
    /// The state of an effect forbids a transition.
    #[error("journal: effect {key} is {state} and cannot become {wanted}")]
    Forbidden {
        /// The effect.
        key: String,
        /// Its state.
        state: String,
        /// The requested state.
        wanted: &'static str,
    },
    /// No open question has that id.
    #[error("journal: no open question has the id {id}; see `greenlit status`")]
    NoQuestion {
        /// As given.
        id: String,
    },
}

/// What to do when another process uses the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    /// Return an error at once.
    #[default]
    Refuse,
    /// Wait until it is free.
    UntilFree,
}

const SCHEMA: i64 = 4;
const OLDEST_LIBRARY: i32 = 3_051_003;

const TABLES: &str = "
CREATE TABLE effects (
  effect_key TEXT PRIMARY KEY, kind TEXT NOT NULL, origin TEXT NOT NULL, account TEXT NOT NULL,
  scope TEXT NOT NULL, name TEXT NOT NULL, content TEXT NOT NULL, md5 TEXT, size_bytes INTEGER,
  recipe INTEGER NOT NULL, state TEXT NOT NULL, sends INTEGER NOT NULL DEFAULT 0, receipt TEXT,
  request_id TEXT, reason TEXT, name_held INTEGER NOT NULL DEFAULT 0, abandoned INTEGER NOT NULL DEFAULT 0,
  asked INTEGER NOT NULL DEFAULT 0, readings TEXT, intent_ms INTEGER NOT NULL, sent_ms INTEGER,
  settled_ms INTEGER, handle TEXT, sent_platform_ms INTEGER) STRICT;
CREATE TABLE items (
  source_blake3 TEXT NOT NULL, profile_hash TEXT NOT NULL, destination TEXT NOT NULL,
  source_path TEXT NOT NULL, artifact_path TEXT, artifact_blake3 TEXT, artifact_md5 TEXT,
  artifact_size INTEGER, recipe INTEGER NOT NULL, effect_key TEXT, state TEXT NOT NULL, video_id TEXT,
  attempts INTEGER NOT NULL, reason TEXT, history TEXT NOT NULL, updated_ms INTEGER NOT NULL,
  given_up TEXT,
  PRIMARY KEY (source_blake3, profile_hash, destination)) STRICT;
CREATE TABLE publications (
  origin TEXT NOT NULL, account TEXT NOT NULL, scope TEXT NOT NULL, name TEXT NOT NULL,
  content TEXT NOT NULL, field_digest TEXT NOT NULL, state TEXT NOT NULL, id TEXT, cover_id TEXT,
  effect_key TEXT, reason TEXT, updated_ms INTEGER NOT NULL,
  PRIMARY KEY (origin, account, scope, name, content)) STRICT;
CREATE TABLE IF NOT EXISTS answers (
  effect_key TEXT PRIMARY KEY, choice TEXT NOT NULL, receipt TEXT, at_ms INTEGER NOT NULL) STRICT;
CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, subject TEXT NOT NULL,
  event TEXT NOT NULL, detail TEXT) STRICT;
CREATE TRIGGER events_keep BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_stay BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
";

/// What later schemas changed, each with the first schema that has it.
const CHANGES: [(i64, &str); 3] = [
    (2, "ALTER TABLE effects ADD COLUMN handle TEXT;"),
    (3, "ALTER TABLE items ADD COLUMN given_up TEXT;"),
    (
        4,
        "ALTER TABLE effects ADD COLUMN sent_platform_ms INTEGER;
         ALTER TABLE effects RENAME COLUMN advertiser TO account;
         ALTER TABLE ads RENAME TO publications;
         ALTER TABLE publications RENAME COLUMN advertiser TO account;
         ALTER TABLE publications RENAME COLUMN adgroup TO scope;
         ALTER TABLE publications RENAME COLUMN ad_name TO name;
         ALTER TABLE publications RENAME COLUMN ad_id TO id;
         ALTER TABLE publications RENAME COLUMN image_id TO cover_id;
         UPDATE effects SET name = name || CASE WHEN sends > 1 THEN '-' || sends ELSE '' END || '.png'
           WHERE kind = 'image' AND name NOT LIKE '%.%';
         CREATE TABLE IF NOT EXISTS answers (
           effect_key TEXT PRIMARY KEY, choice TEXT NOT NULL, receipt TEXT, at_ms INTEGER NOT NULL) STRICT;",
    ),
];

/// The journal of one configuration, locked for this process.
#[derive(Debug)]
pub struct Journal {
    db: Mutex<Connection>,
    // The kernel releases it when the process ends, however it ends. A snapshot has none.
    _lock: Option<File>,
}

impl Journal {
    /// Opens the journal at `path`, or creates it, and locks it until dropped.
    ///
    /// # Errors
    /// [`JournalError::Held`] if another process uses it and `wait` is [`Wait::Refuse`].
    pub fn open(path: &Path, wait: Wait) -> Result<Journal, JournalError> {
        require_library()?;
        let io = |source| JournalError::Open { path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(io)?;
        }
        let lock = lock_file(path, wait)?;
        let mut db = Connection::open(path).and_then(hardened).map_err(database("opening"))?;
        // `resolve` may write at the same time, and a transaction that has only read would not wait for it.
        db.set_transaction_behavior(TransactionBehavior::Immediate);
        migrate(&db, path)?;
        Ok(Journal { db: Mutex::new(db), _lock: Some(lock) })
    }

    fn db(&self) -> MutexGuard<'_, Connection> {
        // A panic leaves no partial change: each change is one transaction.
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns events, oldest first, as (subject, event): for audits and tests.
    pub fn events(&self, limit: u32) -> Result<Vec<(String, String)>, JournalError> {
        let db = self.db();
        let doing = database("reading events");
        let mut query =
            db.prepare("SELECT subject, event FROM events ORDER BY seq LIMIT ?1").map_err(&doing)?;
        let rows = query.query_map([limit], |row| Ok((row.get(0)?, row.get(1)?))).map_err(&doing)?;
        rows.collect::<Result<_, _>>().map_err(&doing)
    }
}

/// Wraps a database error with the operation that failed.
fn database(doing: &'static str) -> impl Fn(rusqlite::Error) -> JournalError {
    move |source| match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => JournalError::Damaged { doing, source },
        _ => JournalError::Database { doing, source },
    }
}

fn require_library() -> Result<(), JournalError> {
    match rusqlite::version_number() {
        OLDEST_LIBRARY.. => Ok(()),
        _ => Err(JournalError::OldLibrary { found: rusqlite::version().to_owned() }),
    }
}

/// Returns the connection with the settings that a file from elsewhere needs: nothing that it defines is run.
fn hardened(db: Connection) -> rusqlite::Result<Connection> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    Ok(db)
}

/// Returns the path of a file beside the journal, such as that of its lock.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn lock_file(path: &Path, wait: Wait) -> Result<File, JournalError> {
    let io = |source| JournalError::Open { path: path.to_owned(), source };
    let options = File::options().create(true).truncate(false).write(true).mode(0o600).to_owned();
    let file = options.open(beside(path, ".lock")).map_err(io)?;
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

/// Sets the pragmas and brings the schema to [`SCHEMA`].
fn migrate(db: &Connection, path: &Path) -> Result<(), JournalError> {
    let doing = database("preparing the journal");
    db.pragma_update(None, "journal_mode", "WAL").map_err(&doing)?;
    db.pragma_update(None, "synchronous", "FULL").map_err(&doing)?;
    let found = schema(db, path)?;
    if (1..SCHEMA).contains(&found) {
        back_up(db, path, found)?;
    }
    upgrade(db, found).map_err(&doing)
}

/// Returns the schema of a database; 0 if it has none yet.
fn schema(db: &Connection, path: &Path) -> Result<i64, JournalError> {
    let found = db.pragma_query_value(None, "user_version", |row| row.get(0));
    match found.map_err(database("preparing the journal"))? {
        known @ 0..=SCHEMA => Ok(known),
        found => Err(JournalError::TooNew { path: path.to_owned(), found }),
    }
}

/// Brings a database of the schema `found` to [`SCHEMA`].
fn upgrade(db: &Connection, found: i64) -> rusqlite::Result<()> {
    let changes: String = match found {
        SCHEMA => return Ok(()),
        0 => TABLES.to_owned(),
        _ => CHANGES.iter().filter(|(since, _)| found < *since).map(|(_, change)| *change).collect(),
    };
    db.execute_batch(&format!("BEGIN IMMEDIATE; {changes} PRAGMA user_version = {SCHEMA}; COMMIT;"))
}

/// Writes a copy of the journal of an older schema beside it, such as `journal.db.schema-1.bak`. A copy of an earlier attempt
/// is kept: it is the older one.
fn back_up(db: &Connection, path: &Path, schema: i64) -> Result<(), JournalError> {
    let copy = beside(path, &format!(".schema-{schema}.bak"));
    if copy.exists() {
        return Ok(());
    }
    let unfinished = copy.with_extension("part");
    let io = |source| JournalError::Open { path: copy.clone(), source };
    match std::fs::remove_file(&unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
        _ => {}
    }
    let doing = database("copying the journal before its schema is changed");
    db.execute("VACUUM INTO CAST(?1 AS TEXT)", [unfinished.as_os_str().as_encoded_bytes()])
        .map_err(&doing)?;
    std::fs::rename(&unfinished, &copy).map_err(io)
}

/// Appends an event within the transaction that it describes.
fn append_event(db: &Connection, subject: &str, event: &str, detail: Option<&str>) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO events (at_ms, subject, event, detail) VALUES (?1, ?2, ?3, ?4)",
        rusqlite::params![now_ms(), subject, event, detail],
    )?;
    Ok(())
}

/// Returns the wall clock in milliseconds since 1970: monotonic clocks do not survive the process.
fn now_ms() -> i64 {
    to_ms(SystemTime::now())
}

/// Returns a time in milliseconds since 1970.
fn to_ms(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Returns the key of a destination. It contains the origin: a trial never marks a production asset as done.
pub fn destination_key(origin: &str, account: &str) -> String {
    format!("{origin}|{account}")
}

#[cfg(test)]
mod tests;
