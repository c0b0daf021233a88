#![allow(clippy::unwrap_used)]
use super::*;
use crate::cache::Depth;
use crate::model::MediaFacts;

/// A folder with a worker, and the cache of its probes.
struct TestCache {
    dir: tempfile::TempDir,
    info: WorkerInfo,
}

impl TestCache {
    fn new() -> TestCache {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("worker"), "program").unwrap();
        std::fs::write(dir.path().join("lib.so"), "library").unwrap();
        let parts = ["worker", "lib.so"].map(|name| MappedFile::of(&dir.path().join(name)).unwrap()).to_vec();
        let info =
            WorkerInfo { library: "FFmpeg 5.1.9".into(), mapped_files: parts, ..WorkerInfo::default() };
        TestCache { dir, info }
    }

    fn open(&self) -> SqliteCache {
        SqliteCache::open(&self.dir.path().join("cache"), &self.dir.path().join("worker")).unwrap()
    }

    fn fingerprint(&self, name: &str) -> FileFingerprint {
        let path = self.dir.path().join(name);
        std::fs::write(&path, name).unwrap();
        FileFingerprint::new(&path, crate::cache::FileState::from(&path.metadata().unwrap()), Depth::Probe)
    }
}

fn facts(size_bytes: u64) -> CachedProbe {
    CachedProbe::Facts(Box::new(MediaFacts { size_bytes, ..MediaFacts::default() }))
}

#[test]
fn returns_probes_stored_by_another_process() {
    let test = TestCache::new();
    let (one, two) = (test.fingerprint("one"), test.fingerprint("two"));
    let unreadable = CachedProbe::Unreadable("no media".into());
    test.open().put(&test.info, &[(one, facts(1)), (two, unreadable.clone())]);
    let cache = test.open();
    assert_eq!(cache.get(&two), Some(unreadable));
    assert_eq!(cache.get(&test.fingerprint("three")), None);
    assert_eq!(cache.get(&one), Some(facts(1)));
    assert_eq!(cache.worker_info(), Some(test.info.clone()));
}

#[test]
fn ignores_probes_of_another_library_worker_or_version() {
    let test = TestCache::new();
    let one = test.fingerprint("one");
    let is_cached = || test.open().get(&one).is_some();
    let store = || {
        let parts = ["worker", "lib.so"].map(|name| MappedFile::of(&test.dir.path().join(name)).unwrap());
        let info = WorkerInfo { mapped_files: parts.to_vec(), ..test.info.clone() };
        test.open().put(&info, &[(one, facts(1))]);
        assert!(is_cached());
    };
    for name in ["worker", "lib.so"] {
        store();
        std::fs::write(test.dir.path().join(name), format!("another {name}")).unwrap();
        assert!(!is_cached(), "{name}");
    }
    store();
    let cache = test.open();
    cache.state().connection.execute("UPDATE maker SET version = '0.0.0'", []).unwrap();
    assert!(!is_cached(), "version");
}

#[test]
fn keeps_a_cache_locked_by_another_process() {
    let test = TestCache::new();
    let one = test.fingerprint("one");
    test.open().put(&test.info, &[(one, facts(1))]);
    let (cache, other) = (test.open(), test.open());
    cache.state().connection.busy_timeout(Duration::ZERO).unwrap();
    other.state().connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    for _ in 0..2 {
        cache.put(&test.info, &[(test.fingerprint("two"), facts(2))]);
    }
    other.state().connection.execute_batch("COMMIT").unwrap();
    assert!(test.open().get(&one).is_some(), "the cache was deleted");
}

#[test]
fn discards_probes_of_a_worker_with_unknown_files() {
    let test = TestCache::new();
    let one = test.fingerprint("one");
    test.open().put(&WorkerInfo::default(), &[(one, facts(1))]);
    assert!(test.open().is_empty());
}

#[test]
fn evicts_the_least_recently_used_probes() {
    let test = TestCache::new();
    let mut cache = test.open();
    cache.max_probes = 10;
    let fingerprints: Vec<FileFingerprint> =
        (0..12).map(|n| test.fingerprint(&format!("video {n}"))).collect();
    let probes: Vec<(FileFingerprint, CachedProbe)> =
        fingerprints.iter().map(|fingerprint| (*fingerprint, facts(1))).collect();
    cache.put(&test.info, &probes[..8]);
    cache.state().connection.execute("UPDATE answer SET used = 1", []).unwrap();
    // Reading a probe counts as a use.
    assert!(cache.get(&fingerprints[3]).is_some());
    cache.put(&test.info, &probes[8..]);
    assert_eq!(cache.len(), 8);
    for used in [3, 8, 9, 10, 11] {
        assert!(cache.get(&fingerprints[used]).is_some(), "{used}");
    }
}

#[test]
fn ignores_a_corrupt_row_and_replaces_a_corrupt_table() {
    let test = TestCache::new();
    let one = test.fingerprint("one");
    let cache = test.open();
    cache.put(&test.info, &[(one, facts(1))]);
    cache.state().connection.execute("UPDATE answer SET answer = x'0102'", []).unwrap();
    assert_eq!(cache.get(&one), None);
    let replace_table = "DROP TABLE answer; CREATE TABLE answer (something TEXT)";
    cache.state().connection.execute_batch(replace_table).unwrap();
    drop(cache);
    let cache = test.open();
    assert_eq!(cache.get(&one), None);
    cache.put(&test.info, &[(one, facts(2))]);
    let cache = test.open();
    cache.put(&test.info, &[(one, facts(2))]);
    assert_eq!(test.open().get(&one), Some(facts(2)));
}
