//! Processes that must have ended when something else has.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use greenlit::job::{Job, JobOutput, Runner, VerifyLevel};
use greenlit::plan::{OutputSpec, Preset, VideoEncode, VideoPlan, example};
use greenlit::worker::{WorkerPool, WorkerTimeouts};

use crate::common::{self, TestDir, fixture};
use crate::own_worker::{OwnWorker, signal};
use crate::{CLIP, probe, request, slow_fix};

#[test]
fn no_worker_outlives_its_pool() {
    let worker = OwnWorker::new();
    let pool = worker.pool(WorkerTimeouts::default());
    assert!(probe(&pool, &fixture(CLIP)).is_ok());
    assert!(!worker.all_processes().is_empty());
    drop(pool);
    worker.wait_for_exit();
}

/// Not a test: the parent process that the next test kills.
#[test]
fn parent_to_be_killed() {
    let Some(path) = std::env::var_os("GREENLIT_TEST_WORKER") else { return };
    let pool = WorkerPool::with_program(1, path.into());
    let _ = pool.run(request(slow_fix(), &fixture(CLIP), &Arc::default()), &mut |_| {});
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn no_worker_outlives_a_killed_parent() {
    let worker = OwnWorker::new();
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes_that_end::parent_to_be_killed"])
        .env("GREENLIT_TEST_WORKER", worker.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while worker.processes().is_empty() && parent.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(!worker.processes().is_empty());
    parent.kill().unwrap();
    parent.wait().unwrap();
    worker.wait_for_exit();
}

#[test]
fn a_worker_that_wrote_an_output_has_ended_before_the_output_is_used() {
    let worker = OwnWorker::new();
    let pool = worker.pool(WorkerTimeouts::default());
    let encode = VideoEncode { preset: Preset::Slow, ..example::video_encode(640, 360, 30) };
    let spec = OutputSpec { threads: 2, ..example::output(VideoPlan::Encode(Box::new(encode)), None) };
    let mut seen: Vec<i32> = Vec::new();
    for _ in 0..2 {
        let job = Job::Fix { specs: vec![spec.clone()], verify: VerifyLevel::Structure };
        let mut busy = Vec::new();
        let fixed = pool.run(request(job, &fixture(CLIP), &Arc::default()), &mut |_| {
            if busy.is_empty() {
                busy = worker.busy_processes();
            }
        });
        assert!(matches!(fixed, Ok(JobOutput::Fixed { .. })), "{fixed:?}");
        assert!(busy.len() == 1 && !seen.contains(&busy[0]), "each fix has a worker of its own: {busy:?}");
        assert!(!Path::new(&format!("/proc/{}", busy[0])).exists(), "the worker {busy:?} still runs");
        seen.append(&mut busy);
    }
}

/// Makes a video whose encode takes a second or more.
fn small_video(dir: &TestDir, name: &str) {
    dir.write(name, "");
    let source = "testsrc2=size=270x480:rate=25:duration=3";
    dir.ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        source,
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p",
        name,
    ]);
}

/// Kills a process in the middle of the first of three encodes.
fn a_batch_goes_on_after(victim: fn(&OwnWorker) -> i32) {
    let (worker, dir) = (OwnWorker::new(), TestDir::new());
    for (name, byte) in [("in/a.mp4", 1), ("in/b.mp4", 2), ("in/c.mp4", 3)] {
        // Equal sources would share one encode.
        let path = dir.put(CLIP, name);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend([0, 0, 0, 9, b'f', b'r', b'e', b'e', byte]);
        std::fs::write(&path, bytes).unwrap();
    }
    let args =
        ["fix", "in", "--out", "out", "--recipe", "2", "--preset", "slow", "--upscale", "--extend", "loop"];
    let mut command = dir.command(&args);
    command.args(["--jobs", "1", "--no-cache", "--no-progress", "--format", "json"]);
    let mut run = command
        .env("GREENLIT_WORKER", worker.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while worker.busy_processes().is_empty() && run.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    signal("-KILL", victim(&worker));
    let output = run.wait_with_output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let outputs: Vec<bool> = ["in/a.mp4", "in/b.mp4", "in/c.mp4"]
        .map(|name| common::entry(&report, name)["fix"]["output"].is_string())
        .into();
    assert_eq!(outputs.iter().filter(|made| **made).count(), 2, "{report}");
    assert!(report.to_string().contains("media worker exited"), "{report}");
    worker.wait_for_exit();
}

#[test]
fn a_batch_goes_on_after_its_template_was_killed() {
    a_batch_goes_on_after(OwnWorker::template);
}

#[test]
fn a_batch_goes_on_after_a_worker_was_killed() {
    a_batch_goes_on_after(|worker| worker.busy_processes()[0]);
}

#[test]
fn nothing_is_left_after_greenlit_was_killed() {
    let (worker, dir) = (OwnWorker::new(), TestDir::new());
    small_video(&dir, "a.mp4");
    let args = [
        "fix",
        "a.mp4",
        "--out",
        "out",
        "--recipe",
        "2",
        "--preset",
        "slow",
        "--upscale",
        "--extend",
        "loop",
    ];
    let mut command = dir.command(&args);
    let mut run = command
        .env("GREENLIT_WORKER", worker.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while worker.busy_processes().is_empty() && run.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(worker.busy_processes().len(), 1);
    run.kill().unwrap();
    run.wait().unwrap();
    worker.wait_for_exit();
}
