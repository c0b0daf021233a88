//! The parent's side of one worker: has it forked, sends its job, enforces limits, and explains its death.

use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Resource, Rlimit, getrlimit};

use super::barrier::Isolation;
use super::exit_status::{Loss, death_of, explain_exit, used_up_processor_time};
use super::limit_setter::set_limit;
use super::limits::{JobLimits, JobMonitor, TICK, WorkerTimeouts, job_limits, processors, writes_files};
use super::template_process::{Template, WorkerState};
use super::wire::{Message, Reply, Request, message_length, send};
use crate::job::time_budget::processor_time_exceeded;
use crate::job::{
    Job, JobError, JobOutput, JobRequest, ProbeDepth, Progress, TimeBudget, WorkerDeath, WorkerInfo,
};

/// Requests are small; a worker that takes longer to read one hangs.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait for the exit status of a worker that has closed its socket.
const EXIT_WAIT: Duration = Duration::from_secs(1);
/// Bytes received at a time: usually the facts of one video.
const RECEIVE_BYTES: usize = 16 * 1024;
/// Why workers end together.
const TEMPLATE_DIED: &str = "the process that started it has died";

/// A worker process, which runs one job; killed when dropped.
pub(super) struct Worker {
    pid: Pid,
    /// The template that forked it. It is its parent process: only it can wait for its end.
    template: Arc<Template>,
    /// Whether it was waited for: its id may belong to another process since.
    ended: bool,
    socket: UnixStream,
    /// Bytes received and not yet decoded.
    inbox: Vec<u8>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Has the template fork a worker, which locks itself down.
pub(super) fn fork(template: &Arc<Template>) -> Result<Worker, JobError> {
    let failed = |error: io::Error| cannot_start(&error);
    let (socket, child_socket) = UnixStream::pair().map_err(failed)?;
    socket.set_read_timeout(Some(TICK)).map_err(failed)?;
    socket.set_write_timeout(Some(WRITE_TIMEOUT)).map_err(failed)?;
    let pid = template.fork(&child_socket).map_err(|reason| cannot_start(&reason))?;
    Ok(Worker { pid, template: Arc::clone(template), ended: false, socket, inbox: Vec::new() })
}

fn cannot_start(reason: &dyn std::fmt::Display) -> JobError {
    JobError::Unavailable(format!("cannot start a media worker: {reason}"))
}

impl Worker {
    /// Waits until it is locked down, and describes it.
    ///
    /// Fails when it lacks a barrier that `isolation` demands.
    pub(super) fn greet(
        &mut self,
        timeouts: &WorkerTimeouts,
        isolation: Isolation,
        cancel: &AtomicBool,
    ) -> Result<WorkerInfo, JobError> {
        let probe = Job::Probe { depth: ProbeDepth::Auto };
        let probe = job_limits(&probe, &TimeBudget::default(), timeouts, 1, 0);
        let start = JobLimits { stall: timeouts.start, wall: timeouts.start, ..probe };
        let mut monitor = JobMonitor::new(start, Duration::ZERO, cancel, None);
        let mut info = match self.next_reply(&mut monitor) {
            _ if monitor.cancelled.is_some() => return Err(JobError::Cancelled),
            Ok(Reply::Hello(info)) => *info,
            Ok(_) => return Err(cannot_start(&"it sent an unexpected message (protocol error)")),
            Err(error) => return Err(cannot_start(&error)),
        };
        for (name, result) in self.set_limits(&probe) {
            match result {
                Ok(()) => info.in_force.push(name.into()),
                Err(error) => info.refused.push(format!("{name}: {error}")),
            }
        }
        info.in_force.push("empty-environment".into());
        match isolation.refuse(&info) {
            Some(reason) => Err(JobError::NotIsolated(reason)),
            None => Ok(info),
        }
    }

    /// Whether the process still waits for its job: its death while idle must not cost a file.
    pub(super) fn is_alive(&self) -> bool {
        let mut socket = [PollFd::new(&self.socket, PollFlags::empty())];
        // A hang-up shows before what was sent earlier is read. The system may not have ended it with its template yet.
        !self.template.is_broken() && matches!(poll(&mut socket, Some(&Timespec::default())), Ok(0))
    }

