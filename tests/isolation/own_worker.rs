//! Processes of a worker program, and what the system shows of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use greenlit::worker::{PROBES_ARG, WorkerPool, WorkerTimeouts};

use crate::WORKER;

/// A worker program with its own path, so that a test can find its processes.
pub(crate) struct OwnWorker {
    dir: tempfile::TempDir,
}

impl OwnWorker {
    pub(crate) fn new() -> OwnWorker {
        let dir = tempfile::tempdir_in(Path::new(WORKER).parent().unwrap()).unwrap();
        std::fs::hard_link(WORKER, dir.path().join("worker")).unwrap();
        OwnWorker { dir }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("worker")
    }

    pub(crate) fn pool(&self, timeouts: WorkerTimeouts) -> WorkerPool {
        WorkerPool::with_timeouts(1, self.path(), timeouts)
    }

    /// Returns the ids of the processes that run it: the template and its workers.
    pub(crate) fn all_processes(&self) -> Vec<i32> {
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
    pub(crate) fn processes(&self) -> Vec<i32> {
        let all = self.all_processes();
        all.iter().copied().filter(|pid| parent_of(*pid).is_some_and(|of| all.contains(&of))).collect()
    }

    /// Returns the ids of the workers that decode or encode. One that waits for a job has one thread.
    pub(crate) fn busy_processes(&self) -> Vec<i32> {
        let threads = |pid: &i32| std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
        self.processes().into_iter().filter(|pid| threads(pid) > 1).collect()
    }

    /// Returns the id of the template that forks workers for any job.
    pub(crate) fn template(&self) -> i32 {
        self.only_template(false)
    }

    /// Returns the id of the template that forks workers for probes.
    pub(crate) fn probe_template(&self) -> i32 {
        self.only_template(true)
    }

    fn only_template(&self, for_probes: bool) -> i32 {
        let workers = self.processes();
        let is_wanted = |pid: &i32| !workers.contains(pid) && only_probes(*pid) == for_probes;
        let [template] = self.all_processes().into_iter().filter(is_wanted).collect::<Vec<_>>()[..] else {
            panic!("{:?}", self.all_processes());
        };
        template
    }

    pub(crate) fn wait_for_exit(&self) {
        for _ in 0..400 {
            if self.all_processes().is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("still running: {:?}", self.all_processes());
    }
}

/// Returns whether a process is a template of probes, or one of its workers.
pub(crate) fn only_probes(pid: i32) -> bool {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).any(|argument| argument == PROBES_ARG.as_bytes())
}

/// Returns the id of the parent of a process, while it runs.
pub(crate) fn parent_of(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Whether a process has ended and closed its files, waited for or not.
pub(crate) fn has_ended(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']))
}

/// Returns what the descriptors of a process lead to, as far as this user may see it.
pub(crate) fn open_files(pid: i32) -> Vec<String> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let targets = entries.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    targets.map(|target| target.to_string_lossy().into_owned()).collect()
}

/// Sends a signal without the `kill` program, which a minimal system lacks.
pub(crate) fn signal(name: &str, pid: i32) {
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

/// Leaves a file open across programs, as a careless starter of greenlit does.
pub(crate) fn leave_open(path: &str) -> rustix::fd::OwnedFd {
    use rustix::fs::{Mode, OFlags, open};
    open(path, OFlags::RDONLY, Mode::empty()).unwrap()
}
