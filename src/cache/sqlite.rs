//! The memory in a file: SQLite, shared by every run of this user.
//!
//! A row for each answer, and one for each maker of answers. Any number of processes may use it at
//! once: readers see what was committed, writers wait a moment for one another and else forget
//! what they had. CachedProbes of files that are gone stay until newer ones need the room.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior, params};
use xxhash_rust::xxh3::xxh3_64;

use super::{CachedProbe, CachedProbes, FileFingerprint, ProbeCache};
use crate::job::{MappedFile, WorkerInfo};

/// The file; another layout gets another name, so that versions side by side leave each other alone.
const FILE_NAME: &str = "facts-1.sqlite";
/// Beyond this many answers, those unused the longest go. A hundred megabytes or so.
const MOST_ANSWERS: usize = 250_000;
/// As many as go at once, as a share of those there may be: one in this many.
const SHARE_TO_GO: usize = 5;
/// Workers and libraries whose answers can be told apart.
const MOST_MAKERS: usize = 16;
/// How long to wait for another process.
const PATIENCE: Duration = Duration::from_secs(2);
/// Use is noted by the day, so that a run that finds everything writes nothing.
const DAY_S: u64 = 86_400;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS maker (
  id INTEGER PRIMARY KEY, version TEXT NOT NULL, program TEXT NOT NULL, isolation TEXT NOT NULL,
  used INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS answer (
  id INTEGER PRIMARY KEY, used INTEGER NOT NULL, stamp BLOB NOT NULL, answer BLOB NOT NULL) STRICT;
";

/// Why there is no cache. The run goes on without.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The folder cannot be made.
    #[error("{}: the folder for the cache cannot be used", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file cannot be used, not even after it was begun anew.
    #[error("{}: the cache cannot be used; it may be deleted at any time", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What the database said.
        #[source]
        source: rusqlite::Error,
    },
}

/// The cache file.
#[derive(Debug)]
pub struct SqliteCache {
    path: PathBuf,
    /// The program that would be started to find out more; `None` where there is none.
    program: Option<MappedFile>,
    state: Mutex<State>,
    most: usize,
}

#[derive(Debug)]
struct State {
    connection: Connection,
    maker: Option<Maker>,
    /// Whether something went wrong: the run goes on without.
    given_up: bool,
}

/// What made answers: a worker with its libraries.
#[derive(Clone, Debug)]
struct Maker {
    id: i64,
    isolation: WorkerInfo,
}

impl SqliteCache {
    /// Opens the cache in `folder`, or begins one. `worker` is the program that would be asked
    /// about files that are not known.
    ///
    /// # Errors
    ///
    /// When the folder or the file cannot be used. A file that is no cache any more is replaced.
    pub fn open(folder: &Path, worker: &Path) -> Result<SqliteCache, CacheError> {
        // As the XDG base directory specification wants it: names of files are nobody else's business.
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|source| CacheError::Folder { path: folder.to_owned(), source })?;
        let path = folder.join(FILE_NAME);
        let failed = |source| CacheError::Database { path: path.clone(), source };
        let program = MappedFile::of(worker).ok();
        let state = match State::open(&path, program.as_ref()) {
            Err(error) if is_damage(&error) => {
                begin_anew(&path);
                State::open(&path, program.as_ref())
            }
            other => other,
        };
        let state = Mutex::new(state.map_err(failed)?);
        Ok(SqliteCache { path, program, state, most: MOST_ANSWERS })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many answers it holds, of whatever maker.
    pub fn len(&self) -> usize {
        let count = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        let counted = self.state().connection.query_row("SELECT count(*) FROM answer", [], count);
        counted.map_or(0, |count| usize::try_from(count).unwrap_or(0))
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ProbeCache for SqliteCache {
    fn get(&self, stamps: &[Option<FileFingerprint>]) -> CachedProbes {
        let mut state = self.state();
        let recalled = state.get(stamps);
        match recalled {
            Ok(recalled) => recalled,
            Err(error) => {
                state.give_up(&self.path, &error);
                CachedProbes::of(stamps.len())
            }
        }
    }

    fn put(&self, made_by: &WorkerInfo, answers: &[(FileFingerprint, CachedProbe)]) {
        // Without a list of its parts nobody could tell later whether the maker is still the same.
        let Some(program) = self.program.as_ref().filter(|_| !made_by.parts.is_empty()) else { return };
        let mut state = self.state();
        if state.given_up {
            return;
        }
        if let Err(error) = state.put(program, made_by, answers, self.most) {
            state.give_up(&self.path, &error);
        }
    }

    fn made_by(&self) -> Option<WorkerInfo> {
        self.state().maker.as_ref().map(|maker| maker.isolation.clone())
    }
}

impl State {
    fn open(path: &Path, program: Option<&MappedFile>) -> rusqlite::Result<State> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // A power cut may cost what was kept last, and costs no more than probing again.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        let tables: i64 = connection.query_row(
            "SELECT count(*) FROM sqlite_schema WHERE name IN ('maker', 'answer')",
            [],
            |row| row.get(0),
        )?;
        if tables < 2 {
            connection.execute_batch(TABLES)?;
        }
        let mut state = State { connection, maker: None, given_up: false };
        state.maker = state.find_maker(program)?;
        Ok(state)
    }

