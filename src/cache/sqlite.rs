//! The probe cache in an SQLite file, shared by all runs of a user.
//!
//! It has one row per probe (table `answer`) and one per worker build that produced probes (table
//! `maker`). Any number of processes may use it at once: readers see committed rows; a writer that waits
//! longer than `BUSY_TIMEOUT` discards its probes. Probes of deleted files stay until they are evicted.

use std::error::Error;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior, params};
use xxhash_rust::xxh3::xxh3_64;

use super::{CachedProbe, DecodeKey, FileFingerprint, ProbeCache, decoded};
use crate::job::{MappedFile, WorkerInfo};

/// The file name. A new schema gets a new name, so that several versions of greenlit can coexist.
const FILE_NAME: &str = "facts-1.sqlite";
/// The maximum number of probes, about a hundred megabytes. Beyond it, the least recently used are evicted.
const MAX_PROBES: usize = 250_000;
/// An eviction removes one in this many of the maximum number of probes.
const EVICTION_DIVISOR: usize = 5;
/// The maximum number of worker builds.
const MAX_WORKER_BUILDS: usize = 16;
/// How long to wait for a lock of another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// Uses are recorded by the day, so that a run whose files are all cached writes little.
const DAY_S: u64 = 86_400;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS maker (
  id INTEGER PRIMARY KEY, version TEXT NOT NULL, program TEXT NOT NULL, isolation TEXT NOT NULL,
  used INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS answer (
  id INTEGER PRIMARY KEY, used INTEGER NOT NULL, stamp BLOB NOT NULL, answer BLOB NOT NULL) STRICT;
";

/// The cache cannot be used. The run continues without it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The folder cannot be created.
    #[error("{}: cannot create the cache folder", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The file cannot be used, even after it was deleted and created again.
    #[error("{}: cannot use the cache; the file may be deleted at any time", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// The database's error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

/// A [`ProbeCache`] in an SQLite file.
#[derive(Debug)]
pub struct SqliteCache {
    path: PathBuf,
    /// The worker program; `None` if it does not exist.
    program: Option<MappedFile>,
    state: Mutex<CacheState>,
    max_probes: usize,
}

#[derive(Debug)]
struct CacheState {
    connection: Connection,
    /// The worker build whose probes are valid now.
    worker: Option<WorkerBuild>,
    /// Set after an error: nothing more is written.
    disabled: bool,
}

/// A worker with its libraries, as stored in the table `maker`.
#[derive(Clone, Debug)]
struct WorkerBuild {
    id: i64,
    info: WorkerInfo,
}

impl SqliteCache {
    /// Opens the cache in `folder`, or creates one. `worker` is the worker program, which probes files
    /// that are not cached.
    ///
    /// # Errors
    ///
    /// If the folder or the file cannot be used. A corrupt file is replaced.
    pub fn open(folder: &Path, worker: &Path) -> Result<SqliteCache, CacheError> {
        // The XDG base directory specification asks for mode 0700; file names are private.
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|source| CacheError::Folder { path: folder.to_owned(), source })?;
        let path = folder.join(FILE_NAME);
        let failed =
            |source: rusqlite::Error| CacheError::Database { path: path.clone(), source: Box::new(source) };
        let program = MappedFile::of(worker).ok();
        let state = match CacheState::open(&path, program.as_ref()) {
            Err(error) if is_corruption(&error) => {
                delete_files(&path);
                CacheState::open(&path, program.as_ref())
            }
            other => other,
        };
        let state = Mutex::new(state.map_err(failed)?);
        Ok(SqliteCache { path, program, state, max_probes: MAX_PROBES })
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the number of cached probes of all worker builds.
    pub fn len(&self) -> usize {
        let count = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        let counted = self.state().connection.query_row("SELECT count(*) FROM answer", [], count);
        counted.map_or(0, |count| usize::try_from(count).unwrap_or(0))
    }

    /// Returns whether the cache is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn state(&self) -> MutexGuard<'_, CacheState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ProbeCache for SqliteCache {
    fn get(&self, fingerprint: &FileFingerprint) -> Option<CachedProbe> {
        let mut state = self.state();
        match state.get(fingerprint) {
            Ok(cached) => cached,
            Err(error) => {
                state.disable(&self.path, &error);
                None
            }
        }
    }

    fn put(&self, worker_info: &WorkerInfo, probes: &[(FileFingerprint, CachedProbe)]) {
        // Without the list of its files, a later run cannot tell whether the worker is unchanged.
        let program = self.program.as_ref().filter(|_| !worker_info.mapped_files.is_empty());
        let Some(program) = program else { return };
        let mut state = self.state();
        if state.disabled {
            return;
        }
        if let Err(error) = state.put(program, worker_info, probes, self.max_probes) {
            state.disable(&self.path, &error);
        }
    }

    fn worker_info(&self) -> Option<WorkerInfo> {
        self.state().worker.as_ref().map(|worker| worker.info.clone())
    }

    fn is_decoded(&self, key: &DecodeKey) -> bool {
        let state = self.state();
        !state.disabled && decoded::get(&state.connection, key).unwrap_or(false)
    }

    fn put_decoded(&self, key: &DecodeKey) {
        let state = self.state();
        if !state.disabled {
            // A failure only means that the content is decoded again.
            let _ = decoded::put(&state.connection, key, now_s());
        }
    }
}

impl CacheState {
    fn open(path: &Path, program: Option<&MappedFile>) -> rusqlite::Result<CacheState> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // A power failure may lose the last probes; the files are then probed again.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        let tables: i64 = connection.query_row(
            "SELECT count(*) FROM sqlite_schema WHERE name IN ('maker', 'answer')",
            [],
            |row| row.get(0),
        )?;
        if tables < 2 {
            connection.execute_batch(TABLES)?;
        }
        let mut state = CacheState { connection, worker: None, disabled: false };
        state.worker = state.find_worker(program)?;
        Ok(state)
    }

    /// Returns the worker build whose probes are valid: it has this version and this program, and all
    /// its files are unchanged. Without a worker program, the last used build of this version counts.
    fn find_worker(&self, program: Option<&MappedFile>) -> rusqlite::Result<Option<WorkerBuild>> {
        let sql = "SELECT id, program, isolation FROM maker WHERE version = ?1 ORDER BY used DESC, rowid";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([env!("CARGO_PKG_VERSION")])?;
        while let Some(row) = rows.next()? {
            let Ok(info) = serde_json::from_str::<WorkerInfo>(row.get_ref(2)?.as_str()?) else {
                continue;
            };
            let is_current = match program {
                Some(program) => {
                    row.get_ref(1)?.as_str()? == to_json(program)
                        && info.mapped_files.iter().all(MappedFile::is_unchanged)
                }
                None => true,
            };
            if is_current {
                return Ok(Some(WorkerBuild { id: row.get(0)?, info }));
            }
        }
        Ok(None)
    }

    fn get(&mut self, fingerprint: &FileFingerprint) -> rusqlite::Result<Option<CachedProbe>> {
        let Some(worker_id) = self.worker.as_ref().map(|worker| worker.id) else { return Ok(None) };
        let key = fingerprint.key(worker_id);
        let found = self
            .connection
            .prepare_cached("SELECT stamp, used, answer FROM answer WHERE id = ?1")?
            .query_row([key], |row| {
                let is_current = row.get_ref(0)?.as_blob()? == fingerprint.bytes();
                let answer = row.get_ref(2)?.as_blob()?;
                Ok((row.get::<_, i64>(1)?, if is_current { CachedProbe::decode(answer) } else { None }))
            })
            .optional()?;
        let Some((used, Some(probe))) = found else { return Ok(None) };
        let today = today();
        if used != today {
            // A failure only affects the order of eviction.
            let _ = self.record_use(key, worker_id, today);
        }
        Ok(Some(probe))
    }

    fn record_use(&mut self, key: i64, worker_id: i64, today: i64) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute("UPDATE answer SET used = ?2 WHERE id = ?1", [key, today])?;
        transaction.execute("UPDATE maker SET used = ?2 WHERE id = ?1", [worker_id, now_s()])?;
        transaction.commit()
    }

    fn put(
        &mut self,
        program: &MappedFile,
        worker_info: &WorkerInfo,
        probes: &[(FileFingerprint, CachedProbe)],
        max_probes: usize,
    ) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let worker = match &self.worker {
            Some(worker) if worker.info == *worker_info => worker.clone(),
            _ => register_worker(&transaction, program, worker_info)?,
        };
        {
            let sql = "INSERT OR REPLACE INTO answer (id, used, stamp, answer) VALUES (?1, ?2, ?3, ?4)";
            let mut insert = transaction.prepare(sql)?;
            let today = today();
            for (fingerprint, probe) in probes {
                let encoded = probe.encode();
                if !encoded.is_empty() {
                    insert.execute(params![
                        fingerprint.key(worker.id),
                        today,
                        fingerprint.bytes(),
                        encoded
                    ])?;
                }
            }
        }
        evict(&transaction, max_probes)?;
        transaction.commit()?;
        self.worker = Some(worker);
        Ok(())
    }

    /// Disables the cache after an error. A corrupt file is deleted, and the next run creates a new one.
    fn disable(&mut self, path: &Path, error: &rusqlite::Error) {
        if is_corruption(error) {
            delete_files(path);
        }
        self.worker = None;
        self.disabled = true;
    }
}

