//! Workers can only run their jobs, and a worker death costs one file.
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

use common::{TestDir, fixture};
use greenlit::job::in_process::InProcessRunner;
use greenlit::job::worker::{WorkerPool, WorkerTimeouts};
use greenlit::job::{
    Job, JobError, JobFiles, JobOutput, JobRequest, ProbeDepth, Runner, VerifyLevel, WorkerDeath,
};
use greenlit::plan::{OutputSpec, Preset, VideoEncode, VideoEncoder, VideoPlan, example};
use landlock::{AccessFs, CompatLevel, Compatible, RulesetAttr};

const WORKER: &str = env!("CARGO_BIN_EXE_greenlit-worker");
const CLIP: &str = "npm-vide-ocean.mp4";

fn pool(timeouts: WorkerTimeouts) -> WorkerPool {
    WorkerPool::with_timeouts(1, WORKER.into(), timeouts)
}

fn request(job: Job, input: &Path, cancel: &Arc<AtomicBool>) -> JobRequest {
    let outputs =
        if matches!(job, Job::Fix { .. }) { vec![tempfile::tempfile().unwrap()] } else { Vec::new() };
    let files = JobFiles { input: File::open(input).unwrap(), outputs };
    JobRequest { job, files, name: "clip.mp4".into(), cancel: Arc::clone(cancel), time: Default::default() }
}

fn probe(runner: &dyn Runner, input: &Path) -> Result<JobOutput, JobError> {
    let job = Job::Probe { depth: ProbeDepth::Auto };
    runner.run(request(job, input, &Arc::default()), &mut |_| {})
}

/// A fix that takes long enough to be interrupted.
fn slow_fix() -> Job {
    let mut video =
        VideoEncode { preset: Preset::Slow, b_frames: 3, ..example::video_encode(1920, 1080, 60) };
    video.rate.crf = 18.0;
    let spec = OutputSpec { threads: 2, ..example::output(VideoPlan::Encode(Box::new(video)), None) };
    Job::Fix { specs: vec![spec], verify: VerifyLevel::Full }
}

/// A worker program with its own path, so that a test can find its processes.
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

    fn pool(&self, timeouts: WorkerTimeouts) -> WorkerPool {
        WorkerPool::with_timeouts(1, self.path(), timeouts)
    }

    /// Returns the ids of the processes that run it: the template and its workers.
    fn all_processes(&self) -> Vec<i32> {
        // Its command line; only the system's administrator may look up the program of another user's process.
        let path = self.path();
        let name = path.to_str().unwrap();
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        entries
            .filter(|entry| {
                let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                line.split(|byte| *byte == 0).next() == Some(name.as_bytes())
            })
            .filter_map(|entry| entry.file_name().to_string_lossy().parse().ok())
            .collect()
    }

    /// Returns the ids of the workers: those whose parent runs the same program.
    fn processes(&self) -> Vec<i32> {
        let all = self.all_processes();
        all.iter().copied().filter(|pid| parent_of(*pid).is_some_and(|of| all.contains(&of))).collect()
    }

    /// Returns the ids of the workers that decode or encode. One that waits for a job has one thread.
    fn busy_processes(&self) -> Vec<i32> {
        let threads = |pid: &i32| std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
        self.processes().into_iter().filter(|pid| threads(pid) > 1).collect()
    }

    /// Returns the id of the template.
    fn template(&self) -> i32 {
        let workers = self.processes();
        let [template] =
            self.all_processes().into_iter().filter(|pid| !workers.contains(pid)).collect::<Vec<_>>()[..]
        else {
            panic!("{:?}", self.all_processes());
        };
        template
    }

    fn wait_for_exit(&self) {
        for _ in 0..400 {
            if self.all_processes().is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("still running: {:?}", self.all_processes());
    }
}

/// Returns the id of the parent of a process, while it runs.
fn parent_of(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Whether a process has ended and closed its files, waited for or not.
fn has_ended(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']))
}

/// Returns what the descriptors of a process lead to, as far as this user may see it.
fn open_files(pid: i32) -> Vec<String> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let targets = entries.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    targets.map(|target| target.to_string_lossy().into_owned()).collect()
}

