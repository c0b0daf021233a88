//! State that earlier builds wrote: the record of outputs, the journal and the cache are read, and those of later versions
//! are refused by name. The files in `tests/older_files` were written by the build of commit 2d06ad9, the databases as
//! SQL.
#![allow(clippy::unwrap_used)]

mod common;

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use common::one_ad::{crash, one_ad, ship, uploads_sent};
use common::ship_setup::{ShipSetup, once_each};
use common::{CliRun, TestDir};
use rusqlite::Connection;

/// The name in the sandbox of a journal that `--to sandbox` keeps in the working folder.
const JOURNAL: &str = ".greenlit/journal.db";

fn older(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/older_files").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// Replaces the identity in `line` after `key` by that of the file at `path`.
fn with_identity(line: &str, key: &str, path: &Path) -> String {
    let meta = std::fs::metadata(path).unwrap();
    let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
    let place = value.pointer_mut(key).unwrap();
    *place = serde_json::json!({
        "device": meta.dev(), "inode": meta.ino(), "size": meta.size(),
        "mtime_s": meta.mtime(), "mtime_ns": meta.mtime_nsec(),
    });
    value.to_string()
}

/// A folder in which the earlier build fixed two clips: one was copied and one remuxed.
fn fixed_before() -> TestDir {
    let dir = TestDir::new();
    let source = "testsrc2=s=540x960:r=25:d=2";
    let encode =
        ["-c:v", "libx264", "-preset", "ultrafast", "-b:v", "900k", "-pix_fmt", "yuv420p", "-c:a", "aac"];
    std::fs::create_dir_all(dir.path("clips")).unwrap();
    let mut args = vec!["-f", "lavfi", "-i", source, "-f", "lavfi", "-i", "sine=d=2"];
    args.extend(encode);
    args.extend(["-movflags", "+faststart", "clips/ok.mp4"]);
    dir.ffmpeg(&args);
    dir.ffmpeg(&["-i", "clips/ok.mp4", "-c", "copy", "clips/remux.mkv"]);
    std::fs::create_dir_all(dir.path("out")).unwrap();
    std::fs::copy(dir.path("clips/ok.mp4"), dir.path("out/ok.mp4")).unwrap();
    std::fs::copy(dir.path("clips/ok.mp4"), dir.path("out/remux.mp4")).unwrap();
    let record: Vec<String> = older("fix.jsonl")
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            let output = value["key"]["output"].as_str().unwrap();
            let source = if output.ends_with("ok.mp4") { "clips/ok.mp4" } else { "clips/remux.mkv" };
            let line = with_identity(line, "/key/source", &dir.path(source));
            with_identity(&line, "/made", &dir.path(output)) + "\n"
        })
        .collect();
    assert_eq!(record.len(), 2);
    dir.write(".greenlit/fix.jsonl", record.concat());
    dir
}

#[test]
fn outputs_that_an_earlier_build_recorded_are_known_as_ours() {
    let dir = fixed_before();
    let fix = ["fix", "clips", "--out", "out", "--no-progress", "--profile", "tiktok-ads"];
    let run = dir.greenlit(&fix).expect(0);
    assert!(!run.stdout.contains("already exists"), "{}", run.stdout);
    assert!(run.stdout.contains("1 compliant, 1 fixed"), "{}", run.stdout);
    // Without the record, the same outputs are somebody else's.
    let dir = fixed_before();
    std::fs::remove_file(dir.path(".greenlit/fix.jsonl")).unwrap();
    let run = dir.greenlit(&fix).expect(2);
    assert!(run.stdout.contains("already exists"), "{}", run.stdout);
}

#[test]
fn a_record_of_a_later_version_ends_the_run_by_name() {
    let dir = fixed_before();
    let run = dir.greenlit(&["fix", "clips", "--out", "new", "--no-progress"]).expect(0);
    let record = dir.path("new/.greenlit/fix.jsonl");
    let text = std::fs::read_to_string(&record).unwrap();
    std::fs::write(&record, text.replace("\"greenlit_fix_record\":1", "\"greenlit_fix_record\":9")).unwrap();
    let later = dir.greenlit(&["fix", "clips", "--out", "new", "--no-progress"]).expect(2);
    assert!(later.stderr.contains("written by a later version of greenlit (format 9"), "{}", later.stderr);
    assert!(run.stdout.contains("1 compliant, 1 fixed"), "{}", run.stdout);
}

