//! Looking at a shipment and answering its questions while the run uses the journal, with the real binary.
#![allow(clippy::unwrap_used)]

mod common;

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;

use common::one_ad::{OTHER, crash, one_ad, post, run};
use common::ship_setup::{KillOnDrop, ShipSetup, files, wait_for};
use common::{CliRun, TestDir};
use greenlit::ship::journal::{ItemKey, Journal};
use rusqlite::Connection;
use serde_json::{Value, json};

const JOURNAL: &str = ".greenlit/journal.db";

fn status(setup: &ShipSetup) -> CliRun {
    setup.dir.greenlit(&["status", "--to", "test", "--format", "json"])
}

/// Returns state and next step of a file, and those of its first ad.
fn steps(document: &Value, name: &str) -> Option<[String; 4]> {
    let assets = document["assets"].as_array().unwrap();
    let asset = assets.iter().find(|asset| asset["path"].as_str().unwrap().ends_with(name))?;
    let ad = &asset["ads"][0];
    let texts = [&asset["state"], &asset["next"], &ad["state"], &ad["next"]];
    Some(texts.map(|text| text.as_str().unwrap().to_owned()))
}

#[test]
fn the_status_of_a_running_shipment_shows_every_row_with_its_next_step() {
    let setup = one_ad(&["--processing", "10m"], "10m", "5m");
    setup.dir.put(OTHER, "clips/bunny.mp4");
    let small = setup.dir.path("clips/small.mp4");
    let source = "testsrc2=size=270x480:rate=30:duration=5";
    setup.dir.ffmpeg(&["-f", "lavfi", "-i", source, "-preset", "ultrafast", small.to_str().unwrap()]);
    setup.manifest(&[("clips/bunny.mp4", "killed")]);
    crash(setup.ship(&[]), "upload.after_send_before_receipt:1");
    setup.manifest(&[
        ("clips/face.mov", "one"),
        ("clips/bunny.mp4", "killed"),
        ("clips/small.mp4", "refused"),
    ]);
    let mut command = setup.ship(&[]);
    let mut shipping = KillOnDrop(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let expected = [
        ("face.mov", ["processing", "wait", "validated", "video"]),
        ("bunny.mp4", ["uploading", "ask", "validated", "video"]),
        ("small.mp4", ["refused", "export", "validated", "video"]),
    ];
    wait_for("the states of all rows", || {
        let document = status(&setup).expect(0).json();
        expected.iter().all(|(name, steps_of)| steps(&document, name) == Some(steps_of.map(str::to_owned)))
    });
    assert_eq!(status(&setup).json()["running"], true);
    let human = setup.status();
    assert!(!human.contains("run the same command again, which waits"), "{human}");
    let second = CliRun::of(setup.ship(&[]).output().unwrap()).expect(2).stderr;
    assert!(second.contains("another run uses this journal"), "{second}");
    assert_eq!(second.matches("journal.db").count(), 1, "the path is told once: {second}");
    for text in [
        "a run is in progress",
        "wait for the run in progress",
        "uploaded, not ready",
        "upload started",
        "refused, nothing sent",
        "ad \"killed\"",
    ] {
        assert!(human.contains(text), "{text} is missing in {human}");
    }
    let events = setup.dir.greenlit(&["status", "--to", "test", "--events"]).expect(0).stdout;
    assert!(events.lines().any(|line| line.contains("\"processing\"")), "{events}");
    let plan = CliRun::of(setup.ship(&["--dry-run"]).output().unwrap()).expect(1).json();
    let next = |name: &str| {
        let assets = plan["assets"].as_array().unwrap();
        let asset = assets.iter().find(|asset| asset["path"].as_str().unwrap().ends_with(name));
        asset.unwrap()["next"].clone()
    };
    assert_eq!([next("face.mov"), next("bunny.mp4")], [json!("wait"), json!("ask")]);
    assert!(shipping.0.try_wait().unwrap().is_none(), "ship ended before it was looked at");
    drop(shipping);
    assert_eq!(status(&setup).json()["running"], false);
    assert!(setup.status().contains("run the same command again, which waits"), "{}", setup.status());
}

/// A question about a post is answered while the run waits for another one.
#[test]
fn a_running_shipment_takes_the_answer_to_its_question() {
    let setup = one_ad(&["--processing", "12s"], "60s", "1s");
    crash(post(&setup, &[]), "post.after_send_before_receipt:1");
    let publish_id = setup.effects("post_created")[0]["publish_id"].as_str().unwrap().to_owned();
    // The platform does not know this id, so that only a person can tell.
    Connection::open(setup.dir.path(JOURNAL))
        .unwrap()
        .execute("UPDATE effects SET handle = 'v_0'", [])
        .unwrap();
    setup.dir.put(OTHER, "clips/bunny.mp4");
    let rows = "video,title,privacy_level\nclips/face.mov,Look,SELF_ONLY\nclips/bunny.mp4,Too,SELF_ONLY\n";
    setup.dir.write("posts.csv", rows);
    let mut command = post(&setup, &[]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut question = Value::Null;
    wait_for("the question", || {
        question = status(&setup).json()["questions"][0].clone();
        question.is_object()
    });
    let id = question["id"].as_str().unwrap();
    let listed = setup.dir.greenlit(&["resolve", "--to", "test"]).expect(2);
    assert!(listed.stdout.contains(id), "{}", listed.stdout);
    let wrong = setup.dir.greenlit(&["resolve", "--to", "test", "000000000000", "abandon"]).expect(2);
    assert!(wrong.stderr.contains("no open question"), "{}", wrong.stderr);
    let answer = ["resolve", "--to", "test", id, "done", "--receipt", &publish_id];
    let answered = setup.dir.greenlit(&answer).expect(0);
    assert!(answered.stderr.contains("the running ship takes it at its next step"), "{}", answered.stderr);
    assert_eq!(status(&setup).expect(0).json()["questions"], json!([]));
    let report = CliRun::of(child.wait_with_output().unwrap()).expect(0).json();
    let delivery = &common::entry(&report, "face.mov")["delivery"];
    assert_eq!((&delivery["state"], &delivery["video_id"]), (&json!("published"), &json!(publish_id)));
    assert_eq!(setup.effects("post_created").len(), 2);
}

#[test]
fn an_answer_without_a_running_shipment_names_the_command_to_run() {
    let setup = one_ad(&[], "60s", "1s");
    crash(post(&setup, &[]), "post.after_sent_mark:1");
    Connection::open(setup.dir.path(JOURNAL))
        .unwrap()
        .execute("UPDATE effects SET handle = 'v_0'", [])
        .unwrap();
    run(post(&setup, &[])).expect(2);
    let id = status(&setup).expect(2).json()["questions"][0]["id"].as_str().unwrap().to_owned();
    let answered = setup.dir.greenlit(&["resolve", "--to", "test", &id, "not-done"]).expect(0);
    assert!(answered.stderr.contains("run the same ship command again"), "{}", answered.stderr);
    run(post(&setup, &[])).expect(0);
    assert_eq!(setup.effects("post_created").len(), 1);
}

/// Writes the journal of a run that was killed, with these files beside it, into a folder that cannot be changed.
fn killed_run(beside: &[&str]) -> TestDir {
    let (dir, writer) = (TestDir::new(), TestDir::new());
    std::fs::create_dir(writer.path(".greenlit")).unwrap();
    let journal = Journal::open(&writer.path(JOURNAL), Default::default()).unwrap();
    let key =
        ItemKey { source_blake3: "s".into(), profile_hash: "p".into(), destination: "https://o|7".into() };
    journal.record_refusal(&key, Path::new("clip.mov"), "too short").unwrap();
    std::fs::create_dir(dir.path(".greenlit")).unwrap();
    for suffix in beside {
        let name = format!("{JOURNAL}{suffix}");
        std::fs::copy(writer.path(&name), dir.path(&name)).unwrap();
    }
    dir
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn the_status_is_read_in_a_folder_that_cannot_be_changed() {
    for beside in [&["", "-wal"][..], &["", "-wal", "-shm"], &["", "-wal", "-shm", ".lock"]] {
        let dir = killed_run(beside);
        let names = files(&dir.path(".greenlit"));
        let mut command = dir.command(&["status"]);
        // Root can write to every folder, another user cannot.
        if rustix::process::geteuid().is_root() {
            command.uid(65_534).gid(65_534);
            for path in names.iter().chain([&dir.root().to_owned(), &dir.path(".greenlit")]) {
                chown(path, Some(65_534), Some(65_534)).unwrap();
            }
        }
        for path in &names {
            set_mode(path, 0o400);
        }
        set_mode(&dir.path(".greenlit"), 0o500);
        let run = CliRun::of(command.output().unwrap()).expect(0);
        assert!(run.stdout.contains("clip.mov"), "{beside:?}: {} {}", run.stdout, run.stderr);
        assert_eq!(files(&dir.path(".greenlit")), names);
        set_mode(&dir.path(".greenlit"), 0o700);
    }
}

#[test]
fn the_status_refuses_a_later_schema_and_a_journal_that_others_could_have_written() {
    let dir = killed_run(&["", "-wal", "-shm"]);
    set_mode(&dir.path(".greenlit"), 0o777);
    let run = dir.greenlit(&["status"]).expect(2);
    assert!(run.stderr.contains("other users may write to .greenlit"), "{}", run.stderr);
    set_mode(&dir.path(".greenlit"), 0o700);
    let db = Connection::open(dir.path(JOURNAL)).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    for command in [&["status"][..], &["status", "--events"], &["resolve"]] {
        let run = dir.greenlit(command).expect(2);
        assert!(run.stderr.contains("later version of greenlit (schema 99"), "{}", run.stderr);
    }
}
