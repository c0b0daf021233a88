//! The probe cache through the real binaries.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use common::counting::CountingDir;
use common::{CliRun, TestDir, entry};
use serde_json::Value;

const GOOD: &str = "firefox-media-bunny_hd_5s.mp4";
const OTHER: &str = "pypi-gradio-b.avi";

/// Checks the folder `in` and returns the report and the number of started workers.
fn check(counting: &CountingDir, more: &[&str]) -> (Value, usize) {
    let args = [&["check", "in", "--probe", "ffmpeg", "--jobs", "1", "--format", "json"], more].concat();
    let (run, started) = counting.run_counted(&args);
    assert!(matches!(run.code, Some(0 | 1)), "{run:?}");
    (run.json(), started)
}

fn cache(counting: &CountingDir) -> PathBuf {
    counting.dir.path(".cache/greenlit/facts-1.sqlite")
}

/// Returns a report without the elapsed time.
fn without_elapsed_time(mut report: Value) -> String {
    assert!(report["summary"]["elapsed_s"].is_number());
    report["summary"]["elapsed_s"] = Value::Null;
    report.to_string()
}

fn dir_with_videos() -> CountingDir {
    let counting = CountingDir::new();
    counting.dir.put(GOOD, "in/a.mp4");
    counting.dir.put(OTHER, "in/sub/b.avi");
    counting.dir.put("npm-vide-ocean.webm", "in/c.webm");
    counting.dir.write("in/text.mp4", "this is no video\n");
    counting.dir.write("in/notes.txt", "neither media nor named like it\n");
    counting.wait_for_cacheable_files();
    counting
}

#[test]
fn second_run_reports_the_same_without_a_worker() {
    let counting = dir_with_videos();
    let (first, started) = check(&counting, &[]);
    assert_eq!(started, 1, "number of worker starts");
    let (second, started) = check(&counting, &[]);
    assert_eq!(started, 0);
    assert_eq!(without_elapsed_time(first), without_elapsed_time(second.clone()));
    assert!(second["tool"]["ffmpeg"].as_str().unwrap().starts_with("FFmpeg"), "{}", second["tool"]);
    assert_eq!(entry(&second, "text.mp4")["verdict"], "unreadable");
}

#[test]
fn cached_facts_are_used_with_another_profile() {
    let counting = dir_with_videos();
    check(&counting, &[]);
    let (report, started) = check(&counting, &["--profile", "youtube"]);
    assert_eq!(started, 0);
    let (anew, _) = check(&counting, &["--profile", "youtube", "--no-cache"]);
    assert_eq!(without_elapsed_time(report.clone()), without_elapsed_time(anew));
    assert_eq!(report["files"][0]["profile"], "youtube");
}

#[test]
fn probes_changed_files_again() {
    let counting = dir_with_videos();
    let video = counting.dir.path("in/a.mp4");
    let check_after = |change: &str| {
        counting.wait_for_cacheable_files();
        let (report, started) = check(&counting, &[]);
        assert_eq!(started, 1, "{change}");
        assert_eq!(check(&counting, &[]).1, 0, "after: {change}");
        report
    };
    check_after("new");
    let file = std::fs::File::options().write(true).open(&video).unwrap();
    file.set_modified(SystemTime::now()).unwrap();
    check_after("touched");

    let bytes = std::fs::read(common::fixture(OTHER)).unwrap();
    counting.dir.write("in/new", &bytes);
    std::fs::rename(counting.dir.path("in/new"), &video).unwrap();
    let report = check_after("replaced");
    assert_eq!(entry(&report, "a.mp4")["media"]["container"], "avi");

    // The same size and modification time as before.
    let old = std::fs::metadata(&video).unwrap().modified().unwrap();
    std::fs::write(&video, vec![7; bytes.len()]).unwrap();
    std::fs::File::options().write(true).open(&video).unwrap().set_modified(old).unwrap();
    let report = check_after("rewritten with the old modification time");
    assert_eq!(entry(&report, "a.mp4")["verdict"], "unreadable");

    std::fs::rename(&video, counting.dir.path("in/renamed.mov")).unwrap();
    check_after("renamed");
}

#[test]
fn does_not_cache_files_modified_in_the_future() {
    let counting = CountingDir::new();
    let video = counting.dir.put(GOOD, "in/a.mp4");
    // A modification time in the future stays too recent, however slow the test runs.
    let later = SystemTime::now() + Duration::from_secs(3600);
    std::fs::File::options().write(true).open(&video).unwrap().set_modified(later).unwrap();
    check(&counting, &[]);
    assert_eq!(check(&counting, &[]).1, 1);
}

#[test]
fn no_cache_option_neither_reads_nor_writes() {
    let counting = dir_with_videos();
    check(&counting, &["--no-cache"]);
    assert!(!cache(&counting).exists());
    assert_eq!(check(&counting, &[]).1, 1, "the cache was written");
    assert_eq!(check(&counting, &["--no-cache"]).1, 1, "the cache was read");
}

