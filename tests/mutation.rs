//! Damaged videos: every one gets a verdict, even if it crashes the worker.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::mutate::mutate;
use common::ship_setup::KillOnDrop;
use common::{CliRun, TestDir};
use fastrand::Rng;

const VERDICTS: [&str; 5] = ["compliant", "noncompliant", "indeterminate", "unreadable", "skipped"];
/// Videos per run.
const BATCH: usize = 60;
/// The time limit of a run, which only a hanging run reaches.
const TIMEOUT: Duration = Duration::from_secs(900);

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut videos: Vec<_> =
        paths.filter(|path| !path.extension().is_some_and(|end| end == "tsv" || end == "md")).collect();
    videos.sort();
    assert!(videos.len() >= 15, "only {} fixtures", videos.len());
    videos
}

/// Runs greenlit and fails if it hangs.
fn finish(dir: &TestDir, args: &[&str]) -> CliRun {
    let (out, err) = (dir.path("stdout"), dir.path("stderr"));
    let mut command = dir.command(args);
    command.stdin(Stdio::null());
    command.stdout(std::fs::File::create(&out).unwrap()).stderr(std::fs::File::create(&err).unwrap());
    let mut child = KillOnDrop(command.spawn().unwrap());
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.0.try_wait().unwrap() {
            break status;
        }
        assert!(started.elapsed() < TIMEOUT, "greenlit hangs");
        std::thread::sleep(Duration::from_millis(20));
    };
    let read = |path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    CliRun { code: status.code(), stdout: read(out), stderr: read(err) }
}

/// Checks `each` mutants of every fixture.
fn check_mutants(each: u64) {
    let mut mutants = Vec::new();
    for (number, video) in fixtures().iter().enumerate() {
        let extension = video.extension().unwrap().to_str().unwrap().to_owned();
        mutants.extend(
            (0..each).map(|seed| (video.clone(), number as u64 * 1_000_000 + seed, extension.clone())),
        );
    }
    let mut workers_lost = 0;
    for batch in mutants.chunks(BATCH) {
        let dir = TestDir::new();
        for (video, seed, extension) in batch {
            let mutant = mutate(&std::fs::read(video).unwrap(), &mut Rng::with_seed(*seed));
            dir.write(&format!("videos/{seed}.{extension}"), mutant);
        }
        // The seeds make the run deterministic: some files are refused, and no other error occurs.
        let report = finish(&dir, &["check", "videos", "--format", "json"]).expect(1).json();
        let files = report["files"].as_array().unwrap();
        assert_eq!(files.len(), batch.len());
        for file in files {
            assert!(VERDICTS.iter().any(|verdict| file["verdict"] == *verdict), "{file:#}");
            let reason = file["reason"].as_str().unwrap_or_default();
            assert!(file["media"].is_object() || !reason.is_empty(), "{file:#}");
            if reason.contains("media worker") {
                workers_lost += 1;
                eprintln!("{}: {reason}", file["path"]);
            }
        }
    }
    eprintln!("{} mutants, {workers_lost} of them crashed a worker", mutants.len());
}

#[test]
fn every_damaged_video_gets_a_verdict() {
    check_mutants(24);
}

#[test]
#[ignore = "slow: thousands of damaged videos"]
fn many_damaged_videos_get_a_verdict() {
    check_mutants(300);
}
