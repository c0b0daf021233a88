//! The worker's side: locks the process down, then runs one job after another.

use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::barrier::Barrier;
use super::lockdown::{Confinement, lock_down};
use super::wire::{Reply, Request, has_pending, receive, send, wake};
use crate::job::{Job, JobError, JobFiles, JobOutput, Progress, WorkerInfo};

/// Shortest time between two progress messages.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// A parent that reads nothing for this long has exited or hangs.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs a job; passed in by the binary so that this module does not depend on a media library.
pub type Execute =
    fn(&Job, JobFiles, &str, Arc<AtomicBool>, &mut dyn FnMut(Progress)) -> Result<JobOutput, JobError>;

/// Locks this process down, and runs the jobs that arrive on standard input until the parent hangs up. Standard output
/// carries the wake-ups. `closed` is whether the inherited descriptors were closed, and `template` the parent process.
///
/// Call it from the only thread of the process, which has loaded its libraries: it can open nothing more.
pub(super) fn serve_jobs(
    confinement: Confinement,
    closed: Result<(), String>,
    template: Pid,
    execute: Execute,
) {
    let Ok(parent) = std::io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from) else { return };
    let Ok(wake_socket) = std::io::stdout().as_fd().try_clone_to_owned() else { return };
    if parent.set_write_timeout(Some(WRITE_TIMEOUT)).is_err() {
        return;
    }
    let mut info = WorkerInfo::default();
    match closed {
        Ok(()) => info.in_force.push(Barrier::ClosedDescriptors.name().to_owned()),
        Err(reason) => info.refused.push(format!("{}: {reason}", Barrier::ClosedDescriptors.name())),
    }
    lock_down(&mut info, confinement);
    // A template that had died before would send no death signal any more.
    if rustix::process::getppid() != Some(template) {
        return;
    }
    info.separate_process = true;
    if send(&parent, &Reply::Hello(Box::new(info)), &[]).is_err() || wake(&wake_socket).is_err() {
        return;
    }
    let mut channel = ParentChannel { parent, queue: VecDeque::new() };
    while let Some(job) = channel.next_job() {
        let wake_parent = job.wake;
        let result = if job.cancelled { Err(JobError::Cancelled) } else { channel.run(job, execute) };
        let sent = send(&channel.parent, &Reply::Done(Box::new(result)), &[]);
        if sent.is_err() || (wake_parent && wake(&wake_socket).is_err()) {
            break;
        }
    }
}

/// A received job.
struct QueuedJob {
    job: Job,
    name: String,
    files: Vec<OwnedFd>,
    wake: bool,
    /// Whether a cancellation was received after it.
    cancelled: bool,
}

/// The socket to the parent, with the jobs received and not yet run.
struct ParentChannel {
    parent: UnixStream,
    queue: VecDeque<QueuedJob>,
}

impl ParentChannel {
    /// Waits for the next job; returns `None` when the parent has hung up.
    fn next_job(&mut self) -> Option<QueuedJob> {
        loop {
            if let Some(job) = self.queue.pop_front() {
                return Some(job);
            }
            // A cancellation received here concerns finished jobs.
            self.receive_message().ok()?;
        }
    }

    /// Waits for one message and returns whether it was a cancellation, which concerns every job sent before
    /// it.
    fn receive_message(&mut self) -> std::io::Result<bool> {
        let (request, files) = receive::<Request>(&self.parent)?;
        match request {
            Request::Run { job, name, wake } => {
                self.queue.push_back(QueuedJob { job: *job, name, files, wake, cancelled: false });
                Ok(false)
            }
            Request::Cancel => {
                self.queue.iter_mut().for_each(|job| job.cancelled = true);
                Ok(true)
            }
        }
    }

    /// Runs one job. Checks for a cancellation only when it reports progress: a listening thread would have
    /// to be woken for every file, and the parent kills a worker that makes no progress.
    fn run(&mut self, job: QueuedJob, execute: Execute) -> Result<JobOutput, JobError> {
        let mut files = job.files.into_iter().map(File::from);
        let Some(input) = files.next() else {
            return Err(JobError::Io("the job came without a file descriptor".into()));
        };
        let files = JobFiles { input, outputs: files.collect() };
        let cancel = Arc::<AtomicBool>::default();
        let flag = Arc::clone(&cancel);
        // A job shorter than the interval reports no progress.
        let mut last_report = Instant::now();
        execute(&job.job, files, &job.name, cancel, &mut |progress| {
            if last_report.elapsed() < PROGRESS_INTERVAL {
                return;
            }
            last_report = Instant::now();
            let parent_gone = send(&self.parent, &Reply::Progress(progress), &[]).is_err();
            if parent_gone || self.is_cancelled() {
                flag.store(true, Ordering::Relaxed);
            }
        })
    }

    /// Receives pending messages and returns whether the running job is cancelled or the parent is gone.
    fn is_cancelled(&mut self) -> bool {
        loop {
            match has_pending(&self.parent) {
                Ok(false) => return false,
                Ok(true) => match self.receive_message() {
                    Ok(false) => {}
                    Ok(true) | Err(_) => return true,
                },
                Err(_) => return true,
            }
        }
    }
}
