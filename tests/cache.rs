//! What is remembered between runs, and what is not.
#![allow(clippy::unwrap_used)]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use common::{Desk, Run, entry};
use serde_json::Value;

const GOOD: &str = "firefox-media-bunny_hd_5s.mp4";
const OTHER: &str = "pypi-gradio-b.avi";

/// A desk whose workers are counted.
struct Counted {
    desk: Desk,
    worker: PathBuf,
}

impl Counted {
    fn new() -> Counted {
        let desk = Desk::new();
        let worker = desk.path("bin/worker");
        let real = env!("CARGO_BIN_EXE_greenlit-worker");
        let starts = desk.path("bin/starts");
        let script = format!("#!/bin/sh\necho started >> '{}'\nexec '{real}'\n", starts.display());
        desk.write("bin/worker", script);
        std::fs::set_permissions(&worker, std::fs::Permissions::from_mode(0o755)).unwrap();
        Counted { desk, worker }
    }

    /// Waits until files are old enough for a change of them to show in their stamps.
    fn settle(&self) {
        std::thread::sleep(Duration::from_millis(200));
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.desk.command(args);
        command.env("GREENLIT_WORKER", &self.worker);
        command
    }

    fn run(&self, args: &[&str]) -> Run {
        Run::of(self.command(args).output().unwrap())
    }

    /// The report of a check of the folder `in`, and how many workers it started.
    fn check(&self, more: &[&str]) -> (Value, usize) {
        let before = self.starts();
        let run = self.run(&[&["check", "in", "--jobs", "1", "--format", "json"], more].concat());
        assert!(matches!(run.code, Some(0 | 1)), "{run:?}");
        (run.json(), self.starts() - before)
    }

    fn starts(&self) -> usize {
        std::fs::read_to_string(self.desk.path("bin/starts")).unwrap_or_default().lines().count()
    }

    fn cache(&self) -> PathBuf {
        self.desk.path(".cache/greenlit/facts-1.sqlite")
    }
}

/// A report without the time it took.
fn timeless(mut report: Value) -> String {
    assert!(report["summary"]["elapsed_s"].is_number());
    report["summary"]["elapsed_s"] = Value::Null;
    report.to_string()
}

fn counted_with_clips() -> Counted {
    let here = Counted::new();
    here.desk.put(GOOD, "in/a.mp4");
    here.desk.put(OTHER, "in/sub/b.avi");
    here.desk.put("npm-vide-ocean.webm", "in/c.webm");
    here.desk.write("in/text.mp4", "this is no video\n");
    here.desk.write("in/notes.txt", "not even named like one\n");
    here.settle();
    here
}

#[test]
fn a_second_run_says_the_same_and_starts_no_worker() {
    let here = counted_with_clips();
    let (first, started) = here.check(&[]);
    assert_eq!(started, 1, "the workers are not counted");
    let (second, started) = here.check(&[]);
    assert_eq!(started, 0);
    assert_eq!(timeless(first), timeless(second.clone()));
    assert!(second["tool"]["ffmpeg"].as_str().unwrap().starts_with("FFmpeg"), "{}", second["tool"]);
    assert_eq!(entry(&second, "text.mp4")["verdict"], "unreadable");
}

#[test]
fn another_profile_judges_what_is_remembered() {
    let here = counted_with_clips();
    here.check(&[]);
    let (report, started) = here.check(&["--profile", "youtube"]);
    assert_eq!(started, 0);
    let (anew, _) = here.check(&["--profile", "youtube", "--no-cache"]);
    assert_eq!(timeless(report.clone()), timeless(anew));
    assert_eq!(report["files"][0]["profile"], "youtube");
}

#[test]
fn a_file_that_changed_in_any_way_is_probed_again() {
    let here = counted_with_clips();
    let clip = here.desk.path("in/a.mp4");
    let seen = |change: &str| {
        here.settle();
        let (report, started) = here.check(&[]);
        assert_eq!(started, 1, "{change}");
        assert_eq!(here.check(&[]).1, 0, "after: {change}");
        report
    };
    seen("new");
    let file = std::fs::File::options().write(true).open(&clip).unwrap();
    file.set_modified(SystemTime::now()).unwrap();
    seen("touched");

    let bytes = std::fs::read(common::fixture(OTHER)).unwrap();
    here.desk.write("in/new", &bytes);
    std::fs::rename(here.desk.path("in/new"), &clip).unwrap();
    let report = seen("replaced");
    assert_eq!(entry(&report, "a.mp4")["media"]["container"], "avi");

    // As many bytes as before, and the old time of modification.
    let old = std::fs::metadata(&clip).unwrap().modified().unwrap();
    std::fs::write(&clip, vec![7; bytes.len()]).unwrap();
    std::fs::File::options().write(true).open(&clip).unwrap().set_modified(old).unwrap();
    let report = seen("rewritten behind our back");
    assert_eq!(entry(&report, "a.mp4")["verdict"], "unreadable");

    std::fs::rename(&clip, here.desk.path("in/renamed.mov")).unwrap();
    seen("renamed");
}

#[test]
fn a_file_that_was_written_this_instant_is_not_trusted_yet() {
    let here = Counted::new();
    let clip = here.desk.put(GOOD, "in/a.mp4");
    // From the future: whatever the machine is busy with, that is not settled.
    let later = SystemTime::now() + Duration::from_secs(3600);
    std::fs::File::options().write(true).open(&clip).unwrap().set_modified(later).unwrap();
    here.check(&[]);
    assert_eq!(here.check(&[]).1, 1);
}

