//! The worker's side: locks the process down, runs one job, and ends.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::barrier::Barrier;
use super::lockdown::{Confinement, lock_down};
use super::wire::{Reply, Request, has_pending, receive, send};
use crate::job::{Job, JobError, JobFiles, JobOutput, Progress, WorkerInfo};

/// Shortest time between two progress messages.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// A parent that reads nothing for this long has exited or hangs.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs a job; passed in by the binary so that this module does not depend on a media library.
pub type Execute =
    fn(&Job, JobFiles, &str, Arc<AtomicBool>, &mut dyn FnMut(Progress)) -> Result<JobOutput, JobError>;

/// Locks this process down, and runs the job that arrives on standard input. `closed` is whether the inherited
/// descriptors were closed, and `template` the parent process.
///
/// Call it from the only thread of the process, which has loaded its libraries: it can open nothing more.
///
/// # Errors
/// If the parent hangs up.
pub(super) fn serve_job(
    confinement: Confinement,
    closed: Result<(), String>,
    template: Pid,
    execute: Execute,
) -> io::Result<()> {
    let parent = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    parent.set_write_timeout(Some(WRITE_TIMEOUT))?;
    let mut info = WorkerInfo::default();
    match closed {
        Ok(()) => info.in_force.push(Barrier::ClosedDescriptors.name().to_owned()),
        Err(reason) => info.refused.push(format!("{}: {reason}", Barrier::ClosedDescriptors.name())),
    }
    lock_down(&mut info, confinement);
    // A template that had died before would send no death signal any more.
    if rustix::process::getppid() != Some(template) {
        return Ok(());
    }
    info.separate_process = true;
    send(&parent, &Reply::Hello(Box::new(info)), &[])?;
    let (Request::Run { job, name }, files) = receive(&parent)? else { return Ok(()) };
    let result = run(&parent, &job, &name, files.into_iter().map(File::from), execute);
    send(&parent, &Reply::Done(Box::new(result)), &[])
}

/// Runs the job. Looks for a cancellation only when it reports progress: the parent kills a worker that makes none.
fn run(
    parent: &UnixStream,
    job: &Job,
    name: &str,
    mut files: impl Iterator<Item = File>,
    execute: Execute,
) -> Result<JobOutput, JobError> {
    let Some(input) = files.next() else {
        return Err(JobError::Io("the job came without a file descriptor".into()));
    };
    let files = JobFiles { input, outputs: files.collect() };
    let cancel = Arc::<AtomicBool>::default();
    let flag = Arc::clone(&cancel);
    // A job shorter than the interval reports no progress.
    let mut last_report = Instant::now();
    execute(job, files, name, cancel, &mut |progress| {
        if last_report.elapsed() < PROGRESS_INTERVAL {
            return;
        }
        last_report = Instant::now();
        let parent_gone = send(parent, &Reply::Progress(progress), &[]).is_err();
        // After the job, the parent can only send a cancellation.
        if parent_gone || has_pending(parent).unwrap_or(true) {
            flag.store(true, Ordering::Relaxed);
        }
    })
}