/// Adds the worker build to the table `maker` and removes the least recently used ones.
fn register_worker(
    connection: &Connection,
    program: &MappedFile,
    worker_info: &WorkerInfo,
) -> rusqlite::Result<WorkerBuild> {
    let (version, program) = (env!("CARGO_PKG_VERSION"), to_json(program));
    let info = serde_json::to_string(worker_info).unwrap_or_default();
    let id = xxh3_64(format!("{version}\n{program}\n{info}").as_bytes()) as i64;
    let sql = "INSERT INTO maker (id, version, program, isolation, used) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (id) DO UPDATE SET used = ?5";
    connection.execute(sql, params![id, version, program, info, now_s()])?;
    let sql = "DELETE FROM maker WHERE id NOT IN (SELECT id FROM maker ORDER BY used DESC LIMIT ?1)";
    connection.execute(sql, [MAX_WORKER_BUILDS as i64])?;
    Ok(WorkerBuild { id, info: worker_info.clone() })
}

/// Removes the least recently used probes if there are more than `max_probes`.
fn evict(connection: &Connection, max_probes: usize) -> rusqlite::Result<()> {
    let sql = "SELECT 1 FROM answer LIMIT 1 OFFSET ?1";
    let is_full = connection.query_row(sql, [max_probes as i64], |_| Ok(())).optional()?.is_some();
    if is_full {
        let sql = "DELETE FROM answer WHERE id NOT IN (SELECT id FROM answer ORDER BY used DESC LIMIT ?1)";
        connection.execute(sql, [(max_probes - max_probes / EVICTION_DIVISOR) as i64])?;
    }
    Ok(())
}

fn to_json(file: &MappedFile) -> String {
    serde_json::to_string(file).unwrap_or_default()
}

fn is_corruption(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
        // Tables with another schema, or values of another type.
        || matches!(code, Some(ErrorCode::Unknown))
        || code.is_none()
}

/// Deletes the cache. A process that has it open keeps using the deleted files.
fn delete_files(path: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let _ = std::fs::remove_file(name);
    }
}

fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn today() -> i64 {
    now_s() / DAY_S as i64
}

#[cfg(test)]
mod tests;