    /// The maker whose answers count: of this version, started as this program, and with every
    /// part of it as it was. Where there is no worker at all there is nothing that could know
    /// better, and what the last one found still stands.
    fn find_maker(&self, program: Option<&MappedFile>) -> rusqlite::Result<Option<Maker>> {
        let sql = "SELECT id, program, isolation FROM maker WHERE version = ?1 ORDER BY used DESC, rowid";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([env!("CARGO_PKG_VERSION")])?;
        while let Some(row) = rows.next()? {
            let Ok(isolation) = serde_json::from_str::<WorkerInfo>(row.get_ref(2)?.as_str()?) else {
                continue;
            };
            let same = match program {
                Some(program) => {
                    row.get_ref(1)?.as_str()? == text_of(program)
                        && isolation.parts.iter().all(MappedFile::is_unchanged)
                }
                None => true,
            };
            if same {
                return Ok(Some(Maker { id: row.get(0)?, isolation }));
            }
        }
        Ok(None)
    }

    fn get(&mut self, stamps: &[Option<FileFingerprint>]) -> rusqlite::Result<CachedProbes> {
        let mut recalled = CachedProbes::of(stamps.len());
        let Some(maker) = self.maker.as_ref().map(|maker| maker.id) else { return Ok(recalled) };
        let mut wanted: Vec<(i64, usize)> = stamps
            .iter()
            .enumerate()
            .filter_map(|(index, stamp)| Some((stamp.as_ref()?.key(maker), index)))
            .collect();
        // In the order of the table, so that each of its pages is read once.
        wanted.sort_unstable();
        let today = today();
        let mut seen_today = Vec::new();
        let transaction = self.connection.transaction()?;
        {
            let mut find = transaction.prepare("SELECT stamp, used, answer FROM answer WHERE id = ?1")?;
            for (key, index) in wanted {
                let mut rows = find.query([key])?;
                let (Some(row), Some(Some(stamp))) = (rows.next()?, stamps.get(index)) else { continue };
                if row.get_ref(0)?.as_blob()? == stamp.bytes() {
                    recalled.put(index, row.get_ref(2)?.as_blob()?);
                    if row.get::<_, i64>(1)? != today {
                        seen_today.push(key);
                    }
                }
            }
        }
        transaction.commit()?;
        if !seen_today.is_empty() {
            // Only matters for what is thrown out first.
            let _ = self.note_use(&seen_today, maker, today);
        }
        Ok(recalled)
    }