/// Writes the journal of a shipment that the earlier build did not finish.
fn journal(dir: &TestDir, name: &str) {
    std::fs::create_dir_all(dir.path(".greenlit")).unwrap();
    std::fs::set_permissions(dir.path(".greenlit"), std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .unwrap();
    let db = Connection::open(dir.path(JOURNAL)).unwrap();
    db.execute_batch(&older(name)).unwrap();
}

#[test]
fn a_journal_of_an_earlier_build_is_read_in_the_middle_of_everything() {
    for (name, expected) in [
        ("upload-after_send_before_receipt.sql", "upload"),
        ("item-ready.sql", "ready"),
        ("ad-after_send_before_receipt.sql", "Spring"),
    ] {
        let dir = TestDir::new();
        journal(&dir, name);
        let run = dir.greenlit(&["status"]).expect(0);
        assert!(run.stdout.contains("bunny.mp4"), "{name}: {}", run.stdout);
        assert!(run.stdout.contains(expected), "{name}: {}", run.stdout);
    }
}

/// Turns the journal of a run into what the build of 2d06ad9 would have left.
fn downgrade(setup: &ShipSetup) {
    let db = Connection::open(setup.dir.path(JOURNAL)).unwrap();
    db.execute_batch(
        "DROP TABLE answers;
         ALTER TABLE effects DROP COLUMN sent_platform_ms;
         ALTER TABLE effects RENAME COLUMN account TO advertiser;
         ALTER TABLE publications RENAME TO ads;
         ALTER TABLE ads RENAME COLUMN account TO advertiser;
         ALTER TABLE ads RENAME COLUMN scope TO adgroup;
         ALTER TABLE ads RENAME COLUMN name TO ad_name;
         ALTER TABLE ads RENAME COLUMN id TO ad_id;
         ALTER TABLE ads RENAME COLUMN cover_id TO image_id;
         ALTER TABLE items DROP COLUMN given_up;
         PRAGMA user_version = 2;",
    )
    .unwrap();
}

fn finish(setup: &ShipSetup, more: &[&str], code: i32) -> CliRun {
    downgrade(setup);
    let run = CliRun::of(ship(setup, more).output().unwrap()).expect(code);
    assert!(setup.dir.path(".greenlit/journal.db.schema-2.bak").exists());
    run
}

#[test]
fn a_shipment_that_an_earlier_build_was_killed_in_is_finished_with_one_upload_and_one_ad() {
    for point in [
        "upload.after_intent",
        "upload.after_sent_mark",
        "upload.after_send_before_receipt",
        "item.ready",
        "image.after_send_before_receipt",
        "ad.after_sent_mark",
        "ad.after_send_before_receipt",
    ] {
        let setup = one_ad(&[], "45s", "1s");
        crash(ship(&setup, &[]), &format!("{point}:1"));
        finish(&setup, &[], 0);
        assert_eq!((setup.videos(), setup.ads()), (once_each(&["face"]), once_each(&["one"])), "{point}");
    }
}

#[test]
fn what_an_earlier_build_left_unconfirmed_is_confirmed_and_what_it_gave_up_waits_for_a_retry() {
    let setup = one_ad(&["--processing", "8s"], "1s", "1s");
    CliRun::of(ship(&setup, &[]).output().unwrap()).expect(2);
    assert!(setup.status().contains("not confirmed"), "{}", setup.status());
    setup.configure(setup.port);
    finish(&setup, &[], 0);
    assert_eq!((setup.videos(), setup.ads()), (once_each(&["face"]), once_each(&["one"])));

    let setup = one_ad(&["--processing", "10m"], "1s", "1s");
    CliRun::of(ship(&setup, &["--retry-slow", "--attempts", "1"]).output().unwrap()).expect(1);
    let again = finish(&setup, &[], 1);
    assert!(again.stdout.contains("given up"), "{}", again.stdout);
    assert_eq!(uploads_sent(&setup), 1);
    CliRun::of(ship(&setup, &["--retry", "all", "--until", "uploaded"]).output().unwrap()).expect(0);
    assert_eq!(uploads_sent(&setup), 2);
}

#[test]
fn a_journal_of_the_first_schema_is_copied_before_it_is_changed() {
    let dir = TestDir::new();
    journal(&dir, "item-ready.sql");
    let db = Connection::open(dir.path(JOURNAL)).unwrap();
    db.execute_batch("ALTER TABLE effects DROP COLUMN handle; PRAGMA user_version = 1;").unwrap();
    drop(db);
    let journal = greenlit::ship::journal::Journal::open(&dir.path(JOURNAL), Default::default()).unwrap();
    assert!(!journal.events(10).unwrap().is_empty());
    drop(journal);
    let version = |name: &str| -> i64 {
        let db = Connection::open(dir.path(name)).unwrap();
        db.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    };
    assert_eq!((version(JOURNAL), version(".greenlit/journal.db.schema-1.bak")), (4, 1));
}

#[test]
fn a_video_that_an_earlier_build_gave_up_has_its_text_but_no_reason_of_a_later_schema() {
    let dir = TestDir::new();
    journal(&dir, "item-ready.sql");
    let db = Connection::open(dir.path(JOURNAL)).unwrap();
    db.execute_batch(
        "UPDATE items SET state = 'given_up', reason = 'attempt 3: no encode mode is left', recipe = 0;",
    )
    .unwrap();
    drop(db);
    let document = dir.greenlit(&["status", "--format", "json"]).expect(0).json();
    let asset = &document["assets"][0];
    assert_eq!((&asset["state"], &asset["next"]), (&"given_up".into(), &"retry".into()), "{asset:#}");
    assert_eq!(asset["reason"], "attempt 3: no encode mode is left");
    assert!(asset.as_object().unwrap()["given_up_because"].is_null(), "{asset:#}");
    assert!(!dir.path(".greenlit/journal.db.schema-2.bak").exists(), "the status changed the journal");
}

#[test]
fn a_cache_of_an_earlier_build_neither_fails_nor_answers() {
    let dir = TestDir::new();
    dir.put("pypi-gradio-a.mp4", "a.mp4");
    std::fs::create_dir_all(dir.path(".cache/greenlit")).unwrap();
    let db = Connection::open(dir.path(".cache/greenlit/facts-1.sqlite")).unwrap();
    db.execute_batch(&older("facts-1.sql")).unwrap();
    drop(db);
    for _ in 0..2 {
        let run = dir.greenlit(&["check", "a.mp4", "--format", "json", "--no-progress", "-v"]);
        let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(report["files"][0]["media"]["video"][0]["width"], 1920, "{}", run.stdout);
        assert!(!run.stderr.contains("cache"), "{}", run.stderr);
    }
}
