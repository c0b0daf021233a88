//! Workers can do nothing but their job, and losing one costs one file.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::fs::File;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use common::{Desk, fixture};
use greenlit::job::in_process::InProcessRunner;
use greenlit::job::worker::{Limits, WorkerPool};
use greenlit::job::{Job, JobError, JobFiles, JobOutput, JobRequest, ProbeDepth, Runner, VerifyLevel};
use greenlit::plan::{OutputSpec, Preset, VideoEncode, VideoEncoder, VideoPlan, sample};
use landlock::{AccessFs, CompatLevel, Compatible, RulesetAttr};

const WORKER: &str = env!("CARGO_BIN_EXE_greenlit-worker");
const CLIP: &str = "npm-vide-ocean.mp4";

fn pool(limits: Limits) -> WorkerPool {
    WorkerPool::with_limits(1, WORKER.into(), limits)
}

fn request(job: Job, input: &Path, cancel: &Arc<AtomicBool>) -> JobRequest {
    let outputs =
        if matches!(job, Job::Fix { .. }) { vec![tempfile::tempfile().unwrap()] } else { Vec::new() };
    let files = JobFiles { input: File::open(input).unwrap(), outputs };
    JobRequest { job, files, name: "clip.mp4".into(), cancel: Arc::clone(cancel) }
}

fn probe(runner: &dyn Runner, input: &Path) -> Result<JobOutput, JobError> {
    let job = Job::Probe { depth: ProbeDepth::Auto };
    runner.run(request(job, input, &Arc::default()), &mut |_| {})
}

/// A fix that takes long enough to be interrupted.
fn slow_fix() -> Job {
    let mut video = VideoEncode { preset: Preset::Slow, b_frames: 3, ..sample::video_encode(1920, 1080, 60) };
    video.rate.crf = 18.0;
    let spec = OutputSpec { threads: 2, ..sample::output(VideoPlan::Encode(Box::new(video)), None) };
    Job::Fix { specs: vec![spec], verify: VerifyLevel::Full }
}

/// A worker under a path of its own, so that a test finds its processes among those of others.
struct OwnWorker {
    dir: tempfile::TempDir,
}

impl OwnWorker {
    fn new() -> OwnWorker {
        let dir = tempfile::tempdir_in(Path::new(WORKER).parent().unwrap()).unwrap();
        std::fs::hard_link(WORKER, dir.path().join("worker")).unwrap();
        OwnWorker { dir }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("worker")
    }

    fn pool(&self, limits: Limits) -> WorkerPool {
        WorkerPool::with_limits(1, self.path(), limits)
    }

    /// The processes that run it.
    fn alive(&self) -> Vec<i32> {
        let path = self.path().canonicalize().unwrap();
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        entries
            .filter(|entry| std::fs::read_link(entry.path().join("exe")).is_ok_and(|exe| exe == path))
            .filter_map(|entry| entry.file_name().to_string_lossy().parse().ok())
            .collect()
    }

    fn wait_until_none_is_left(&self) {
        for _ in 0..400 {
            if self.alive().is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("still alive: {:?}", self.alive());
    }
}

/// Sends a signal by itself: a bare system has no `kill` to run.
fn signal(name: &str, pid: i32) {
    use rustix::process::{Pid, Signal, kill_process};
    let signal = match name {
        "-KILL" => Signal::KILL,
        "-STOP" => Signal::STOP,
        "-CONT" => Signal::CONT,
        "-XCPU" => Signal::XCPU,
        "-TERM" => Signal::TERM,
        other => panic!("{other} is not sent here"),
    };
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// What the worker's self-test says, by attempt.
fn self_test(mode: &str) -> BTreeMap<String, String> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let output = Command::new(WORKER)
        .args(["--self-test", mode, &port])
        .env("GREENLIT_TOKEN", "secret")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    by_attempt(String::from_utf8(output.stdout).unwrap().lines())
}

fn by_attempt<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeMap<String, String> {
    lines.filter_map(|line| line.split_once(' ')).map(|(a, b)| (a.into(), b.into())).collect()
}

/// What a job that tries the doors says.
fn job_tries(runner: &dyn Runner) -> BTreeMap<String, String> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let job = Job::SelfTest { port: listener.local_addr().unwrap().port() };
    match runner.run(request(job, &fixture(CLIP), &Arc::default()), &mut |_| {}) {
        Ok(JobOutput::SelfTest { lines }) => by_attempt(lines.iter().map(String::as_str)),
        other => panic!("{other:?}"),
    }
}

const ATTEMPTS: [&str; 6] =
    ["open", "create", "connect", "fork-and-exec", "parent-environment", "raise-limit"];

