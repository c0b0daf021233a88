//! The worker's side: shut the doors, then do one job after the other.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use super::lockdown::lock_down;
use super::wire::{Reply, Request, receive, send};
use crate::job::{Isolation, Job, JobError, JobFiles, JobOutput, Progress};

/// Progress is told at most this often.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);
/// A parent that reads nothing for this long is gone or hangs.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// What runs a job; given by the binary so that this module knows no media library.
pub type Execute =
    fn(&Job, JobFiles, &str, Arc<AtomicBool>, &mut dyn FnMut(Progress)) -> Result<JobOutput, JobError>;

/// A job as it came over the line.
struct Task {
    job: Box<Job>,
    name: String,
    files: Vec<OwnedFd>,
    cancel: Arc<AtomicBool>,
}

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
    let ready = parent.set_write_timeout(Some(WRITE_TIMEOUT));
    let Ok(line) = ready.and_then(|()| parent.try_clone()) else { return true };
    if send(&parent, &Reply::Hello(super::version(), Box::new(isolation)), &[]).is_err() {
        return true;
    }
    let (sender, tasks) = mpsc::sync_channel(1);
    std::thread::spawn(move || listen(&line, &sender));
    for task in tasks {
        let result = work(&parent, task, execute);
        if send(&parent, &Reply::Done(Box::new(result)), &[]).is_err() {
            break;
        }
    }
    true
}

/// Takes orders while a job runs. Orders keep their sequence, so a late cancellation only ever
/// meets the job it was meant for.
fn listen(line: &UnixStream, tasks: &mpsc::SyncSender<Task>) {
    let mut current: Option<Arc<AtomicBool>> = None;
    while let Ok((request, files)) = receive::<Request>(line) {
        match request {
            Request::Cancel => current.iter().for_each(|flag| flag.store(true, Ordering::Relaxed)),
            Request::Run { job, name } => {
                let cancel = Arc::<AtomicBool>::default();
                current = Some(Arc::clone(&cancel));
                if tasks.send(Task { job, name, files, cancel }).is_err() {
                    return;
                }
            }
        }
    }
    // Nobody waits for the result.
    current.iter().for_each(|flag| flag.store(true, Ordering::Relaxed));
}

fn work(parent: &UnixStream, task: Task, execute: Execute) -> Result<JobOutput, JobError> {
    let mut files = task.files.into_iter().map(File::from);
    let Some(input) = files.next() else {
        return Err(JobError::Io("no descriptor came with the job".into()));
    };
    let files = JobFiles { input, output: files.next() };
    let mut told: Option<Instant> = None;
    let cancel = Arc::clone(&task.cancel);
    execute(&task.job, files, &task.name, task.cancel, &mut |progress| {
        if told.is_some_and(|at| at.elapsed() < PROGRESS_EVERY) {
            return;
        }
        told = Some(Instant::now());
        if send(parent, &Reply::Progress(progress), &[]).is_err() {
            cancel.store(true, Ordering::Relaxed);
        }
    })
}