    fn note_use(&mut self, keys: &[i64], maker: i64, today: i64) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut note = transaction.prepare("UPDATE answer SET used = ?2 WHERE id = ?1")?;
            for key in keys {
                note.execute([key, &today])?;
            }
        }
        transaction.execute("UPDATE maker SET used = ?2 WHERE id = ?1", [maker, now_s()])?;
        transaction.commit()
    }

    fn put(
        &mut self,
        program: &MappedFile,
        made_by: &WorkerInfo,
        answers: &[(FileFingerprint, CachedProbe)],
        most: usize,
    ) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let maker = match &self.maker {
            Some(maker) if maker.isolation == *made_by => maker.clone(),
            _ => register(&transaction, program, made_by)?,
        };
        {
            let sql = "INSERT OR REPLACE INTO answer (id, used, stamp, answer) VALUES (?1, ?2, ?3, ?4)";
            let mut put = transaction.prepare(sql)?;
            let today = today();
            for (stamp, answer) in answers {
                let encoded = answer.encode();
                if !encoded.is_empty() {
                    put.execute(params![stamp.key(maker.id), today, stamp.bytes(), encoded])?;
                }
            }
        }
        make_room(&transaction, most)?;
        transaction.commit()?;
        self.maker = Some(maker);
        Ok(())
    }

    /// After trouble: what is damaged is begun anew by the next run, and this one goes on without.
    fn give_up(&mut self, path: &Path, error: &rusqlite::Error) {
        if is_damage(error) {
            begin_anew(path);
        }
        self.maker = None;
        self.given_up = true;
    }
}

fn register(connection: &Connection, program: &MappedFile, made_by: &WorkerInfo) -> rusqlite::Result<Maker> {
    let (version, program) = (env!("CARGO_PKG_VERSION"), text_of(program));
    let isolation = serde_json::to_string(made_by).unwrap_or_default();
    let id = xxh3_64(format!("{version}\n{program}\n{isolation}").as_bytes()) as i64;
    let sql = "INSERT INTO maker (id, version, program, isolation, used) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (id) DO UPDATE SET used = ?5";
    connection.execute(sql, params![id, version, program, isolation, now_s()])?;
    let sql = "DELETE FROM maker WHERE id NOT IN (SELECT id FROM maker ORDER BY used DESC LIMIT ?1)";
    connection.execute(sql, [MOST_MAKERS as i64])?;
    Ok(Maker { id, isolation: made_by.clone() })
}

fn make_room(connection: &Connection, most: usize) -> rusqlite::Result<()> {
    let sql = "SELECT 1 FROM answer LIMIT 1 OFFSET ?1";
    let over = connection.query_row(sql, [most as i64], |_| Ok(())).optional()?.is_some();
    if over {
        let sql = "DELETE FROM answer WHERE id NOT IN (SELECT id FROM answer ORDER BY used DESC LIMIT ?1)";
        connection.execute(sql, [(most - most / SHARE_TO_GO) as i64])?;
    }
    Ok(())
}

fn text_of(part: &MappedFile) -> String {
    serde_json::to_string(part).unwrap_or_default()
}

fn is_damage(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
        // Tables of another shape under our name, or values of another type.
        || matches!(code, Some(ErrorCode::Unknown))
        || code.is_none()
}

