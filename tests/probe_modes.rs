//! Where the facts of a file are read, and that no worker starts for a file whose headers say all.
#![allow(clippy::unwrap_used)]

mod common;

use common::{CliRun, TestDir};
use serde_json::Value;

/// A file whose headers settle its facts, and one that needs the media library.
const SETTLED: &str = "pypi-gradio-a.mp4";
const UNSETTLED: &str = "pypi-gradio-b.avi";

/// Runs a command where no worker can be started.
fn without_worker(dir: &TestDir, args: &[&str]) -> CliRun {
    CliRun::of(dir.command(args).env("GREENLIT_WORKER", dir.path("no-worker")).output().unwrap())
}

fn media(report: &Value, name: &str) -> Value {
    common::entry(report, name)["media"].clone()
}

#[test]
fn a_file_whose_headers_say_all_needs_no_worker() {
    let dir = TestDir::new();
    dir.put(SETTLED, "in/a.mp4");
    let run = without_worker(&dir, &["check", "in", "--format", "json"]);
    let report = run.json();
    assert_eq!(media(&report, "in/a.mp4")["probed_by"], "headers");
    assert!(
        report["tool"]["ffmpeg"].is_null() && report["tool"]["isolation"].is_null(),
        "{}",
        report["tool"]
    );
    assert!(!dir.path(".cache/greenlit").exists(), "the cache was written");
    let planned = without_worker(&dir, &["fix", "in", "--dry-run", "--format", "json"]).json();
    assert_eq!(media(&planned, "in/a.mp4")["probed_by"], "headers");
}

#[test]
fn both_ways_to_read_a_file_find_the_same() {
    let dir = TestDir::new();
    dir.put(SETTLED, "in/a.mp4");
    let run = |how| dir.greenlit(&["check", "in", "--no-cache", "--probe", how, "--format", "json"]);
    let (auto, ffmpeg) = (run("auto"), run("ffmpeg"));
    assert_eq!(auto.code, ffmpeg.code);
    let (auto, ffmpeg) = (auto.json(), ffmpeg.json());
    assert_eq!(media(&ffmpeg, "in/a.mp4")["probed_by"], "ffmpeg");
    assert!(ffmpeg["tool"]["ffmpeg"].is_string(), "{}", ffmpeg["tool"]);
    assert_eq!(without_origin(auto), without_origin(ffmpeg));
}

#[test]
fn what_the_headers_do_not_settle_is_indeterminate_without_the_library() {
    let dir = TestDir::new();
    dir.put(SETTLED, "in/a.mp4");
    dir.put(UNSETTLED, "in/b.avi");
    let args = ["check", "in", "--probe", "headers", "--format", "json"];
    let run = without_worker(&dir, &args).expect(1);
    let report = run.json();
    let unsettled = common::entry(&report, "in/b.avi");
    assert_eq!(unsettled["verdict"], "indeterminate");
    let reason = unsettled["reason"].as_str().unwrap();
    assert!(
        reason.contains("the container has no header reader") && reason.contains("--probe auto"),
        "{reason}"
    );
    assert_eq!(media(&report, "in/a.mp4")["probed_by"], "headers");
    let scanned = dir.greenlit(&["check", "in", "--no-cache", "--format", "json"]).json();
    assert_eq!(media(&scanned, "in/b.avi")["probed_by"], "ffmpeg");
    assert_eq!(media(&scanned, "in/a.mp4"), media(&report, "in/a.mp4"));
}

#[test]
#[ignore = "needs GREENLIT_CORPUS; `make test` runs it where that is set"]
fn with_corpus_both_ways_report_the_same() {
    let corpus = std::env::var("GREENLIT_CORPUS").expect("GREENLIT_CORPUS names the corpus");
    let dir = TestDir::new();
    let run = |how| dir.greenlit(&["check", &corpus, "--no-cache", "--probe", how, "--format", "json"]);
    let (auto, ffmpeg) = (run("auto"), run("ffmpeg"));
    assert_eq!(auto.code, ffmpeg.code);
    let (auto, ffmpeg) = (without_origin(auto.json()), without_origin(ffmpeg.json()));
    assert_eq!(auto.len(), ffmpeg.len());
    for (auto, ffmpeg) in auto.iter().zip(&ffmpeg) {
        assert_eq!(auto, ffmpeg);
    }
}

/// Returns the entries of a report without what read each.
fn without_origin(mut report: Value) -> Vec<Value> {
    let entries = report["files"].as_array_mut().unwrap();
    for entry in entries.iter_mut() {
        if let Some(media) = entry["media"].as_object_mut() {
            assert!(media.remove("probed_by").is_some());
        }
    }
    std::mem::take(entries)
}
