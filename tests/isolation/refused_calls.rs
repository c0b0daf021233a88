//! What a worker is denied, and that the same attempts succeed elsewhere.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use greenlit::execute::InProcessRunner;
use greenlit::job::{Job, JobError, JobOutput, Runner};
use greenlit::plan::{VideoEncode, VideoEncoder, example};
use greenlit::worker::{WorkerPool, WorkerTimeouts};
use landlock::{AccessFs, CompatLevel, Compatible, RulesetAttr};

use crate::common::{TestDir, fixture};
use crate::{CLIP, WORKER, pool, probe, request};

/// Runs the worker's self-test and returns the result of each attempt.
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

/// Runs a self-test job and returns the result of each attempt.
fn self_test_job(runner: &dyn Runner) -> BTreeMap<String, String> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let job = Job::SelfTest { port: listener.local_addr().unwrap().port() };
    match runner.run(request(job, &fixture(CLIP), &Arc::default()), &mut |_| {}) {
        Ok(JobOutput::SelfTest { lines }) => by_attempt(lines.iter().map(String::as_str)),
        other => panic!("{other:?}"),
    }
}

const ATTEMPTS: [&str; 6] =
    ["open", "create", "connect", "fork-and-exec", "parent-environment", "raise-limit"];

/// The classes of system calls that the self-test makes one by one.
const CLASSES: [&str; 6] = ["path-", "metadata-", "process-", "socket-", "shared-", "system-"];

/// Returns the attempts of the self-test at single system calls.
fn calls(results: &BTreeMap<String, String>) -> impl Iterator<Item = (&String, &String)> {
    results.iter().filter(|(what, _)| CLASSES.iter().any(|class| what.starts_with(class)))
}

#[test]
fn a_confined_worker_is_denied_everything_but_threads() {
    let results = self_test("confined");
    for what in ATTEMPTS {
        assert!(results[what].starts_with("denied"), "{what}: {}", results[what]);
    }
    assert_eq!(results["thread"], "allowed");
    assert!(calls(&results).count() > 70);
    for (what, result) in calls(&results) {
        assert!(result.starts_with("denied"), "{what}: {result}");
    }
}

/// A worker with access to devices still has no access to user files, the network or other programs.
#[test]
fn a_worker_with_devices_is_denied_everything_else() {
    let results = self_test_job(&WorkerPool::with_devices(1, WORKER.into()));
    for what in ATTEMPTS {
        assert!(results[what].starts_with("denied"), "{what}: {}", results[what]);
    }
    for (what, result) in calls(&results).filter(|(what, _)| !what.starts_with("path-")) {
        // Drivers share memory with devices, and load code.
        let for_drivers = ["metadata-ioctl", "shared-memfd_create", "system-executable-memory"];
        assert!(result.starts_with("denied") || for_drivers.contains(&what.as_str()), "{what}: {result}");
    }
}

#[test]
fn a_trial_reports_success_or_the_failure_of_an_encoder() {
    let pool = WorkerPool::with_devices(1, WORKER.into());
    let trial = |encoder| {
        let plan = VideoEncode { encoder, ..example::video_encode(320, 180, 30) };
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
fn the_same_attempts_succeed_without_confinement() {
    let results = self_test("unconfined");
    // Of the single calls, those that every system allows every user.
    let calls = [
        "path-openat",
        "metadata-fchmodat",
        "metadata-utimensat",
        "process-kill",
        "process-tgkill",
        "process-fcntl-setown",
    ];
    for what in ATTEMPTS.iter().chain(&calls).chain(&["thread"]) {
        assert_eq!(results[*what], "allowed", "{what}");
    }
}

#[test]
fn the_pool_reports_the_isolation_in_force() {
    let info = pool(WorkerTimeouts::default()).describe().unwrap();
    assert!(info.separate_process);
    assert!(!info.library.is_empty());
    let has = |list: &[String], what: &str| list.iter().any(|entry| entry.starts_with(what));
    for what in ["landlock", "seccomp", "rlimit-as", "rlimit-cpu", "rlimit-nofile", "empty-environment"] {
        let (on, off) = (has(&info.in_force, what), has(&info.refused, &format!("{what}: ")));
        assert!(on != off, "{what}: {info:?}");
    }
    // If the kernel supports these, they must be in force.
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    if status.contains("Seccomp_filters") {
        assert!(has(&info.in_force, "seccomp"), "{info:?}");
    }
    if landlock::Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::ReadFile)
        .and_then(|ruleset| ruleset.create())
        .is_ok()
    {
        assert!(has(&info.in_force, "landlock"), "{info:?}");
    }
}

/// A job makes the attempts in the process that reads media, before and after it does.
#[test]
fn a_job_in_a_worker_is_denied_everything() {
    let workers = pool(WorkerTimeouts::default());
    for _ in 0..2 {
        let results = self_test_job(&workers);
        for what in ATTEMPTS {
            assert!(results[what].starts_with("denied"), "{what}: {}", results[what]);
        }
        for (what, result) in calls(&results) {
            assert!(result.starts_with("denied"), "{what}: {result}");
        }
        assert!(probe(&workers, &fixture(CLIP)).is_ok());
    }
    // In this process, which is not confined, the same attempts succeed.
    let results = self_test_job(&InProcessRunner::new(1));
    for what in ATTEMPTS {
        assert_eq!(results[what], "allowed", "{what}");
    }
}

#[test]
fn a_playlist_opens_no_other_file() {
    let dir = TestDir::new();
    let target = dir.put(CLIP, "target.mp4");
    let at = target.display();
    let lists = [
        ("hls.mp4", format!("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{at}\n#EXT-X-ENDLIST\n")),
        ("concat.mp4", format!("ffconcat version 1.0\nfile '{at}'\n")),
    ];
    let (workers, in_process) = (pool(WorkerTimeouts::default()), InProcessRunner::new(1));
    for (name, text) in lists {
        let list = dir.write(name, text);
        for runner in [&workers as &dyn Runner, &in_process] {
            let error = probe(runner, &list).unwrap_err();
            assert!(matches!(error, JobError::Unreadable(_)), "{name}: {error:?}");
        }
    }
}