/// Sends a signal without the `kill` program, which a minimal system lacks.
fn signal(name: &str, pid: i32) {
    use rustix::process::{Pid, Signal, kill_process};
    let signal = match name {
        "-KILL" => Signal::KILL,
        "-STOP" => Signal::STOP,
        "-CONT" => Signal::CONT,
        "-XCPU" => Signal::XCPU,
        "-TERM" => Signal::TERM,
        other => panic!("unknown signal {other}"),
    };
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

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

/// Leaves a file open across programs, as a careless starter of greenlit does.
fn leave_open(path: &str) -> rustix::fd::OwnedFd {
    use rustix::fs::{Mode, OFlags, open};
    open(path, OFlags::RDONLY, Mode::empty()).unwrap()
}

/// Checks the isolation in `/proc`, and that the worker has no open files but its sockets, whatever was left open.
#[test]
fn the_kernel_confirms_the_reported_isolation() {
    let worker = OwnWorker::new();
    let left_open = leave_open("/etc/hostname");
    let pool = worker.pool(WorkerTimeouts::default());
    let info = pool.describe().unwrap();
    let [pid] = worker.processes()[..] else { panic!("{:?}", worker.processes()) };
    let read = |what: &str| std::fs::read_to_string(format!("/proc/{pid}/{what}")).unwrap();
    let status = read("status");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim_start_matches(':').trim().to_owned())
    };
    let reports = |what: &str| info.in_force.iter().any(|entry| entry.starts_with(what));
    assert_eq!(reports("seccomp"), field("Seccomp").as_deref() == Some("2"), "{status}");
    assert_eq!(reports("no-new-privileges"), field("NoNewPrivs").as_deref() == Some("1"), "{status}");
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(field(set).as_deref(), Some("0000000000000000"), "{status}");
    }
    let is_root = |field: Option<String>| field.is_none_or(|ids| ids.split_whitespace().any(|id| id == "0"));
    assert_eq!(reports("unprivileged-user"), !is_root(field("Uid")), "{status}");
    assert_eq!(read("oom_score_adj").trim().parse::<i32>().unwrap() >= 500, reports("oom-score"));
    let limits = read("limits");
    for (name, value) in [("Max file size", "0"), ("Max msgqueue size", "0"), ("Max core file size", "0")] {
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        assert_eq!(line.split_whitespace().next(), Some(value), "{limits}");
    }
    // The kernel shows the rest of another user's process only to root with CAP_SYS_PTRACE.
    if std::fs::read_dir(format!("/proc/{pid}/fd")).is_err() && reports("unprivileged-user") {
        return;
    }
    assert_eq!(reports("empty-environment"), read("environ").is_empty());
    let open = |of: &str| {
        let entries = std::fs::read_dir(format!("/proc/{of}/fd")).unwrap().flatten();
        let targets = entries.filter_map(|entry| std::fs::read_link(entry.path()).ok());
        targets.map(|target| target.to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    assert!(open("self").iter().any(|target| target == "/etc/hostname"));
    for target in open(&pid.to_string()) {
        assert!(target.starts_with("socket:") || target == "/dev/null", "{target}");
    }
    drop(left_open);
}

#[test]
fn the_report_states_the_isolation_in_force() {
    let dir = TestDir::new();
    dir.put(CLIP, "clip.mp4");
    let report = dir.greenlit(&["check", "clip.mp4", "--format", "json"]).expect(0).json();
    let stated: Vec<_> =
        report["tool"]["isolation"].as_array().unwrap().iter().map(|entry| entry.as_str().unwrap()).collect();
    assert_eq!(stated, pool(WorkerTimeouts::default()).describe().unwrap().in_force);
    for what in ["no-new-privileges", "no-capabilities", "closed-descriptors", "landlock", "seccomp"] {
        assert!(stated.contains(&what), "{what}: {stated:?}");
    }
    assert!(report["tool"]["landlock_abi"].as_u64().is_some_and(|abi| abi >= 1), "{}", report["tool"]);
    assert!(report["tool"]["isolation_refused"].is_array(), "{}", report["tool"]);
}

/// Runs a fix, sends its worker a signal at the first progress report, and returns the error.
fn error_after_signal(pool: &WorkerPool, worker: &OwnWorker, name: &str) -> JobError {
    let mut done = false;
    let mut send_signal = |_| {
        if !std::mem::replace(&mut done, true) {
            for pid in worker.processes() {
                signal(name, pid);
            }
        }
    };
    let error = pool.run(request(slow_fix(), &fixture(CLIP), &Arc::default()), &mut send_signal).unwrap_err();
    assert!(done, "the fix reported no progress");
    error
}

#[test]
fn a_killed_worker_costs_one_file() {
    let worker = OwnWorker::new();
    let pool = worker.pool(WorkerTimeouts::default());
    let error = error_after_signal(&pool, &worker, "-KILL");
    assert!(
        matches!(&error, JobError::WorkerLost { death: WorkerDeath::Killed, message } if message.contains("SIGKILL")),
        "{error:?}"
    );
    let error = error_after_signal(&pool, &worker, "-XCPU");
    assert!(matches!(&error, JobError::ProcessorTime(text) if text.contains("86400 s")), "{error:?}");
    assert!(probe(&pool, &fixture(CLIP)).is_ok());
}

/// Returns a batch of probes with one cancel flag: all but the first read every packet of a long stream, so that they
/// are not done when the result of the first has arrived.
fn probes(dir: &TestDir, length: usize, cancel: &Arc<AtomicBool>) -> Vec<JobRequest> {
    let source = "color=size=16x16:rate=60:duration=600";
    dir.ffmpeg(&["-f", "lavfi", "-i", source, "-c:v", "mpeg2video", "long.ts"]);
    let long = dir.path("long.ts");
    let path = |number| if number > 0 { long.clone() } else { fixture(CLIP) };
    let job = Job::Probe { depth: ProbeDepth::Packets };
    (0..length).map(|number| request(job.clone(), &path(number), cancel)).collect()
}

#[test]
fn a_worker_killed_during_a_batch_costs_the_running_job() {
    let (worker, dir) = (OwnWorker::new(), TestDir::new());
    let pool = worker.pool(WorkerTimeouts::default());
    let mut results = Vec::new();
    pool.run_batch(probes(&dir, 12, &Arc::default()), &mut |result| {
        if results.is_empty() {
            worker.processes().into_iter().for_each(|pid| signal("-KILL", pid));
        }
        results.push(result);
    });
    let lost: Vec<_> = results.iter().filter(|result| result.is_err()).collect();
    assert!(
        matches!(lost[..], [Err(JobError::WorkerLost { death: WorkerDeath::Killed, message })] if message.contains("SIGKILL")),
        "{lost:?}"
    );
    let done = results.iter().filter(|result| matches!(result, Ok(JobOutput::Probed(_)))).count();
    assert_eq!((results.len(), done), (12, 11));
    assert!(results[0].is_ok());
}

/// A file on which a worker failed may have taken it over; the facts of the next files come from another one.
#[test]
fn a_worker_that_failed_on_a_file_probes_no_other() {
    let (worker, dir) = (OwnWorker::new(), TestDir::new());
    let broken = dir.write("broken.mp4", "not a video");
    let pool = worker.pool(WorkerTimeouts::default());
    let job = Job::Probe { depth: ProbeDepth::Auto };
    let cancel = Arc::default();
    let batch = |paths: &[&Path]| paths.iter().map(|path| request(job.clone(), path, &cancel)).collect();
    let clip = fixture(CLIP);
    let mut seen = Vec::new();
    pool.run_batch(batch(&[&clip, &clip]), &mut |result| assert!(result.is_ok(), "{result:?}"));
    seen.push(worker.processes());
    pool.run_batch(batch(&[&clip, &clip]), &mut |result| assert!(result.is_ok(), "{result:?}"));
    assert_eq!(worker.processes(), seen[0], "probes share a worker");
    let mut results = Vec::new();
    pool.run_batch(batch(&[&clip, &broken, &clip]), &mut |result| results.push(result));
    assert!(matches!(results[..], [Ok(_), Err(JobError::Unreadable(_)), Ok(_)]), "{results:?}");
    assert!(!worker.processes().contains(&seen[0][0]), "it failed, and is not used again");
}

#[test]
fn a_worker_probes_a_limited_number_of_files() {
    let worker = OwnWorker::new();
    let pool = worker.pool(WorkerTimeouts::default());
    let job = Job::Probe { depth: ProbeDepth::Auto };
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..10 {
        let cancel = Arc::default();
        let batch = (0..8).map(|_| request(job.clone(), &fixture(CLIP), &cancel)).collect();
        pool.run_batch(batch, &mut |result| {
            assert!(result.is_ok(), "{result:?}");
            seen.extend(worker.processes());
        });
    }
    assert!((2..=4).contains(&seen.len()), "{seen:?}");
}

#[test]
fn a_cancelled_batch_ends_its_worker_and_the_next_job_gets_another() {
    let (worker, dir) = (OwnWorker::new(), TestDir::new());
    let pool =
        worker.pool(WorkerTimeouts { cancel_grace: Duration::from_secs(60), ..WorkerTimeouts::default() });
    let before = (pool.describe().unwrap(), worker.processes()).1;
    let cancel = Arc::default();
    let mut results = Vec::new();
    pool.run_batch(probes(&dir, 12, &cancel), &mut |result| {
        cancel.store(true, Ordering::Relaxed);
        results.push(result);
    });
    assert_eq!(results.len(), 12);
    assert!(results[0].is_ok());
    let rest = &results[1..];
    assert!(rest.iter().all(|result| *result == Err(JobError::Cancelled)), "{rest:?}");
    assert!(probe(&pool, &fixture(CLIP)).is_ok());
    assert!(!worker.processes().contains(&before[0]));
}

#[test]
fn a_worker_death_while_idle_costs_no_job() {
    let worker = OwnWorker::new();
    let pool = worker.pool(WorkerTimeouts::default());
    pool.describe().unwrap();
    for _ in 0..2 {
        let first = worker.processes();
        first.iter().for_each(|pid| signal("-KILL", *pid));
        while first.iter().any(|pid| !has_ended(*pid)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut results = Vec::new();
        let job = Job::Probe { depth: ProbeDepth::Auto };
        let batch = vec![request(job, &fixture(CLIP), &Arc::default())];
        pool.run_batch(batch, &mut |result| results.push(result));
        assert!(results[0].is_ok(), "{results:?}");
        assert!(probe(&pool, &fixture(CLIP)).is_ok());
    }
}

#[test]
fn a_stalled_worker_is_detected() {
    let worker = OwnWorker::new();
    let pool = worker.pool(WorkerTimeouts { stall: Duration::from_secs(2), ..WorkerTimeouts::default() });
    let error = error_after_signal(&pool, &worker, "-STOP");
    assert!(
        matches!(&error, JobError::WorkerLost { death: WorkerDeath::Stalled, message } if message.contains("stalled")),
        "{error:?}"
    );
    // Also the one that waits for the next job was stopped.
    worker.processes().into_iter().for_each(|pid| signal("-CONT", pid));
    assert!(probe(&pool, &fixture(CLIP)).is_ok());
}

#[test]
fn a_cancelled_fix_ends_its_worker_and_the_next_job_gets_another() {
    let worker = OwnWorker::new();
    let pool =
        worker.pool(WorkerTimeouts { cancel_grace: Duration::from_secs(60), ..WorkerTimeouts::default() });
    let cancel = Arc::new(AtomicBool::new(false));
    let job = request(slow_fix(), &fixture(CLIP), &cancel);
    let mut busy = Vec::new();
    let result = pool.run(job, &mut |_| {
        busy = worker.busy_processes();
        cancel.store(true, Ordering::Relaxed);
    });
    assert_eq!(result, Err(JobError::Cancelled));
    assert_eq!(busy.len(), 1);
    assert!(!worker.processes().contains(&busy[0]), "it had the output open");
    assert!(probe(&pool, &fixture(CLIP)).is_ok());
}

#[test]
fn a_worker_that_ignores_a_cancellation_is_killed() {
    let worker = OwnWorker::new();
    let pool = worker.pool(WorkerTimeouts::default());
    let cancel = Arc::new(AtomicBool::new(false));
    let mut stopped = Vec::new();
    let result = pool.run(request(slow_fix(), &fixture(CLIP), &cancel), &mut |_| {
        stopped = worker.busy_processes();
        stopped.iter().for_each(|pid| signal("-STOP", *pid));
        cancel.store(true, Ordering::Relaxed);
    });
    assert_eq!(result, Err(JobError::Cancelled));
    assert_eq!(stopped.len(), 1);
    assert!(!worker.all_processes().contains(&stopped[0]));
}

#[test]
fn a_job_can_be_cancelled_while_it_waits_for_a_worker() {
    let pool = pool(WorkerTimeouts::default());
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
        .args(["--exact", "parent_to_be_killed"])
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

/// Starts a fake worker that sends one message, and returns the error of the pool.
fn error_from_fake_worker(dir: &TestDir, message: &str) -> JobError {
    let length = format!("\\000\\000\\{:03o}\\{:03o}", message.len() / 256, message.len() % 256);
    let path = dir.write("fake-worker", format!("#!/bin/sh\nprintf '{length}%s' '{message}' >&0\nread x\n"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    WorkerPool::with_program(1, path).describe().unwrap_err()
}

#[test]
fn a_worker_of_another_version_is_refused() {
    let dir = TestDir::new();
    let info = r#"{"library":"","encoders":[],"separate_process":true,"in_force":[],"refused":[]}"#;
    let error = error_from_fake_worker(&dir, &format!(r#"{{"Hello":["0.0.0/0",{info}]}}"#));
    assert!(matches!(&error, JobError::Unavailable(text) if text.contains("0.0.0/0")), "{error:?}");
    let error = error_from_fake_worker(&dir, r#"{"Progress":{"done_s":0,"total_s":null,"frames":0}}"#);
    assert!(matches!(error, JobError::Unavailable(_)), "{error:?}");
    for program in ["/bin/true", "/nowhere/at/all"] {
        let error = WorkerPool::with_program(1, program.into()).describe().unwrap_err();
        assert!(matches!(error, JobError::Unavailable(_)), "{error:?}");
    }
}

#[test]
fn a_worker_started_directly_explains_its_use() {
    let output = Command::new(WORKER).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8(output.stderr).unwrap().lines().count(), 1);
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

/// The template reads no media: it gets no descriptor of any, maps none, and has one thread and no environment.
#[test]
fn the_template_holds_nothing_but_the_socket_of_its_parent() {
    let worker = OwnWorker::new();
    let left_open = leave_open("/etc/hostname");
    let pool = worker.pool(WorkerTimeouts::default());
    let mut looked = false;
    let look = |_| {
        if std::mem::replace(&mut looked, true) {
            return;
        }
        let template = worker.template();
        let open = open_files(template);
        assert!(!open.is_empty());
        for target in open {
            assert!(target.starts_with("socket:") || target == "/dev/null", "{target}");
        }
        let read = |what: &str| std::fs::read_to_string(format!("/proc/{template}/{what}")).unwrap();
        let maps = read("maps");
        assert!(!maps.contains(CLIP) && maps.contains("libavcodec"), "{maps}");
        let status = read("status");
        assert!(status.contains("Threads:\t1\n") && status.contains("NoNewPrivs:\t1\n"), "{status}");
        // CAP_KILL, CAP_SETGID and CAP_SETUID.
        let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:\t")).unwrap();
        assert_eq!(u64::from_str_radix(effective, 16).unwrap() & !0b1110_0000, 0, "{status}");
        assert_eq!(read("environ"), "");
    };
    let cancel = Arc::new(AtomicBool::new(false));
    let mut look = look;
    let result = pool.run(request(slow_fix(), &fixture(CLIP), &cancel), &mut |progress| {
        look(progress);
        cancel.store(true, Ordering::Relaxed);
    });
    assert_eq!(result, Err(JobError::Cancelled));
    drop(left_open);
}

#[test]
fn a_killed_template_costs_the_running_jobs_and_is_replaced() {
    let worker = OwnWorker::new();
    let pool = worker.pool(WorkerTimeouts::default());
    for round in 0..2 {
        pool.describe().unwrap();
        assert!(probe(&pool, &fixture(CLIP)).is_ok());
        let first = worker.template();
        let mut killed = Vec::new();
        let result = pool.run(request(slow_fix(), &fixture(CLIP), &Arc::default()), &mut |_| {
            if killed.is_empty() {
                killed = worker.all_processes();
                signal("-KILL", first);
            }
        });
        match result {
            Err(JobError::WorkerLost { death: WorkerDeath::TemplateDied, message }) => {
                assert!(message.contains("has died"), "{message}");
            }
            other => panic!("{round}: {other:?}"),
        }
        assert!(probe(&pool, &fixture(CLIP)).is_ok());
        assert_ne!(worker.template(), first);
        for _ in 0..400 {
            if worker.all_processes().iter().all(|pid| !killed.contains(pid)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        assert!(worker.all_processes().iter().all(|pid| !killed.contains(pid)), "its workers died with it");
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
