//! The database of a journal, which one process uses at a time.

use std::fs::{File, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};

use super::error::{JournalError, database};
use super::schema::{SCHEMA, schema, upgrade};

/// What to do when another process uses the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    /// Return an error at once.
    #[default]
    Refuse,
    /// Wait until it is free.
    UntilFree,
}

/// How often a lock is tried again that only a look may hold, and the pause before each.
const LOOKS: u32 = 5;
const LOOK_TIME: Duration = Duration::from_millis(10);
/// The oldest version of SQLite that does not lose committed rows.
const OLDEST_LIBRARY: i32 = 3_051_003;

/// The journal of one configuration, locked for this process.
#[derive(Debug)]
pub struct Journal {
    pub(super) db: Mutex<Connection>,
    // The kernel releases it when the process ends, however it ends. A snapshot has none.
    pub(super) _lock: Option<File>,
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

    /// Returns whether a run uses the journal at `path`. Nothing is created.
    ///
    /// # Errors
    /// [`JournalError::Open`] if its lock cannot be read.
    pub fn is_in_use(path: &Path) -> Result<bool, JournalError> {
        let io = |source| JournalError::Open { path: path.to_owned(), source };
        let file = match File::open(beside(path, ".lock")) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            file => file.map_err(io)?,
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(io(error)),
        }
    }

    pub(super) fn db(&self) -> MutexGuard<'_, Connection> {
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

/// Fails for a version of SQLite that can lose committed rows.
pub(super) fn require_library() -> Result<(), JournalError> {
    match rusqlite::version_number() {
        OLDEST_LIBRARY.. => Ok(()),
        _ => Err(JournalError::OldLibrary { found: rusqlite::version().to_owned() }),
    }
}

/// Returns the connection with the settings that a file from elsewhere needs: nothing that it defines is run.
pub(super) fn hardened(db: Connection) -> rusqlite::Result<Connection> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    Ok(db)
}

/// Returns the path of a file beside the journal, such as that of its lock.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
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
        Wait::Refuse => lock_at_once(&file).map_err(|error| match error {
            TryLockError::WouldBlock => JournalError::Held { path: path.to_owned() },
            TryLockError::Error(error) => io(error),
        })?,
    }
    Ok(file)
}

/// Locks a file, unless another run has it. `status` has it for a moment, so that it is tried several times.
fn lock_at_once(file: &File) -> Result<(), TryLockError> {
    for _ in 0..LOOKS {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK_TIME),
            end => return end,
        }
    }
    file.try_lock()
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
pub(super) fn append_event(
    db: &Connection,
    subject: &str,
    event: &str,
    detail: Option<&str>,
) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO events (at_ms, subject, event, detail) VALUES (?1, ?2, ?3, ?4)",
        rusqlite::params![now_ms(), subject, event, detail],
    )?;
    Ok(())
}

/// Returns the wall clock in milliseconds since 1970: monotonic clocks do not survive the process.
pub(super) fn now_ms() -> i64 {
    to_ms(SystemTime::now())
}

/// Returns a time in milliseconds since 1970.
pub(super) fn to_ms(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Returns the key of a destination. It contains the origin: a trial never marks a production asset as done.
pub fn destination_key(origin: &str, account: &str) -> String {
    format!("{origin}|{account}")
}