/// Throws the cache away. Another process that has it open goes on with what it has.
fn begin_anew(path: &Path) {
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
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::cache::Depth;
    use crate::model::MediaFacts;

    struct Place {
        dir: tempfile::TempDir,
        isolation: WorkerInfo,
    }

    impl Place {
        fn new() -> Place {
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join("worker"), "program").unwrap();
            std::fs::write(dir.path().join("lib.so"), "library").unwrap();
            let parts =
                ["worker", "lib.so"].map(|name| MappedFile::of(&dir.path().join(name)).unwrap()).to_vec();
            let isolation = WorkerInfo { library: "FFmpeg 5.1.9".into(), parts, ..WorkerInfo::default() };
            Place { dir, isolation }
        }

        fn open(&self) -> SqliteCache {
            SqliteCache::open(&self.dir.path().join("cache"), &self.dir.path().join("worker")).unwrap()
        }

        fn stamp(&self, name: &str) -> FileFingerprint {
            let path = self.dir.path().join(name);
            std::fs::write(&path, name).unwrap();
            FileFingerprint::new(&path, &path.metadata().unwrap(), Depth::Probe)
        }
    }

    fn facts(size_bytes: u64) -> CachedProbe {
        CachedProbe::Facts(Box::new(MediaFacts { size_bytes, ..MediaFacts::default() }))
    }

    #[test]
    fn what_is_kept_is_recalled_by_the_next_process() {
        let place = Place::new();
        let (one, two) = (place.stamp("one"), place.stamp("two"));
        let lost = CachedProbe::Unreadable("no media".into());
        place.open().put(&place.isolation, &[(one, facts(1)), (two, lost.clone())]);
        let cache = place.open();
        let recalled = cache.get(&[Some(two), None, Some(place.stamp("three")), Some(one)]);
        assert_eq!(recalled.answer(0), Some(lost));
        assert_eq!((recalled.answer(1), recalled.answer(2)), (None, None));
        assert_eq!(recalled.answer(3), Some(facts(1)));
        assert_eq!(cache.made_by(), Some(place.isolation.clone()));
    }

    #[test]
    fn another_library_worker_or_version_knows_nothing() {
        let place = Place::new();
        let one = place.stamp("one");
        let knows = || place.open().get(&[Some(one)]).known() == 1;
        let keep = || {
            let parts =
                ["worker", "lib.so"].map(|name| MappedFile::of(&place.dir.path().join(name)).unwrap());
            let isolation = WorkerInfo { parts: parts.to_vec(), ..place.isolation.clone() };
            place.open().put(&isolation, &[(one, facts(1))]);
            assert!(knows());
        };
        for name in ["worker", "lib.so"] {
            keep();
            std::fs::write(place.dir.path().join(name), format!("another {name}")).unwrap();
            assert!(!knows(), "{name}");
        }
        keep();
        let cache = place.open();
        cache.state().connection.execute("UPDATE maker SET version = '0.0.0'", []).unwrap();
        assert!(!knows(), "version");
    }

    #[test]
    fn a_cache_that_others_hold_is_left_alone() {
        let place = Place::new();
        let one = place.stamp("one");
        place.open().put(&place.isolation, &[(one, facts(1))]);
        let (cache, other) = (place.open(), place.open());
        cache.state().connection.busy_timeout(Duration::ZERO).unwrap();
        other.state().connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        for _ in 0..2 {
            cache.put(&place.isolation, &[(place.stamp("two"), facts(2))]);
        }
        other.state().connection.execute_batch("COMMIT").unwrap();
        assert_eq!(place.open().get(&[Some(one)]).known(), 1, "it was thrown away");
    }

    #[test]
    fn answers_of_a_runner_of_unknown_parts_are_not_kept() {
        let place = Place::new();
        let one = place.stamp("one");
        place.open().put(&WorkerInfo::default(), &[(one, facts(1))]);
        assert!(place.open().is_empty());
    }

    #[test]
    fn it_stays_small_and_those_unused_the_longest_go() {
        let place = Place::new();
        let mut cache = place.open();
        cache.most = 10;
        let stamps: Vec<FileFingerprint> = (0..12).map(|n| place.stamp(&format!("clip {n}"))).collect();
        let answers: Vec<(FileFingerprint, CachedProbe)> =
            stamps.iter().map(|stamp| (*stamp, facts(1))).collect();
        cache.put(&place.isolation, &answers[..8]);
        cache.state().connection.execute("UPDATE answer SET used = 1", []).unwrap();
        // Asking for one is using it.
        assert_eq!(cache.get(&[Some(stamps[3])]).known(), 1);
        cache.put(&place.isolation, &answers[8..]);
        assert_eq!(cache.len(), 8);
        for used in [3, 8, 9, 10, 11] {
            assert_eq!(cache.get(&[Some(stamps[used])]).known(), 1, "{used}");
        }
    }

    #[test]
    fn a_damaged_row_is_not_known_and_a_damaged_table_is_begun_anew() {
        let place = Place::new();
        let one = place.stamp("one");
        let cache = place.open();
        cache.put(&place.isolation, &[(one, facts(1))]);
        cache.state().connection.execute("UPDATE answer SET answer = x'0102'", []).unwrap();
        assert_eq!(cache.get(&[Some(one)]).answer(0), None);
        let spoil = "DROP TABLE answer; CREATE TABLE answer (something TEXT)";
        cache.state().connection.execute_batch(spoil).unwrap();
        drop(cache);
        let cache = place.open();
        assert_eq!(cache.get(&[Some(one)]).known(), 0);
        cache.put(&place.isolation, &[(one, facts(2))]);
        let cache = place.open();
        cache.put(&place.isolation, &[(one, facts(2))]);
        assert_eq!(place.open().get(&[Some(one)]).answer(0), Some(facts(2)));
    }
}
