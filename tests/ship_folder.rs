//! Handing files over in a folder, with the real binary: each file and each line of its list once.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use common::one_ad::{COMPLIANT, OTHER};
use common::{CliRun, TestDir, entry};
use serde_json::Value;

/// Returns a folder with two videos, of which the second needs a fix, and their rows.
fn campaign() -> TestDir {
    let dir = TestDir::new();
    dir.put(COMPLIANT, "clips/face.mov");
    dir.put(OTHER, "clips/bunny.mp4");
    dir.write("files.csv", "video,entry,note\nclips/face.mov,,first\nclips/bunny.mp4,Bunny,\n");
    dir.write(
        "greenlit.toml",
        "[destination.out]\nplatform = \"folder\"\nbase_url = \"out\"\npoll_deadline = \"20s\"\n",
    );
    dir
}

fn command(dir: &TestDir, what: &str) -> Command {
    let mut command = dir.command(&["ship", what, "--to", "out", "--format", "json"]);
    command.env_remove("GREENLIT_CRASH_AT");
    command
}

fn run(dir: &TestDir, what: &str) -> CliRun {
    CliRun::of(command(dir, what).output().unwrap())
}

fn list(dir: &TestDir) -> Vec<Value> {
    let text = std::fs::read_to_string(dir.path("out/manifest.jsonl")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Returns the delivered files with their sizes.
fn files(dir: &TestDir) -> BTreeMap<String, u64> {
    let files = std::fs::read_dir(dir.path("out")).unwrap().map(|file| {
        let file = file.unwrap();
        (file.file_name().into_string().unwrap(), file.metadata().unwrap().len())
    });
    files.filter(|(name, _)| name != "manifest.jsonl").collect()
}

/// Checks that each file was handed over once and that the list names it.
fn assert_handed_over(dir: &TestDir) {
    let (files, list) = (files(dir), list(dir));
    assert_eq!((files.len(), list.len()), (2, 2), "{files:?} {list:?}");
    for (name, note) in [("face.mov", "first"), ("Bunny", "")] {
        let line = list.iter().find(|line| line["entry"] == name).unwrap();
        let size = files[line["file"].as_str().unwrap()];
        assert_eq!((line["size_bytes"].as_u64(), line["note"].as_str().unwrap_or("")), (Some(size), note));
    }
}

#[test]
fn each_file_is_copied_once_and_listed_once() {
    let dir = campaign();
    let plan = dir.greenlit(&["ship", "files.csv", "--to", "out", "--dry-run"]).expect(0).stdout;
    assert!(plan.contains("In total: 2 copies of") && !plan.contains("upload"), "{plan}");
    let shipped = run(&dir, "files.csv").expect(0);
    assert!(
        shipped.stderr.contains("face.mov: copying") && !shipped.stderr.contains("upload"),
        "{}",
        shipped.stderr
    );
    let report = shipped.json();
    assert_handed_over(&dir);
    let delivery = &entry(&report, "face.mov")["delivery"];
    assert_eq!((&delivery["state"], &delivery["publication"]), (&"published".into(), &"entry".into()));
    assert_eq!(report["summary"]["entries"]["by_this_run"], 2);
    let face = std::fs::read(dir.path("clips/face.mov")).unwrap();
    let name = delivery["video_id"].as_str().unwrap();
    assert!(name.starts_with("face-") && name.ends_with(".mov"), "{name}");
    let copy = dir.path("out").join(name);
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&copy), mode(&dir.path("out/manifest.jsonl")), "others could not read it");
    assert_eq!(std::fs::read(copy).unwrap(), face);
    let again = run(&dir, "files.csv").expect(0).json();
    assert_eq!(again["summary"]["entries"]["before"], 2);
    assert_handed_over(&dir);
    let status = CliRun::of(dir.command(&["status"]).output().unwrap()).expect(0).stdout;
    assert!(status.contains("face.mov: published"), "{status}");
}

#[test]
fn files_without_a_manifest_are_listed_under_their_names() {
    let dir = campaign();
    let report = run(&dir, "clips").expect(0).json();
    let list = list(&dir);
    let mut names: Vec<&str> = list.iter().map(|line| line["entry"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!((names, files(&dir).len()), (vec!["bunny.mp4", "face.mov"], 2));
    assert_eq!(report["summary"]["entries"]["done"], 2);
}

#[test]
fn a_run_killed_at_any_step_is_completed_without_a_second_copy_or_line() {
    for point in [
        "upload.after_sent_mark:1",
        "upload.after_send_before_receipt:1",
        "upload.after_receipt:2",
        "poll.after:1",
        "item.ready:1",
        "ad.after_sent_mark:1",
        "ad.after_send_before_receipt:1",
        "ad.after_receipt:1",
    ] {
        let dir = campaign();
        let killed = command(&dir, "files.csv").env("GREENLIT_CRASH_AT", point).output().unwrap();
        assert_eq!(killed.status.signal(), Some(9), "{point}: {killed:?}");
        run(&dir, "files.csv").expect(0);
        assert_handed_over(&dir);
    }
}

#[test]
fn without_the_journal_nothing_is_copied_or_listed_twice() {
    let dir = campaign();
    run(&dir, "files.csv").expect(0);
    std::fs::remove_dir_all(dir.path(".greenlit")).unwrap();
    let again = run(&dir, "files.csv").expect(0).json();
    assert_eq!(again["summary"]["entries"]["by_this_run"], 0);
    assert_handed_over(&dir);
}

#[test]
fn a_copy_that_disappears_before_it_is_read_back_is_made_again() {
    let dir = campaign();
    let point = "upload.after_receipt:1";
    command(&dir, "files.csv").env("GREENLIT_CRASH_AT", point).output().unwrap();
    for name in files(&dir).keys() {
        std::fs::remove_file(dir.path("out").join(name)).unwrap();
    }
    run(&dir, "files.csv").expect(0);
    assert_handed_over(&dir);
}

#[test]
fn a_folder_has_to_be_named_and_two_rows_may_not_have_one_name() {
    let dir = campaign();
    let unnamed = dir.command(&["ship", "clips", "--to", "folder"]).output().unwrap();
    assert!(CliRun::of(unnamed).expect(2).stderr.contains("no folder is named"));
    dir.write("files.csv", "video,entry\nclips/face.mov,x\nclips/bunny.mp4,x\n");
    let refused = run(&dir, "files.csv").expect(2).stderr;
    assert!(refused.contains("same name as in line 2"), "{refused}");
    assert!(!dir.path("out").exists());
}

#[test]
fn a_trial_hands_over_in_a_folder_of_its_own() {
    let dir = campaign();
    let args = ["ship", "clips", "--to", "sandbox", "--platform", "folder", "--format", "json"];
    CliRun::of(dir.command(&args).output().unwrap()).expect(0);
    let count = std::fs::read_dir(dir.path(".greenlit/sandbox/folder")).unwrap().count();
    assert_eq!(count, 3);
}
