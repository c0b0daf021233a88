//! Workers that die or stall, and what that costs.

use std::sync::Arc;
use std::time::Duration;

use greenlit::job::{JobError, Runner, WorkerDeath};
use greenlit::worker::{WorkerPool, WorkerTimeouts};

use crate::common::{TestDir, fixture};
use crate::own_worker::{OwnWorker, has_ended, open_files, signal};
use crate::{CLIP, long_probe, probe, request, slow_fix};

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

#[test]
fn a_worker_killed_while_it_probes_costs_that_file() {
    let (worker, dir) = (OwnWorker::new(), TestDir::new());
    let pool = worker.pool(WorkerTimeouts::default());
    let victim = long_probe(&dir, &Arc::default());
    let reads = |pid: &i32| open_files(*pid).iter().any(|file| file.ends_with("long.ts"));
    assert!(probe(&pool, &fixture(CLIP)).is_ok());
    let result = std::thread::scope(|scope| {
        let running = scope.spawn(|| pool.run(victim, &mut |_| {}));
        while !running.is_finished() {
            worker.processes().into_iter().filter(reads).for_each(|pid| signal("-KILL", pid));
        }
        running.join().unwrap()
    });
    assert!(
        matches!(&result, Err(JobError::WorkerLost { death: WorkerDeath::Killed, message }) if message.contains("SIGKILL")),
        "{result:?}"
    );
    assert!(probe(&pool, &fixture(CLIP)).is_ok());
}

/// A file may take over the worker that reads it; the facts of the next one come from another.
#[test]
fn each_probe_has_a_worker_of_its_own() {
    let (worker, dir) = (OwnWorker::new(), TestDir::new());
    let broken = dir.write("broken.mp4", "not a video");
    let pool = worker.pool(WorkerTimeouts::default());
    pool.describe().unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for path in [&fixture(CLIP), &broken, &fixture(CLIP), &fixture(CLIP)] {
        let waiting = loop {
            let waiting = worker.processes();
            if !waiting.is_empty() {
                break waiting;
            }
        };
        assert!(waiting.iter().all(|pid| seen.insert(*pid)), "{waiting:?} of {seen:?} served before");
        assert_eq!(probe(&pool, path).is_ok(), *path != broken);
    }
    assert!(seen.len() >= 4, "{seen:?}");
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
        assert!(probe(&pool, &fixture(CLIP)).is_ok());
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