    /// Returns the template that forked it.
    pub(super) fn template(&self) -> &Template {
        &self.template
    }

    /// Kills the process and waits until it has ended. Returns whether it is certain that it has.
    pub(super) fn kill(&mut self) -> bool {
        if !self.ended {
            self.ended = matches!(self.template.end(self.pid), WorkerState::Ended(_));
        }
        self.ended
    }

    /// Returns how the process ended by itself, waiting up to `wait` for its end, and kills it.
    fn exit_status(&mut self, wait: Duration) -> Option<ExitStatus> {
        let since = Instant::now();
        while !self.ended {
            match self.template.status(self.pid) {
                WorkerState::Ended(status) => {
                    self.ended = true;
                    return Some(status);
                }
                WorkerState::Running if since.elapsed() < wait => std::thread::sleep(TICK / 10),
                _ => break,
            }
        }
        self.kill();
        None
    }

    /// Runs the job, and ends the process before it returns the result.
    pub(super) fn run(
        mut self,
        request: &JobRequest,
        timeouts: &WorkerTimeouts,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<JobOutput, JobError> {
        let JobRequest { job, files, name, cancel, time } = request;
        // Asks for the size only where it matters.
        let meta = writes_files(job).then(|| files.input.metadata().ok()).flatten();
        let limits = job_limits(job, time, timeouts, processors(), meta.map_or(0, |meta| meta.len()));
        // `greet` has reported which limits the system refuses.
        let _ = self.set_limits(&limits);
        let mut monitor = JobMonitor::new(limits, timeouts.cancel_grace, cancel, time.clock.as_deref());
        let message = Request::Run { job: Box::new(job.clone()), name: name.clone() };
        let files: Vec<_> = [&files.input].into_iter().chain(&files.outputs).map(AsFd::as_fd).collect();
        // A failed send means the worker is gone; waiting for the result reports that.
        let _ = send(&self.socket, &message, &files);
        let result = self.result(&mut monitor, job, progress)?;
        if monitor.cancelled.is_some() {
            return Err(JobError::Cancelled);
        }
        if self.kill() {
            return result;
        }
        // The template died at this moment. The worker dies too, but when is not known.
        let message = format!("media worker could not be ended after its job: {TEMPLATE_DIED}");
        Err(JobError::WorkerLost { death: WorkerDeath::TemplateDied, message })
    }

    /// Waits for the result of the job; fails when the worker gives none.
    fn result(
        &mut self,
        monitor: &mut JobMonitor<'_>,
        job: &Job,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Result<JobOutput, JobError>, JobError> {
        loop {
            match self.next_reply(monitor)? {
                Reply::Progress(step) => progress(step),
                Reply::Hello(..) => {
                    return Err(self.lost(Loss::Protocol("sent an unexpected message"), monitor));
                }
                Reply::Done(result) => match *result {
                    Ok(output) if !output.answers(job) => {
                        let loss = Loss::Protocol("sent the result of another job");
                        return Err(self.lost(loss, monitor));
                    }
                    result => return Ok(result),
                },
            }
        }
    }

    /// Sets resource limits on the worker process and returns which succeeded.
    fn set_limits(&self, limits: &JobLimits) -> [(&'static str, Result<(), rustix::io::Errno>); 3] {
        let set = |resource, value: u64| {
            // Only the soft limit, so that its job may get more; seccomp keeps the worker from raising it.
            let maximum = getrlimit(resource).maximum;
            let current = Some(maximum.map_or(value, |most| most.min(value)));
            set_limit(Some(self.pid), resource, Rlimit { current, maximum })
        };
        [
            ("rlimit-as", set(Resource::As, limits.address_space)),
            ("rlimit-cpu", set(Resource::Cpu, limits.cpu.as_secs())),
            ("rlimit-fsize", set(Resource::Fsize, limits.file_size)),
        ]
    }

    /// Waits for the next message; fails when the worker is lost.
    fn next_reply(&mut self, monitor: &mut JobMonitor<'_>) -> Result<Reply, JobError> {
        loop {
            if let Some((length, body)) = self.inbox.split_first_chunk() {
                let Ok(length) = message_length(*length) else {
                    return Err(self.lost(Loss::Protocol("sent a message that is too long"), monitor));
                };
                if let Some(body) = body.get(..length) {
                    let reply = Reply::decode(body);
                    self.inbox.drain(..length + 4);
                    monitor.last_message = Instant::now();
                    let malformed = Loss::Protocol("sent a malformed message");
                    return reply.map_err(|_| self.lost(malformed, monitor));
                }
            }
            self.receive(monitor)?;
        }
    }

    /// Waits for bytes and appends them to the inbox.
    fn receive(&mut self, monitor: &mut JobMonitor<'_>) -> Result<(), JobError> {
        let had = self.inbox.len();
        loop {
            self.check(monitor)?;
            self.inbox.resize(had + RECEIVE_BYTES, 0);
            let result = self.socket.read(&mut self.inbox[had..]);
            self.inbox.truncate(had + *result.as_ref().unwrap_or(&0));
            match result {
                Ok(0) => return Err(self.lost(Loss::Ended, monitor)),
                Ok(_) => return Ok(()),
                Err(error) if is_would_block(&error) => {}
                // The worker exited without having read its job.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    return Err(self.lost(Loss::Ended, monitor));
                }
                Err(_) => return Err(self.lost(Loss::Connection, monitor)),
            }
        }
    }

    /// Sends a cancellation to the worker, and kills it when a limit of time is exceeded.
    fn check(&mut self, monitor: &mut JobMonitor<'_>) -> Result<(), JobError> {
        if let Some(since) = monitor.cancelled {
            return if since.elapsed() > monitor.cancel_grace { Err(JobError::Cancelled) } else { Ok(()) };
        }
        if monitor.cancel.load(Ordering::Relaxed) {
            monitor.cancelled = Some(Instant::now());
            return send(&self.socket, &Request::Cancel, &[]).map_err(|_| JobError::Cancelled);
        }
        if monitor.last_message.elapsed() > monitor.limits.stall {
            return Err(self.lost(Loss::Stalled(monitor.limits.stall), monitor));
        }
        if let Some(clock) = monitor.exceeded() {
            self.kill();
            return Err(clock.exceeded());
        }
        if monitor.started.elapsed() > monitor.limits.wall {
            return Err(self.lost(Loss::TimedOut, monitor));
        }
        Ok(())
    }

    /// Kills the worker and returns an error that describes its death.
    fn lost(&mut self, loss: Loss, monitor: &JobMonitor<'_>) -> JobError {
        let ended = matches!(loss, Loss::Ended);
        // A dying process closes its socket before its status can be read.
        let status = self.exit_status(if ended { EXIT_WAIT } else { Duration::ZERO });
        let after = monitor.started.elapsed().as_secs_f64();
        let cpu = monitor.limits.cpu;
        let (death, what, reason) = match (loss, status) {
            (Loss::Ended, Some(status)) if used_up_processor_time(status) => {
                return processor_time_exceeded(cpu);
            }
            (Loss::Ended, Some(status)) => {
                let gib = monitor.limits.address_space as f64 / f64::from(1 << 30);
                (death_of(status), "exited", Some(explain_exit(status, gib, cpu)))
            }
            (Loss::Ended, None) if self.template.is_broken() => {
                (WorkerDeath::TemplateDied, "exited", Some(TEMPLATE_DIED.to_owned()))
            }
            (Loss::Ended, None) => (WorkerDeath::Vanished, "exited", None),
            (Loss::Protocol(what), _) => (WorkerDeath::Protocol, what, Some("protocol error".to_owned())),
            (Loss::Connection, _) => (WorkerDeath::Disconnected, "closed the connection", None),
            (Loss::Stalled(limit), _) => {
                let reason = format!("no progress for {} s", limit.as_secs_f64());
                (WorkerDeath::Stalled, "stalled", Some(reason))
            }
            (Loss::TimedOut, _) => (WorkerDeath::TimedOut, "exceeded its time limit", None),
        };
        let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
        JobError::WorkerLost { death, message: format!("media worker {what} after {after:.1} s{reason}") }
    }
}

fn is_would_block(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
