//! The parent's side of one worker: has it forked, sends jobs, enforces limits, and explains its death.

use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::net::RecvFlags;
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
/// How long limits are reused for jobs with the same limits. The CPU limit counts from when it was set, so
/// a job loses at most the CPU time its predecessors used within this time, compared with a limit of
/// minutes.
const REUSE_LIMITS: Duration = Duration::from_secs(1);
/// Bytes received at a time: usually the facts of one video.
const RECEIVE_BYTES: usize = 16 * 1024;
/// Files that one worker serves. A file that takes it over could change the facts of those after it.
const MAX_FILES: usize = 32;
/// Why workers end together.
const TEMPLATE_DIED: &str = "the process that started it has died";
/// Unit of CPU time in `/proc/<pid>/stat` (`USER_HZ`).
const TICKS_PER_SECOND: u64 = 100;

/// A running worker process; killed when dropped.
pub(super) struct Worker {
    pid: Pid,
    /// The template that forked it. It is its parent process: only it can wait for its end.
    template: Arc<Template>,
    /// Whether it was waited for: its id may belong to another process since.
    ended: bool,
    socket: UnixStream,
    /// Receives a byte when an awaited message has been sent; `None` once it is closed.
    wake_socket: Option<UnixStream>,
    pub(super) info: WorkerInfo,
    usable: bool,
    /// Number of jobs it has finished.
    finished: usize,
    /// Whether it exited without sending anything about its last job.
    exited_silently: bool,
    /// The limits in force, and since when.
    limited: Option<(JobLimits, Instant)>,
    /// Bytes received and not yet decoded.
    inbox: Vec<u8>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Has the template fork a worker, and receives its hello.
///
/// Fails when the worker lacks a barrier that `isolation` demands.
pub(super) fn spawn(
    template: &Arc<Template>,
    timeouts: &WorkerTimeouts,
    isolation: Isolation,
) -> Result<Worker, JobError> {
    let unavailable = |reason: &dyn std::fmt::Display| {
        JobError::Unavailable(format!("cannot start a media worker: {reason}"))
    };
    let failed = |error: io::Error| unavailable(&error);
    let (socket, child_socket) = UnixStream::pair().map_err(failed)?;
    let (wake_socket, child_wake) = UnixStream::pair().map_err(failed)?;
    socket.set_read_timeout(Some(TICK)).map_err(failed)?;
    socket.set_write_timeout(Some(WRITE_TIMEOUT)).map_err(failed)?;
    wake_socket.set_read_timeout(Some(TICK)).map_err(failed)?;
    let pid =
        template.fork([child_socket.into(), child_wake.into()]).map_err(|reason| unavailable(&reason))?;
    let mut worker = Worker {
        pid,
        template: Arc::clone(template),
        ended: false,
        socket,
        wake_socket: Some(wake_socket),
        info: WorkerInfo::default(),
        usable: true,
        finished: 0,
        exited_silently: false,
        limited: None,
        inbox: Vec::new(),
    };
    let probe = job_limits(&Job::Probe { depth: ProbeDepth::Auto }, &TimeBudget::default(), timeouts, 1, 0);
    let never = AtomicBool::new(false);
    let start = JobLimits { stall: timeouts.start, wall: timeouts.start, ..probe };
    let mut monitor = JobMonitor::new(start, timeouts.cancel_grace, &never);
    let isolated = match worker.next_reply(&mut monitor) {
        Ok(Reply::Hello(info)) => *info,
        Ok(_) => return Err(unavailable(&"it sent an unexpected message (protocol error)")),
        Err(error) => return Err(unavailable(&error)),
    };
    let WorkerInfo { separate_process, in_force, landlock_abi, refused, .. } = isolated;
    let mut info = WorkerInfo { separate_process, in_force, landlock_abi, refused, ..template.info.clone() };
    for (name, result) in worker.set_limits(&probe) {
        match result {
            Ok(()) => info.in_force.push(name.into()),
            Err(error) => info.refused.push(format!("{name}: {error}")),
        }
    }
    info.in_force.push("empty-environment".into());
    match isolation.refuse(&info) {
        Some(reason) => Err(JobError::NotIsolated(reason)),
        None => {
            worker.info = info;
            Ok(worker)
        }
    }
}

impl Worker {
    /// Whether it may run jobs for other files: it failed at none, and served few.
    pub(super) fn is_usable(&self) -> bool {
        self.usable && self.finished < MAX_FILES
    }

