//! The worker's side: shut the doors, then do one job after the other.

use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::lockdown::lock_down;
use super::wire::{Reply, Request, receive, ring, send, waiting};
use crate::job::{Job, JobError, JobFiles, JobOutput, Progress, WorkerInfo};

/// Progress is told at most this often.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);
/// A parent that reads nothing for this long is gone or hangs.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// The argument by which a worker is told that it may open devices.
pub const DEVICES: &str = "--devices";

/// What runs a job; given by the binary so that this module knows no media library.
pub type Execute =
    fn(&Job, JobFiles, &str, Arc<AtomicBool>, &mut dyn FnMut(Progress)) -> Result<JobOutput, JobError>;

/// Serves the parent on standard input until it hangs up; `false` when there is no parent.
///
/// Call it from the only thread of the process. `describe` may load what it likes: nothing can be
/// opened any more after that, unless `devices` may be.
pub fn serve(devices: bool, describe: fn() -> WorkerInfo, execute: Execute) -> bool {
    let Ok(stdin) = std::io::stdin().as_fd().try_clone_to_owned() else { return false };
    if rustix::net::sockopt::socket_type(&stdin).is_err() {
        return false;
    }
    let parent = UnixStream::from(stdin);
    let Ok(bell) = std::io::stdout().as_fd().try_clone_to_owned() else { return false };
    let mut isolation = describe();
    isolation.parts = crate::job::worker_info::of_this_process();
    lock_down(&mut isolation, devices);
    isolation.separate_process = true;
    if parent.set_write_timeout(Some(WRITE_TIMEOUT)).is_err() {
        return true;
    }
    let hello = Reply::Hello(super::version(), Box::new(isolation));
    if send(&parent, &hello, &[]).is_err() || ring(&bell).is_err() {
        return true;
    }
    let mut line = Line { parent, orders: VecDeque::new() };
    while let Some(order) = line.next() {
        let wake = order.wake;
        let result = if order.given_up { Err(JobError::Cancelled) } else { line.work(order, execute) };
        let sent = send(&line.parent, &Reply::Done(Box::new(result)), &[]);
        if sent.is_err() || (wake && ring(&bell).is_err()) {
            break;
        }
    }
    true
}

/// A job that was received.
struct JobOrder {
    job: Job,
    name: String,
    files: Vec<OwnedFd>,
    wake: bool,
    /// A cancellation came after it.
    given_up: bool,
}

/// The line to the parent, and what came over it and waits.
struct Line {
    parent: UnixStream,
    orders: VecDeque<JobOrder>,
}

impl Line {
    /// The next job, waiting for one; `None` when the parent is gone.
    fn next(&mut self) -> Option<JobOrder> {
        loop {
            if let Some(order) = self.orders.pop_front() {
                return Some(order);
            }
            // A cancellation that comes here is of jobs that have ended.
            self.take_in().ok()?;
        }
    }

    /// Takes in one message, waiting for it, and says whether it was a cancellation: of every job
    /// sent before it.
    fn take_in(&mut self) -> std::io::Result<bool> {
        let (request, files) = receive::<Request>(&self.parent)?;
        match request {
            Request::Run { job, name, wake } => {
                self.orders.push_back(JobOrder { job: *job, name, files, wake, given_up: false });
                Ok(false)
            }
            Request::Cancel => {
                self.orders.iter_mut().for_each(|order| order.given_up = true);
                Ok(true)
            }
        }
    }

    /// Does one job. The line is looked at when there is progress to tell: a thread that listened
    /// meanwhile would have to be woken for every file, and who makes no progress is ended by the
    /// parent.
    fn work(&mut self, order: JobOrder, execute: Execute) -> Result<JobOutput, JobError> {
        let mut files = order.files.into_iter().map(File::from);
        let Some(input) = files.next() else {
            return Err(JobError::Io("no descriptor came with the job".into()));
        };
        let files = JobFiles { input, outputs: files.collect() };
        let cancel = Arc::<AtomicBool>::default();
        let flag = Arc::clone(&cancel);
        // What takes less time than that has nothing to tell but its result.
        let mut told = Instant::now();
        execute(&order.job, files, &order.name, cancel, &mut |progress| {
            if told.elapsed() < PROGRESS_EVERY {
                return;
            }
            told = Instant::now();
            let gone = send(&self.parent, &Reply::Progress(progress), &[]).is_err();
            if gone || self.is_cancelled() {
                flag.store(true, Ordering::Relaxed);
            }
        })
    }

    /// Takes in what has come meanwhile; whether that ends the job at hand.
    fn is_cancelled(&mut self) -> bool {
        loop {
            match waiting(&self.parent) {
                Ok(false) => return false,
                Ok(true) => match self.take_in() {
                    Ok(false) => {}
                    Ok(true) | Err(_) => return true,
                },
                Err(_) => return true,
            }
        }
    }
}
