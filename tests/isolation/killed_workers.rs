//! Workers that die or stall, and what that costs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use greenlit::job::{Job, JobError, JobOutput, ProbeDepth, Runner, WorkerDeath};
use greenlit::worker::{WorkerPool, WorkerTimeouts};

use crate::common::{TestDir, fixture};
use crate::own_worker::{OwnWorker, has_ended, signal};
use crate::{CLIP, probe, probes, request, slow_fix};

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
