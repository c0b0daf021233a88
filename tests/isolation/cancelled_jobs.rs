//! Jobs that are cancelled.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use greenlit::job::{Job, JobError, Runner};
use greenlit::worker::WorkerTimeouts;

use crate::common::{TestDir, fixture};
use crate::own_worker::{OwnWorker, signal};
use crate::{CLIP, long_probe, pool, probe, request, slow_fix};

#[test]
fn cancelled_probes_end_with_their_workers_and_the_next_job_gets_another() {
    let (worker, dir) = (OwnWorker::new(), TestDir::new());
    let pool =
        worker.pool(WorkerTimeouts { cancel_grace: Duration::from_secs(60), ..WorkerTimeouts::default() });
    let cancel = Arc::new(AtomicBool::new(false));
    let run = |job| {
        let result = pool.run(job, &mut |_| {});
        cancel.store(true, Ordering::Relaxed);
        result
    };
    let jobs: Vec<_> = (0..12).map(|_| long_probe(&dir, &cancel)).collect();
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = jobs.into_iter().map(|job| scope.spawn(|| run(job))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (done, cancelled): (Vec<_>, Vec<_>) = results.iter().partition(|result| result.is_ok());
    assert_eq!(done.len(), 1, "{results:?}");
    assert!(cancelled.iter().all(|result| **result == Err(JobError::Cancelled)), "{cancelled:?}");
    assert!(worker.processes().len() <= 1, "only the next one waits");
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
