//! The template process, from which workers are forked.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use greenlit::job::{Job, JobError, ProbeDepth, Runner, WorkerDeath};
use greenlit::worker::{PROBES_ARG, WorkerPool, WorkerTimeouts};

use crate::common::{TestDir, corpus, fixture};
use crate::own_worker::{OwnWorker, has_ended, leave_open, only_probes, open_files, signal};
use crate::{CLIP, WORKER, probe, request, slow_fix};

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
        let mut killed = Vec::new();
        let result = pool.run(request(slow_fix(), &fixture(CLIP), &Arc::default()), &mut |_| {
            if killed.is_empty() {
                killed = worker.all_processes();
                killed.retain(|pid| !only_probes(*pid));
                signal("-KILL", worker.template());
            }
        });
        match result {
            Err(JobError::WorkerLost { death: WorkerDeath::TemplateDied, message }) => {
                assert!(message.contains("has died"), "{message}");
            }
            other => panic!("{round}: {other:?}"),
        }
        assert!(probe(&pool, &fixture(CLIP)).is_ok());
        for _ in 0..400 {
            if worker.all_processes().iter().all(|pid| !killed.contains(pid)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        assert!(worker.all_processes().iter().all(|pid| !killed.contains(pid)), "its workers died with it");
    }
}

#[test]
fn a_killed_template_of_probes_is_replaced() {
    let worker = OwnWorker::new();
    let pool = worker.pool(WorkerTimeouts::default()).for_probes();
    assert!(probe(&pool, &fixture(CLIP)).is_ok());
    let (first, before) = (worker.probe_template(), worker.all_processes());
    signal("-KILL", first);
    while before.iter().any(|pid| !has_ended(*pid)) {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(probe(&pool, &fixture(CLIP)).is_ok());
    assert_ne!(worker.probe_template(), first);
}

/// A library that no probe uses is neither in the template of probes nor in its workers.
#[test]
fn workers_that_probe_have_only_the_libraries_of_a_probe() {
    let worker = OwnWorker::new();
    let pool = worker.pool(WorkerTimeouts::default()).for_probes();
    pool.describe().unwrap();
    let maps = |pid: i32| std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let probes = maps(worker.probe_template());
    assert!(probes.contains("libavcodec") && !probes.contains("libx264"), "{probes}");
    assert_eq!(probe(&pool, &fixture(CLIP)).map(|_| ()), Ok(()));
    let mut any = String::new();
    let cancel = Arc::new(AtomicBool::new(false));
    let result = pool.run(request(slow_fix(), &fixture(CLIP), &cancel), &mut |_| {
        any = maps(worker.template());
        cancel.store(true, Ordering::Relaxed);
    });
    assert_eq!(result, Err(JobError::Cancelled));
    assert!(any.contains("libavcodec") && any.contains("libx264"), "{any}");
    assert!(any.lines().count() > 3 * probes.lines().count(), "{probes}");
}

/// Starts the worker by a script, which lets it do something else in a template of probes.
fn pool_with(in_probes: &str) -> (TestDir, WorkerPool) {
    let dir = TestDir::new();
    let script =
        format!("#!/bin/sh\ncase \"$*\" in *{PROBES_ARG}*) {in_probes};; esac\nexec '{WORKER}' \"$@\"\n");
    let path = dir.write("worker", script);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let pool = WorkerPool::with_program(1, path).for_probes();
    (dir, pool)
}

#[test]
fn probes_get_the_workers_of_any_job_where_their_own_do_not_start() {
    let (_dir, pool) = pool_with("exit 3");
    assert!(probe(&pool, &fixture(CLIP)).is_ok());
    assert!(pool.describe().is_ok());
}

#[test]
fn a_probe_that_crashes_is_repeated_with_all_libraries() {
    let dir = TestDir::new();
    let library = dir.path("crash.so");
    let source = dir.write("crash.c", "int avformat_open_input(void) { __builtin_trap(); }");
    let compiled =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status().unwrap();
    assert!(compiled.success());
    let (_scripts, pool) = pool_with(&format!("export LD_PRELOAD='{}'", library.display()));
    assert!(probe(&pool, &fixture(CLIP)).is_ok());
    assert!(probe(&pool, &fixture(CLIP)).is_ok(), "and the next one");
}

/// A probe that crashes for want of a library would be repeated in a worker for any job.
fn no_file_needs_a_library_that_is_removed(folder: &Path) {
    let worker = OwnWorker::new();
    let pool = worker.pool(WorkerTimeouts::default()).for_probes();
    let (mut folders, mut files) = (vec![folder.to_path_buf()], 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            for depth in [ProbeDepth::Unidentified, ProbeDepth::Packets] {
                let _ = pool.run(request(Job::Probe { depth }, &path, &Arc::default()), &mut |_| {});
            }
            let all = worker.all_processes();
            assert!(all.iter().all(|pid| only_probes(*pid)), "{}", path.display());
            files += 1;
        }
    }
    assert!(files > 3, "{files}");
}

#[test]
fn no_fixture_needs_a_library_that_is_removed() {
    no_file_needs_a_library_that_is_removed(fixture(CLIP).parent().unwrap());
}

#[test]
#[ignore = "needs GREENLIT_CORPUS; `make test` runs it where that is set"]
fn with_corpus_no_file_needs_a_library_that_is_removed() {
    no_file_needs_a_library_that_is_removed(&corpus());
}