#[test]
fn every_door_is_shut_but_threads_start() {
    let found = self_test("confined");
    for what in ATTEMPTS {
        assert!(found[what].starts_with("denied"), "{what}: {}", found[what]);
    }
    assert_eq!(found["thread"], "allowed");
}

/// What an encoder in hardware needs is no way to a user's files, to the network or to another program.
#[test]
fn a_worker_that_may_open_devices_gets_no_further() {
    let found = job_tries(&WorkerPool::with_devices(1, WORKER.into()));
    for what in ATTEMPTS {
        assert!(found[what].starts_with("denied"), "{what}: {}", found[what]);
    }
}

#[test]
fn an_encoder_is_tried_in_a_worker_and_works_or_says_why_not() {
    let pool = WorkerPool::with_devices(1, WORKER.into());
    let trial = |encoder| {
        let plan = VideoEncode { encoder, ..sample::video_encode(320, 180, 30) };
        let job = Job::Trial { plan: Box::new(plan) };
        pool.run(request(job, Path::new("/dev/null"), &Arc::default()), &mut |_| {})
    };
    assert_eq!(trial(VideoEncoder::X264), Ok(JobOutput::Tried));
    for encoder in VideoEncoder::HARDWARE {
        match trial(encoder) {
            Ok(done) => assert_eq!(done, JobOutput::Tried),
            Err(error) => assert!(matches!(error, JobError::Failed(_)), "{encoder:?}: {error:?}"),
        }
    }
}

#[test]
fn the_same_attempts_succeed_before_the_doors_are_shut() {
    let found = self_test("unconfined");
    for what in ATTEMPTS.iter().chain(&["thread"]) {
        assert_eq!(found[*what], "allowed", "{what}");
    }
}

#[test]
fn the_pool_says_what_is_in_force_without_a_job() {
    let isolation = pool(Limits::default()).describe().unwrap();
    assert!(isolation.separate_process);
    assert!(!isolation.library.is_empty());
    let has = |list: &[String], what: &str| list.iter().any(|entry| entry.starts_with(what));
    for what in ["landlock", "seccomp", "rlimit-as", "rlimit-cpu", "rlimit-nofile", "empty-environment"] {
        let (on, off) = (has(&isolation.in_force, what), has(&isolation.refused, &format!("{what}: ")));
        assert!(on != off, "{what}: {isolation:?}");
    }
    // A kernel that offers these has to see them used.
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    if status.contains("Seccomp_filters") {
        assert!(has(&isolation.in_force, "seccomp"), "{isolation:?}");
    }
    if landlock::Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::ReadFile)
        .and_then(|ruleset| ruleset.create())
        .is_ok()
    {
        assert!(has(&isolation.in_force, "landlock"), "{isolation:?}");
    }
}

/// The attempts are made by a job, in the very process that reads media, and before and after it did.
#[test]
fn a_job_inside_a_worker_finds_every_door_shut() {
    let workers = pool(Limits::default());
    for _ in 0..2 {
        let found = job_tries(&workers);
        for what in ATTEMPTS {
            assert!(found[what].starts_with("denied"), "{what}: {}", found[what]);
        }
        assert!(probe(&workers, &fixture(CLIP)).is_ok());
    }
    // Here, where nothing is shut, the same job gets through.
    let found = job_tries(&InProcessRunner::new(1));
    for what in ATTEMPTS {
        assert_eq!(found[what], "allowed", "{what}");
    }
}

