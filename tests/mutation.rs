//! Damaged videos: every one gets a verdict, whatever it does to the worker.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::mutate::mutate;
use common::stage::Guarded;
use common::{Desk, Run};
use fastrand::Rng;

const VERDICTS: [&str; 5] = ["compliant", "noncompliant", "indeterminate", "unreadable", "skipped"];
/// Films of one run.
const BATCH: usize = 60;
/// A bound for runs that end by themselves: only a run that hangs meets it.
const PATIENCE: Duration = Duration::from_secs(900);

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut videos: Vec<_> =
        paths.filter(|path| !path.extension().is_some_and(|end| end == "tsv" || end == "md")).collect();
    videos.sort();
    assert!(videos.len() >= 15, "only {} fixtures", videos.len());
    videos
}

/// Runs to the end, or fails.
fn finish(desk: &Desk, args: &[&str]) -> Run {
    let (out, err) = (desk.path("stdout"), desk.path("stderr"));
    let mut command = desk.command(args);
    command.stdin(Stdio::null());
    command.stdout(std::fs::File::create(&out).unwrap()).stderr(std::fs::File::create(&err).unwrap());
    let mut child = Guarded(command.spawn().unwrap());
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = child.0.try_wait().unwrap() {
            break status;
        }
        assert!(begin.elapsed() < PATIENCE, "it hangs");
        std::thread::sleep(Duration::from_millis(20));
    };
    let read = |path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    Run { code: status.code(), stdout: read(out), stderr: read(err) }
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
    let mut lost = 0;
    for batch in mutants.chunks(BATCH) {
        let desk = Desk::new();
        for (video, seed, extension) in batch {
            let mutant = mutate(&std::fs::read(video).unwrap(), &mut Rng::with_seed(*seed));
            desk.write(&format!("videos/{seed}.{extension}"), mutant);
        }
        // Damaged by seeds, they always come to the same: some are refused, nothing else went wrong.
        let report = finish(&desk, &["check", "videos", "--format", "json"]).expect(1).json();
        let files = report["files"].as_array().unwrap();
        assert_eq!(files.len(), batch.len());
        for file in files {
            assert!(VERDICTS.iter().any(|verdict| file["verdict"] == *verdict), "{file:#}");
            let reason = file["reason"].as_str().unwrap_or_default();
            assert!(file["media"].is_object() || !reason.is_empty(), "{file:#}");
            if reason.contains("the process that works on this file") {
                lost += 1;
                eprintln!("{}: {reason}", file["path"]);
            }
        }
    }
    eprintln!("{} mutants, {lost} of them cost a worker", mutants.len());
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
