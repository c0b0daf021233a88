//! The worker's side: shut the doors, then do one job after the other.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::lockdown::lock_down;
use super::wire::{Reply, Request, receive, send, waiting};
use crate::job::{Isolation, Job, JobError, JobFiles, JobOutput, Progress};

/// Progress is told at most this often.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);
/// A parent that reads nothing for this long is gone or hangs.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// What runs a job; given by the binary so that this module knows no media library.
pub type Execute =
    fn(&Job, JobFiles, &str, Arc<AtomicBool>, &mut dyn FnMut(Progress)) -> Result<JobOutput, JobError>;

/// Serves the parent on standard input until it hangs up; `false` when there is no parent.
///
/// Call it from the only thread of the process. `describe` may load what it likes: nothing can be
/// opened any more after that.
pub fn serve(describe: fn() -> Isolation, execute: Execute) -> bool {
    let Ok(stdin) = std::io::stdin().as_fd().try_clone_to_owned() else { return false };
    if rustix::net::sockopt::socket_type(&stdin).is_err() {
        return false;
    }
    let parent = UnixStream::from(stdin);
    let mut isolation = describe();
    isolation.parts = crate::job::parts::of_this_process();
    lock_down(&mut isolation);
    isolation.separate_process = true;
    if parent.set_write_timeout(Some(WRITE_TIMEOUT)).is_err() {
        return true;
    }
    if send(&parent, &Reply::Hello(super::version(), Box::new(isolation)), &[]).is_err() {
        return true;
    }
    while let Ok((request, files)) = receive::<Request>(&parent) {
        // Orders keep their sequence: a cancellation that comes here is of a job that has ended.
        let Request::Run { job, name } = request else { continue };
        let result = work(&parent, &job, &name, files, execute);
        if send(&parent, &Reply::Done(Box::new(result)), &[]).is_err() {
            break;
        }
    }
    true
}

/// Does one job. The line is looked at when there is progress to tell: a thread that listened
/// meanwhile would have to be woken for every file, and who makes no progress is ended by the parent.
fn work(
    parent: &UnixStream,
    job: &Job,
    name: &str,
    files: Vec<OwnedFd>,
    execute: Execute,
) -> Result<JobOutput, JobError> {
    let mut files = files.into_iter().map(File::from);
    let Some(input) = files.next() else {
        return Err(JobError::Io("no descriptor came with the job".into()));
    };
    let files = JobFiles { input, output: files.next() };
    let cancel = Arc::<AtomicBool>::default();
    let flag = Arc::clone(&cancel);
    // What takes less time than that has nothing to tell but its result.
    let mut told = Instant::now();
    execute(job, files, name, cancel, &mut |progress| {
        if told.elapsed() < PROGRESS_EVERY {
            return;
        }
        told = Instant::now();
        let gone = send(parent, &Reply::Progress(progress), &[]).is_err();
        if gone || !matches!(waiting(parent), Ok(false)) {
            flag.store(true, Ordering::Relaxed);
        }
    })
}