/// The kernel's own word for it, and that the parent opened nothing for it but the line.
#[test]
fn the_kernel_says_the_same_of_a_worker_at_work() {
    let worker = OwnWorker::new();
    let pool = worker.pool(Limits::default());
    let isolation = pool.describe().unwrap();
    let [pid] = worker.alive()[..] else { panic!("{:?}", worker.alive()) };
    let read = |what: &str| std::fs::read_to_string(format!("/proc/{pid}/{what}")).unwrap();
    let status = read("status");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim_start_matches(':').trim().to_owned())
    };
    let says = |what: &str| isolation.in_force.iter().any(|entry| entry.starts_with(what));
    assert_eq!(says("seccomp"), field("Seccomp").as_deref() == Some("2"), "{status}");
    assert_eq!(says("no-new-privileges"), field("NoNewPrivs").as_deref() == Some("1"), "{status}");
    assert_eq!(says("empty-environment"), read("environ").is_empty());
    let open = |of: &str| {
        let entries = std::fs::read_dir(format!("/proc/{of}/fd")).unwrap().flatten();
        let targets = entries.filter_map(|entry| std::fs::read_link(entry.path()).ok());
        targets.map(|target| target.to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    // Whoever started the tests may have left some open for all below, as cargo does.
    let inherited = open("self");
    for target in open(&pid.to_string()) {
        let line = target.starts_with("socket:") || target == "/dev/null";
        assert!(line || inherited.contains(&target), "{target}");
    }
}

/// What people read about isolation is what is in force.
#[test]
fn the_report_states_the_isolation_in_force() {
    let desk = Desk::new();
    desk.put(CLIP, "clip.mp4");
    let report = desk.greenlit(&["check", "clip.mp4", "--format", "json"]).expect(0).json();
    let stated: Vec<_> =
        report["tool"]["isolation"].as_array().unwrap().iter().map(|entry| entry.as_str().unwrap()).collect();
    assert_eq!(stated, pool(Limits::default()).describe().unwrap().in_force);
    assert!(stated.contains(&"no-new-privileges"), "{stated:?}");
}

/// Runs a fix, does something to its worker at the first sign of progress, and returns the error.
fn disturbed(pool: &WorkerPool, worker: &OwnWorker, what: &str) -> JobError {
    let mut done = false;
    let mut disturb = |_| {
        if !std::mem::replace(&mut done, true) {
            for pid in worker.alive() {
                signal(what, pid);
            }
        }
    };
    let error = pool.run(request(slow_fix(), &fixture(CLIP), &Arc::default()), &mut disturb).unwrap_err();
    assert!(done, "no progress was told");
    error
}

#[test]
fn a_killed_worker_costs_one_file() {
    let worker = OwnWorker::new();
    let pool = worker.pool(Limits::default());
    let error = disturbed(&pool, &worker, "-KILL");
    assert!(matches!(&error, JobError::WorkerLost(text) if text.contains("SIGKILL")), "{error:?}");
    let error = disturbed(&pool, &worker, "-XCPU");
    assert!(matches!(&error, JobError::WorkerLost(text) if text.contains("CPU limit")), "{error:?}");
    assert!(probe(&pool, &fixture(CLIP)).is_ok());
}

/// A row of slow jobs that share a cancellation.
fn row(length: usize, cancel: &Arc<AtomicBool>) -> Vec<JobRequest> {
    (0..length).map(|_| request(Job::Deep, &fixture(CLIP), cancel)).collect()
}

#[test]
fn a_worker_killed_in_a_row_costs_the_file_at_hand() {
    let worker = OwnWorker::new();
    let pool = worker.pool(Limits::default());
    let mut results = Vec::new();
    pool.run_in_turn(row(5, &Arc::default()), &mut |result| {
        if results.is_empty() {
            worker.alive().into_iter().for_each(|pid| signal("-KILL", pid));
        }
        results.push(result);
    });
    let lost = results.iter().filter(|result| matches!(result, Err(JobError::WorkerLost(_)))).count();
    let seen = results.iter().filter(|result| matches!(result, Ok(JobOutput::Deep(_)))).count();
    assert_eq!((results.len(), lost, seen), (5, 1, 4), "{results:?}");
    assert!(results[0].is_ok());
}

#[test]
fn a_cancelled_row_is_given_up_and_leaves_the_worker_for_the_next() {
    let worker = OwnWorker::new();
    let pool = worker.pool(Limits { cancel_grace: Duration::from_secs(60), ..Limits::default() });
    assert!(probe(&pool, &fixture(CLIP)).is_ok());
    let before = worker.alive();
    let cancel = Arc::default();
    let mut results = Vec::new();
    pool.run_in_turn(row(12, &cancel), &mut |result| {
        cancel.store(true, Ordering::Relaxed);
        results.push(result);
    });
    assert_eq!(results.len(), 12);
    assert!(results[0].is_ok());
    let rest = &results[1..];
    assert!(rest.iter().all(|result| *result == Err(JobError::Cancelled)), "{rest:?}");
    assert!(probe(&pool, &fixture(CLIP)).is_ok());
    assert_eq!(worker.alive(), before);
}

#[test]
fn a_worker_that_died_idle_costs_nothing() {
    let worker = OwnWorker::new();
    let pool = worker.pool(Limits::default());
    assert!(probe(&pool, &fixture(CLIP)).is_ok());
    let first = worker.alive();
    assert_eq!(first.len(), 1);
    signal("-KILL", first[0]);
    while worker.alive() == first {
        std::thread::sleep(Duration::from_millis(5));
    }
    let result = probe(&pool, &fixture(CLIP));
    assert!(result.is_ok(), "{result:?}");
}

#[test]
fn a_stalled_worker_is_noticed() {
    let worker = OwnWorker::new();
    let pool = worker.pool(Limits { stall: Duration::from_secs(2), ..Limits::default() });
    let error = disturbed(&pool, &worker, "-STOP");
    assert!(matches!(&error, JobError::WorkerLost(text) if text.contains("stalled")), "{error:?}");
    assert!(probe(&pool, &fixture(CLIP)).is_ok());
}

#[test]
fn a_cancelled_job_leaves_the_worker_for_the_next() {
    let worker = OwnWorker::new();
    let pool = worker.pool(Limits { cancel_grace: Duration::from_secs(60), ..Limits::default() });
    assert!(probe(&pool, &fixture(CLIP)).is_ok());
    let before = worker.alive();
    let cancel = Arc::new(AtomicBool::new(false));
    let job = request(slow_fix(), &fixture(CLIP), &cancel);
    let result = pool.run(job, &mut |_| cancel.store(true, Ordering::Relaxed));
    assert_eq!(result, Err(JobError::Cancelled));
    assert!(probe(&pool, &fixture(CLIP)).is_ok());
    assert_eq!(worker.alive(), before);
}

#[test]
fn a_worker_that_ignores_a_cancellation_is_ended() {
    let worker = OwnWorker::new();
    let pool = worker.pool(Limits::default());
    let cancel = Arc::new(AtomicBool::new(false));
    let result = pool.run(request(slow_fix(), &fixture(CLIP), &cancel), &mut |_| {
        worker.alive().into_iter().for_each(|pid| signal("-STOP", pid));
        cancel.store(true, Ordering::Relaxed);
    });
    assert_eq!(result, Err(JobError::Cancelled));
    worker.wait_until_none_is_left();
}

#[test]
fn a_cancellation_is_heard_while_waiting_for_a_worker() {
    let pool = pool(Limits::default());
    let (started, first) = mpsc::channel();
    let (busy, waiting) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(true)));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let job = request(slow_fix(), &fixture(CLIP), &busy);
            pool.run(job, &mut |_| started.send(()).unwrap_or_default())
        });
        first.recv().unwrap();
        let job = request(Job::Deep, &fixture(CLIP), &waiting);
        assert_eq!(pool.run(job, &mut |_| {}), Err(JobError::Cancelled));
        assert!(!busy.swap(true, Ordering::Relaxed));
    });
}

