//! The template process, from which workers are forked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use greenlit::job::{JobError, Runner, WorkerDeath};
use greenlit::worker::WorkerTimeouts;

use crate::common::fixture;
use crate::own_worker::{OwnWorker, leave_open, open_files, signal};
use crate::{CLIP, probe, request, slow_fix};

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