    /// Whether the process still waits for jobs; a worker death while idle must not cost a file.
    pub(super) fn is_alive(&self) -> bool {
        let pending = rustix::net::recv(&self.socket, &mut [0], RecvFlags::PEEK | RecvFlags::DONTWAIT);
        // It has hung up, or says something unasked.
        !self.ended && matches!(pending, Err(rustix::io::Errno::WOULDBLOCK))
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

    /// Whether it may have died before it received its last job: it had finished a job and then exited
    /// without a message. A file that kills workers also kills the next one.
    pub(super) fn may_have_died_idle(&self) -> bool {
        self.finished > 0 && self.exited_silently
    }

    /// Runs a batch of jobs with the same limits and the same cancel flag. Sends all at once, so that the
    /// worker need not wait between them. Returns how many gave a result, in order, and why the next one
    /// did not.
    pub(super) fn run_batch(
        &mut self,
        requests: &[JobRequest],
        timeouts: &WorkerTimeouts,
        progress: &mut dyn FnMut(Progress),
        on_result: &mut dyn FnMut(Result<JobOutput, JobError>),
    ) -> (usize, Result<(), JobError>) {
        let Some(first) = requests.first() else { return (0, Ok(())) };
        // If a callback panics, the state of the socket is unknown.
        self.usable = false;
        // Asks for the sizes only where they matter.
        let sizes = requests.iter().filter(|_| writes_files(&first.job));
        let sizes = sizes.filter_map(|request| Some(request.files.input.metadata().ok()?.len()));
        let limits = job_limits(&first.job, &first.time, timeouts, processors(), sizes.max().unwrap_or(0));
        let mut monitor = JobMonitor::new(limits, timeouts.cancel_grace, &first.cancel);
        self.ensure_limits(limits);
        for (position, request) in requests.iter().enumerate() {
            let mut files = vec![request.files.input.as_fd()];
            files.extend(request.files.outputs.iter().map(AsFd::as_fd));
            let (job, name) = (Box::new(request.job.clone()), request.name.clone());
            let message = Request::Run { job, name, wake: position + 1 == requests.len() };
            // A failed send means the worker is gone; waiting for the next result reports that.
            if send(&self.socket, &message, &files).is_err() {
                break;
            }
        }
        for (finished, request) in requests.iter().enumerate() {
            monitor.keep_to(&request.time);
            let result = match self.result(&mut monitor, &request.job, progress) {
                Ok(_) if monitor.cancelled.is_some() => Err(JobError::Cancelled),
                Ok(result) => result,
                Err(error) => return (finished, Err(error)),
            };
            self.finished += 1;
            let failed = result.is_err();
            on_result(result);
            if failed && monitor.cancelled.is_none() {
                // A file on which it failed may have taken it over: the rest of the batch goes to another worker.
                return (finished + 1, Ok(()));
            }
            self.ensure_limits(limits);
            monitor.restart();
        }
        // Bytes that are left answer a job that it was not given.
        self.usable = monitor.cancelled.is_none() && self.inbox.is_empty();
        (requests.len(), Ok(()))
    }

    /// Waits for the result of the running job; fails when the worker gives none.
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

    /// Sets the limits of a job, unless the same were set a moment ago.
    fn ensure_limits(&mut self, limits: JobLimits) {
        let fresh = |(set, since): (JobLimits, Instant)| set == limits && since.elapsed() < REUSE_LIMITS;
        if !self.limited.is_some_and(fresh) {
            // `spawn` has reported which limits the system refuses.
            let _ = self.set_limits(&limits);
            self.limited = Some((limits, Instant::now()));
        }
    }

    /// Sets resource limits on the worker process and returns which succeeded.
    fn set_limits(&self, limits: &JobLimits) -> [(&'static str, Result<(), rustix::io::Errno>); 3] {
        let cpu = self.cpu_seconds() + limits.cpu.as_secs();
        let set = |resource, value: u64| {
            // Only the soft limit, so that the next job may get more; seccomp keeps the worker from raising it.
            let maximum = getrlimit(resource).maximum;
            let current = Some(maximum.map_or(value, |most| most.min(value)));
            set_limit(Some(self.pid), resource, Rlimit { current, maximum })
        };
        [
            ("rlimit-as", set(Resource::As, limits.address_space)),
            ("rlimit-cpu", set(Resource::Cpu, cpu)),
            ("rlimit-fsize", set(Resource::Fsize, limits.file_size)),
        ]
    }

    /// Returns the CPU seconds that the worker has used.
    fn cpu_seconds(&self) -> u64 {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", self.pid.as_raw_nonzero())).unwrap_or_default();
        // The name in parentheses may contain spaces; utime and stime are fields 14 and 15 (proc(5)).
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
        fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>() / TICKS_PER_SECOND
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
            let result = self.read(had);
            self.inbox.truncate(had + *result.as_ref().unwrap_or(&0));
            match result {
                Ok(0) => return Err(self.lost(Loss::Ended, monitor)),
                Ok(_) => return Ok(()),
                Err(error) if is_would_block(&error) => self.wait_for_wake(),
                // The worker exited without having read all requests.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    return Err(self.lost(Loss::Ended, monitor));
                }
                Err(_) => return Err(self.lost(Loss::Connection, monitor)),
            }
        }
    }

    /// Reads from the socket, without blocking while there is a wake socket.
    fn read(&mut self, had: usize) -> io::Result<usize> {
        let buffer = &mut self.inbox[had..];
        match self.wake_socket {
            Some(_) => Ok(rustix::net::recv(&self.socket, buffer, RecvFlags::DONTWAIT)?.0),
            None => self.socket.read(buffer),
        }
    }

    /// Waits for a wake-up, up to a tick.
    fn wait_for_wake(&mut self) {
        let Some(socket) = &mut self.wake_socket else { return };
        match socket.read(&mut [0; 64]) {
            Err(error) if is_would_block(&error) => {}
            Ok(1..) => {}
            _ => self.wake_socket = None,
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
        self.exited_silently = ended && monitor.last_message == monitor.started;
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