#[test]
fn no_worker_outlives_its_pool() {
    let worker = OwnWorker::new();
    let pool = worker.pool(Limits::default());
    assert!(probe(&pool, &fixture(CLIP)).is_ok());
    assert_eq!(worker.alive().len(), 1);
    drop(pool);
    worker.wait_until_none_is_left();
}

/// Not a test of its own: the parent that the next one kills.
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
        .args(["--exact", "parent_to_be_killed"])
        .env("GREENLIT_TEST_WORKER", worker.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while worker.alive().is_empty() && parent.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(!worker.alive().is_empty());
    parent.kill().unwrap();
    parent.wait().unwrap();
    worker.wait_until_none_is_left();
}

#[test]
fn a_playlist_opens_no_other_file() {
    let desk = Desk::new();
    let target = desk.put(CLIP, "target.mp4");
    let at = target.display();
    let lists = [
        ("hls.mp4", format!("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{at}\n#EXT-X-ENDLIST\n")),
        ("concat.mp4", format!("ffconcat version 1.0\nfile '{at}'\n")),
    ];
    let (workers, here) = (pool(Limits::default()), InProcessRunner::new(1));
    for (name, text) in lists {
        let list = desk.write(name, text);
        for runner in [&workers as &dyn Runner, &here] {
            let error = probe(runner, &list).unwrap_err();
            assert!(matches!(error, JobError::Unreadable(_)), "{name}: {error:?}");
        }
    }
}

/// A stand-in for the worker that says one thing.
fn impostor(desk: &Desk, says: &str) -> JobError {
    let length = format!("\\000\\000\\{:03o}\\{:03o}", says.len() / 256, says.len() % 256);
    let path = desk.write("impostor", format!("#!/bin/sh\nprintf '{length}%s' '{says}' >&0\nread x\n"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    WorkerPool::with_program(1, path).describe().unwrap_err()
}

#[test]
fn a_worker_of_another_version_is_refused() {
    let desk = Desk::new();
    let isolation = r#"{"library":"","encoders":[],"separate_process":true,"in_force":[],"refused":[]}"#;
    let error = impostor(&desk, &format!(r#"{{"Hello":["0.0.0/0",{isolation}]}}"#));
    assert!(matches!(&error, JobError::Unavailable(text) if text.contains("0.0.0/0")), "{error:?}");
    let error = impostor(&desk, r#"{"Progress":{"done_s":0,"total_s":null,"frames":0}}"#);
    assert!(matches!(error, JobError::Unavailable(_)), "{error:?}");
    for program in ["/bin/true", "/nowhere/at/all"] {
        let error = WorkerPool::with_program(1, program.into()).describe().unwrap_err();
        assert!(matches!(error, JobError::Unavailable(_)), "{error:?}");
    }
}

#[test]
fn started_by_hand_it_says_so() {
    let output = Command::new(WORKER).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8(output.stderr).unwrap().lines().count(), 1);
}