#[test]
fn probes_again_after_the_worker_changed() {
    let counting = dir_with_videos();
    check(&counting, &[]);
    let script = std::fs::read_to_string(&counting.worker).unwrap();
    std::fs::write(&counting.worker, script + "# another\n").unwrap();
    assert_eq!(check(&counting, &[]).1, 1);
    assert_eq!(check(&counting, &[]).1, 0);
}

#[test]
fn uses_the_cache_without_a_worker_program() {
    let counting = dir_with_videos();
    let (first, _) = check(&counting, &[]);
    std::fs::remove_file(&counting.worker).unwrap();
    let (second, _) = check(&counting, &[]);
    assert_eq!(without_elapsed_time(first), without_elapsed_time(second));
}

#[test]
fn replaces_a_corrupt_cache() {
    let counting = dir_with_videos();
    let (first, _) = check(&counting, &[]);
    let database = std::fs::read(cache(&counting)).unwrap();
    let mut corrupt = database.clone();
    let middle = corrupt.len() / 2;
    corrupt[middle..].fill(0x5a);
    for bytes in [
        b"not a database, but long enough to be opened as one".repeat(100),
        corrupt,
        database[..5000].to_vec(),
    ] {
        std::fs::write(cache(&counting), bytes).unwrap();
        assert_eq!(without_elapsed_time(check(&counting, &[]).0), without_elapsed_time(first.clone()));
        check(&counting, &[]);
        assert_eq!(check(&counting, &[]).1, 0, "the cache was not replaced");
    }
}

#[test]
fn cache_errors_are_reported_only_with_verbose() {
    let counting = dir_with_videos();
    counting.dir.write("blocked", "a file where a folder should be");
    let run = |more: &[&str]| {
        let mut command =
            counting.command(&[&["check", "in/a.mp4", "--probe", "ffmpeg", "--no-progress"], more].concat());
        CliRun::of(command.env("XDG_CACHE_HOME", counting.dir.path("blocked")).output().unwrap()).expect(0)
    };
    assert_eq!(run(&[]).stderr, "");
    let stderr = run(&["--verbose"]).stderr;
    assert!(stderr.contains("without a cache") && stderr.contains("blocked"), "{stderr}");
    let doctor = counting.run(&["doctor"]).stdout;
    assert!(doctor.contains("cache:"), "{doctor}");
}

#[test]
fn concurrent_runs_share_the_cache() {
    let counting = dir_with_videos();
    let expected = without_elapsed_time(check(&counting, &["--no-cache"]).0);
    let spawn = || {
        let mut command =
            counting.command(&["check", "in", "--probe", "ffmpeg", "--no-progress", "--format", "json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let runs: Vec<_> = (0..6).map(|_| spawn()).collect();
    for run in runs {
        let run = CliRun::of(run.wait_with_output().unwrap());
        assert_eq!(run.stderr, "");
        assert_eq!(without_elapsed_time(run.json()), expected);
    }
    assert_eq!(check(&counting, &[]).1, 0);
}

#[test]
fn full_decodes_and_probes_are_cached_separately() {
    let counting = CountingDir::new();
    counting.dir.put(GOOD, "in/a.mp4");
    counting.wait_for_cacheable_files();
    check(&counting, &[]);
    let (first, started) = check(&counting, &["--deep"]);
    assert_eq!(started, 1);
    let (second, started) = check(&counting, &["--deep"]);
    assert_eq!(started, 0);
    assert_eq!(without_elapsed_time(first), without_elapsed_time(second));
}

#[test]
fn fix_plans_from_cached_facts() {
    let counting = CountingDir::new();
    counting.dir.put(GOOD, "in/a.mp4");
    counting.wait_for_cacheable_files();
    check(&counting, &[]);
    let before = counting.starts();
    let plan = ["fix", "in", "--probe", "ffmpeg", "--dry-run", "--format", "json"];
    let cached = counting.run(&plan).expect(0).json();
    assert_eq!(counting.starts(), before);
    let anew = counting.run(&[&plan[..], &["--no-cache"]].concat()).expect(0).json();
    assert_eq!(counting.starts(), before + 1);
    assert_eq!(without_elapsed_time(cached), without_elapsed_time(anew));
}

#[test]
fn check_skips_the_cache_file() {
    let dir = TestDir::new();
    dir.put(GOOD, "a.mp4");
    std::thread::sleep(Duration::from_millis(200));
    for _ in 0..2 {
        let report = dir.greenlit(&["check", ".", "--probe", "ffmpeg", "--format", "json"]).expect(0).json();
        assert_eq!(report["summary"]["files"], 1, "{report:#}");
    }
    assert!(dir.path(".cache/greenlit/facts-1.sqlite").exists());
}

#[test]
fn image_checked_by_name_is_still_skipped_in_folders() {
    let dir = TestDir::new();
    dir.put("npm-vide-ocean.mp4", "in/video.mp4");
    image::RgbImage::new(720, 1280).save(dir.path("in/cover.png")).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    dir.greenlit(&["check", "in/cover.png", "--format", "json"]);
    let report = dir.greenlit(&["check", "in", "--probe", "ffmpeg", "--format", "json"]).json();
    let cover = report["files"].as_array().unwrap().iter().find(|f| f["path"] == "in/cover.png").unwrap();
    assert_eq!(cover["verdict"], "skipped");
}