#[test]
fn no_cache_neither_reads_nor_writes() {
    let here = counted_with_clips();
    here.check(&["--no-cache"]);
    assert!(!here.cache().exists());
    assert_eq!(here.check(&[]).1, 1, "something was written all the same");
    assert_eq!(here.check(&["--no-cache"]).1, 1, "something was read all the same");
}

#[test]
fn a_worker_that_changed_is_asked_again() {
    let here = counted_with_clips();
    here.check(&[]);
    let script = std::fs::read_to_string(&here.worker).unwrap();
    std::fs::write(&here.worker, script + "# another\n").unwrap();
    assert_eq!(here.check(&[]).1, 1);
    assert_eq!(here.check(&[]).1, 0);
}

#[test]
fn without_any_worker_what_is_remembered_still_stands() {
    let here = counted_with_clips();
    let (first, _) = here.check(&[]);
    std::fs::remove_file(&here.worker).unwrap();
    let (second, _) = here.check(&[]);
    assert_eq!(timeless(first), timeless(second));
}

#[test]
fn a_damaged_cache_is_begun_anew() {
    let here = counted_with_clips();
    let (first, _) = here.check(&[]);
    let whole = std::fs::read(here.cache()).unwrap();
    let mut spoilt = whole.clone();
    let middle = spoilt.len() / 2;
    spoilt[middle..].fill(0x5a);
    for bytes in
        [b"no database at all, but long enough to be looked at".repeat(100), spoilt, whole[..5000].to_vec()]
    {
        std::fs::write(here.cache(), bytes).unwrap();
        assert_eq!(timeless(here.check(&[]).0), timeless(first.clone()));
        here.check(&[]);
        assert_eq!(here.check(&[]).1, 0, "it did not recover");
    }
}

#[test]
fn where_no_cache_can_be_the_run_goes_on_and_says_so_only_when_asked() {
    let here = counted_with_clips();
    here.desk.write("blocked", "a file where a folder should be");
    let run = |more: &[&str]| {
        let mut command = here.command(&[&["check", "in/a.mp4", "--no-progress"], more].concat());
        Run::of(command.env("XDG_CACHE_HOME", here.desk.path("blocked")).output().unwrap()).expect(0)
    };
    assert_eq!(run(&[]).stderr, "");
    let told = run(&["--verbose"]).stderr;
    assert!(told.contains("without a cache") && told.contains("blocked"), "{told}");
    let doctor = here.run(&["doctor"]).stdout;
    assert!(doctor.contains("cache:"), "{doctor}");
}

#[test]
fn runs_side_by_side_do_not_disturb_each_other() {
    let here = counted_with_clips();
    let expected = timeless(here.check(&["--no-cache"]).0);
    let begin = || {
        let mut command = here.command(&["check", "in", "--no-progress", "--format", "json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let runs: Vec<_> = (0..6).map(|_| begin()).collect();
    for run in runs {
        let run = Run::of(run.wait_with_output().unwrap());
        assert_eq!(run.stderr, "");
        assert_eq!(timeless(run.json()), expected);
    }
    assert_eq!(here.check(&[]).1, 0);
}

#[test]
fn a_deep_look_is_remembered_apart_from_a_probe() {
    let here = Counted::new();
    here.desk.put(GOOD, "in/a.mp4");
    here.settle();
    here.check(&[]);
    let (first, started) = here.check(&["--deep"]);
    assert_eq!(started, 1);
    let (second, started) = here.check(&["--deep"]);
    assert_eq!(started, 0);
    assert_eq!(timeless(first), timeless(second));
}

#[test]
fn fix_plans_on_what_is_remembered() {
    let here = Counted::new();
    here.desk.put(GOOD, "in/a.mp4");
    here.settle();
    here.check(&[]);
    let before = here.starts();
    let plan = ["fix", "in", "--dry-run", "--format", "json"];
    let remembered = here.run(&plan).expect(0).json();
    assert_eq!(here.starts(), before);
    let anew = here.run(&[&plan[..], &["--no-cache"]].concat()).expect(0).json();
    assert_eq!(here.starts(), before + 1);
    assert_eq!(timeless(remembered), timeless(anew));
}

#[test]
fn the_cache_is_no_file_to_check() {
    let desk = Desk::new();
    desk.put(GOOD, "a.mp4");
    std::thread::sleep(Duration::from_millis(200));
    for _ in 0..2 {
        let report = desk.greenlit(&["check", ".", "--format", "json"]).expect(0).json();
        assert_eq!(report["summary"]["files"], 1, "{report:#}");
    }
    assert!(desk.path(".cache/greenlit/facts-1.sqlite").exists());
}

#[test]
fn a_picture_that_was_named_once_does_not_count_in_a_walk() {
    let desk = Desk::new();
    desk.put("npm-vide-ocean.mp4", "in/film.mp4");
    image::RgbImage::new(720, 1280).save(desk.path("in/cover.png")).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    desk.greenlit(&["check", "in/cover.png", "--format", "json"]);
    let report = desk.greenlit(&["check", "in", "--format", "json"]).json();
    let cover = report["files"].as_array().unwrap().iter().find(|f| f["path"] == "in/cover.png").unwrap();
    assert_eq!(cover["verdict"], "skipped");
}
