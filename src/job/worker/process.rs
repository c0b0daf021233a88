//! The parent's end of one worker: start it, give it a job, watch over it, know how it ended.

use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::net::RecvFlags;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, prlimit};

use super::limits::{Allowance, Limits, allowance};
use super::wire::{Message, Reply, Request, checked, send};
use super::{TICK, version};
use crate::job::{Job, JobError, JobOutput, JobRequest, ProbeDepth, Progress, WorkerInfo};

/// Orders are small; a worker that takes longer to read one hangs.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a process whose line is cut may take to finish dying.
const DYING: Duration = Duration::from_secs(1);
/// How long limits serve jobs that may use the same. The limit on CPU time counts from when it was
/// set, so a job loses at most what its predecessors used within this time: nothing beside minutes.
const KEEP_LIMITS: Duration = Duration::from_secs(1);
/// Bytes taken in at a time: the facts of a video, mostly.
const INBOX: usize = 16 * 1024;
/// Unit of CPU time in `/proc/<pid>/stat`, fixed by the kernel's interface (`USER_HZ`).
const TICKS_PER_SECOND: u64 = 100;

/// A running worker process; it ends with this.
pub(super) struct Worker {
    child: Child,
    socket: UnixStream,
    /// Rings when there is something on the line that is waited for; `None` once it is cut.
    bell: Option<UnixStream>,
    pub(super) isolation: WorkerInfo,
    usable: bool,
    /// Has done a job before.
    used: bool,
    /// Ended before it said a word about its last job.
    silent_end: bool,
    /// The limits in force, and since when.
    limited: Option<(Allowance, Instant)>,
    /// What has come and was not yet understood.
    inbox: Vec<u8>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Since when a job runs, and when it was heard of last.
struct Watch<'a> {
    allowance: Allowance,
    grace: Duration,
    cancel: &'a AtomicBool,
    started: Instant,
    heard: Instant,
    cancelled: Option<Instant>,
}

impl<'a> Watch<'a> {
    fn new(allowance: Allowance, grace: Duration, cancel: &'a AtomicBool) -> Watch<'a> {
        let now = Instant::now();
        Watch { allowance, grace, cancel, started: now, heard: now, cancelled: None }
    }

    /// Begins again for the next job of a row.
    fn next(&mut self) {
        self.started = Instant::now();
        self.heard = self.started;
    }
}

/// Starts a worker and shakes hands.
pub(super) fn spawn(program: &Path, limits: &Limits, devices: bool) -> Result<Worker, JobError> {
    let failed = |error: io::Error| {
        let path = program.display();
        JobError::Unavailable(format!("cannot start {path}: {error}; set GREENLIT_WORKER to it"))
    };
    let (socket, theirs) = UnixStream::pair().map_err(failed)?;
    let (bell, their_bell) = UnixStream::pair().map_err(failed)?;
    let child = Command::new(program)
        .args(devices.then_some(super::DEVICES))
        .env_clear()
        // An interrupt typed at the terminal is for the parent, which then cancels in order.
        .process_group(0)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::from(OwnedFd::from(their_bell)))
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let mut worker = Worker {
        child,
        socket,
        bell: Some(bell),
        isolation: WorkerInfo::default(),
        usable: true,
        used: false,
        silent_end: false,
        limited: None,
        inbox: Vec::new(),
    };
    worker.socket.set_read_timeout(Some(TICK)).map_err(failed)?;
    worker.socket.set_write_timeout(Some(WRITE_TIMEOUT)).map_err(failed)?;
    worker.bell.iter().try_for_each(|bell| bell.set_read_timeout(Some(TICK))).map_err(failed)?;
    let probe = allowance(&Job::Probe { depth: ProbeDepth::Auto }, limits, 1);
    let limited = worker.limit(&probe);
    let never = AtomicBool::new(false);
    let start = Allowance { stall: limits.start, wall: limits.start, ..probe };
    let mut watch = Watch::new(start, limits.cancel_grace, &never);
    let path = program.display();
    match worker.next(&mut watch) {
        Ok(Reply::Hello(theirs, isolation)) if theirs == version() => worker.isolation = *isolation,
        Ok(Reply::Hello(theirs, _)) => {
            let (ours, shown) = (version(), theirs.escape_debug());
            return Err(JobError::Unavailable(format!(
                "{path} is of version {shown}, this is {ours}: install both together"
            )));
        }
        Ok(_) => return Err(JobError::Unavailable(format!("{path} is not a worker of this program"))),
        Err(error) => {
            return Err(JobError::Unavailable(format!("{path} does not start as a worker: {error}")));
        }
    }
    let list = &mut worker.isolation;
    for (name, result) in limited {
        match result {
            Ok(()) => list.in_force.push(name.into()),
            Err(error) => list.refused.push(format!("{name}: {error}")),
        }
    }
    list.in_force.push("empty-environment".into());
    Ok(worker)
}

impl Worker {
    /// Whether it can be given another job.
    pub(super) fn is_usable(&self) -> bool {
        self.usable
    }

    /// Whether it is still there; one that died while idle must not cost a file.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Whether it may have been dying already when it was given its last job: it had worked before
    /// and ended without a word. A file that really kills workers kills the next one too.
    pub(super) fn may_have_died_idle(&self) -> bool {
        self.used && self.silent_end
    }

    /// Runs jobs that may use the same and are given up together, to the end of each; all are sent at
    /// once, so that the worker goes from one to the next without waiting. How many results were
    /// `given`, in order, and why there is none for the next one.
    pub(super) fn run_batch(
        &mut self,
        requests: &[JobRequest],
        limits: &Limits,
        progress: &mut dyn FnMut(Progress),
        give: &mut dyn FnMut(Result<JobOutput, JobError>),
    ) -> (usize, Result<(), JobError>) {
        let Some(first) = requests.first() else { return (0, Ok(())) };
        // Should anything unwind on the way, what is on the line is unknown.
        self.usable = false;
        let allowance = allowance(&first.job, limits, processors());
        let mut watch = Watch::new(allowance, limits.cancel_grace, &first.cancel);
        self.keep_limits(allowance);
        for (place, request) in requests.iter().enumerate() {
            let mut files = vec![request.files.input.as_fd()];
            files.extend(request.files.outputs.iter().map(AsFd::as_fd));
            let (job, name) = (Box::new(request.job.clone()), request.name.clone());
            let message = Request::Run { job, name, wake: place + 1 == requests.len() };
            // Who cannot be told is gone, which shows at the first job without a result.
            if send(&self.socket, &message, &files).is_err() {
                break;
            }
        }
        for given in 0..requests.len() {
            match self.result(&mut watch, progress) {
                Ok(result) => give(if watch.cancelled.is_some() { Err(JobError::Cancelled) } else { result }),
                Err(error) => return (given, Err(error)),
            }
            self.used = true;
            self.keep_limits(allowance);
            watch.next();
        }
        self.usable = true;
        (requests.len(), Ok(()))
    }

    /// What came of the job at hand, or why nothing did.
    fn result(
        &mut self,
        watch: &mut Watch<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Result<JobOutput, JobError>, JobError> {
        loop {
            match self.next(watch)? {
                Reply::Progress(step) => progress(step),
                Reply::Hello(..) => return Err(self.lost("spoke out of turn", watch)),
                Reply::Done(result) => return Ok(*result),
            }
        }
    }

    /// Sets what a job may use, unless the same was set a moment ago.
    fn keep_limits(&mut self, allowance: Allowance) {
        let fresh = |(same, since): (Allowance, Instant)| same == allowance && since.elapsed() < KEEP_LIMITS;
        if !self.limited.is_some_and(fresh) {
            // What could be set was said at the start.
            let _ = self.limit(&allowance);
            self.limited = Some((allowance, Instant::now()));
        }
    }

    /// Sets what the job may use, from outside, and says what could be set.
    fn limit(&self, allowance: &Allowance) -> [(&'static str, Result<(), rustix::io::Errno>); 2] {
        let cpu = self.cpu_seconds() + allowance.cpu.as_secs();
        let set = |resource, value: u64| {
            // Only the soft limit, so that the next job may get more; the worker itself may set none.
            let maximum = getrlimit(resource).maximum;
            let current = Some(maximum.map_or(value, |most| most.min(value)));
            let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
            prlimit(pid, resource, Rlimit { current, maximum }).map(drop)
        };
        [("rlimit-as", set(Resource::As, allowance.address_space)), ("rlimit-cpu", set(Resource::Cpu, cpu))]
    }

    /// CPU time used so far.
    fn cpu_seconds(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        // The name in parentheses may hold anything; fields 14 and 15 count from before it.
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
        fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>() / TICKS_PER_SECOND
    }

    /// The next message, or why there is none.
    fn next(&mut self, watch: &mut Watch<'_>) -> Result<Reply, JobError> {
        loop {
            if let Some((length, body)) = self.inbox.split_first_chunk() {
                let Ok(length) = checked(*length) else {
                    return Err(self.lost("sent too long a message", watch));
                };
                if let Some(body) = body.get(..length) {
                    let reply = Reply::decode(body);
                    self.inbox.drain(..length + 4);
                    watch.heard = Instant::now();
                    return reply.map_err(|_| self.lost("sent what is not a message", watch));
                }
            }
            self.receive(watch)?;
        }
    }

    /// Takes in what has come, at least a byte.
    fn receive(&mut self, watch: &mut Watch<'_>) -> Result<(), JobError> {
        let had = self.inbox.len();
        loop {
            self.check(watch)?;
            self.inbox.resize(had + INBOX, 0);
            let result = self.read(had);
            self.inbox.truncate(had + *result.as_ref().unwrap_or(&0));
            match result {
                Ok(0) => return Err(self.lost("ended", watch)),
                Ok(_) => return Ok(()),
                Err(error) if is_silence(&error) => self.sleep(),
                // How a line ends on which it had not yet read everything.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    return Err(self.lost("ended", watch));
                }
                Err(_) => return Err(self.lost("cut the connection", watch)),
            }
        }
    }

    /// Reads what is on the line, without waiting as long as there is a bell.
    fn read(&mut self, had: usize) -> io::Result<usize> {
        let room = &mut self.inbox[had..];
        match self.bell {
            Some(_) => Ok(rustix::net::recv(&self.socket, room, RecvFlags::DONTWAIT)?.0),
            None => self.socket.read(room),
        }
    }

    /// Waits for the bell, up to a tick.
    fn sleep(&mut self) {
        let Some(bell) = &mut self.bell else { return };
        match bell.read(&mut [0; 64]) {
            Err(error) if is_silence(&error) => {}
            Ok(1..) => {}
            _ => self.bell = None,
        }
    }

    /// Asks a cancelled worker to stop, and ends one that takes too long over anything.
    fn check(&mut self, watch: &mut Watch<'_>) -> Result<(), JobError> {
        if let Some(since) = watch.cancelled {
            return if since.elapsed() > watch.grace { Err(JobError::Cancelled) } else { Ok(()) };
        }
        if watch.cancel.load(Ordering::Relaxed) {
            watch.cancelled = Some(Instant::now());
            return send(&self.socket, &Request::Cancel, &[]).map_err(|_| JobError::Cancelled);
        }
        if watch.heard.elapsed() > watch.allowance.stall {
            let limit = watch.allowance.stall.as_secs_f64();
            let _ = self.child.kill();
            return Err(self.lost(&format!("stalled: no progress for {limit} s"), watch));
        }
        if watch.started.elapsed() > watch.allowance.wall {
            let _ = self.child.kill();
            return Err(self.lost("reached the limit on its running time", watch));
        }
        Ok(())
    }

    /// Ends a worker and says what became of it.
    fn lost(&mut self, what: &str, watch: &Watch<'_>) -> JobError {
        let since = Instant::now();
        self.silent_end = what.starts_with("ended") && watch.heard == watch.started;
        // Its line is closed before its status can be read.
        let mut status = self.child.try_wait().ok().flatten();
        while status.is_none() && what == "ended" && since.elapsed() < DYING {
            std::thread::sleep(TICK / 10);
            status = self.child.try_wait().ok().flatten();
        }
        let own_end = status.is_some();
        let _ = self.child.kill();
        let status = status.or_else(|| self.child.wait().ok());
        let after = watch.started.elapsed().as_secs_f64();
        let reason = status.filter(|_| own_end && what.starts_with("ended")).map(|status| {
            let gib = watch.allowance.address_space as f64 / f64::from(1 << 30);
            format!(" ({})", ending(status, gib, watch.allowance.cpu))
        });
        let reason = reason.unwrap_or_default();
        JobError::WorkerLost(format!("the process that works on this file {what} after {after:.1} s{reason}"))
    }
}

fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// Processors there are. Asked for once: the system's answer takes reading half a dozen files.
fn processors() -> u64 {
    static COUNT: OnceLock<u64> = OnceLock::new();
    *COUNT.get_or_init(|| std::thread::available_parallelism().map_or(1, |count| count.get() as u64))
}

/// What an exit status says to a person.
fn ending(status: ExitStatus, gib: f64, cpu: Duration) -> String {
    let Some(number) = status.signal() else {
        return format!("exit code {}", status.code().unwrap_or_default());
    };
    let name = |signal: Signal| number == signal.as_raw();
    if name(Signal::XCPU) {
        format!("SIGXCPU: over the CPU limit of {} s", cpu.as_secs())
    } else if name(Signal::ABORT) {
        format!("SIGABRT: gave up, as it does over the memory limit of {gib:.1} GiB")
    } else if name(Signal::SEGV) {
        "SIGSEGV: crashed".to_owned()
    } else if name(Signal::BUS) {
        "SIGBUS: crashed, or the file shrank".to_owned()
    } else if name(Signal::ILL) || name(Signal::FPE) || name(Signal::TRAP) {
        format!("signal {number}: crashed")
    } else if name(Signal::KILL) {
        "SIGKILL: killed from outside, perhaps for want of memory".to_owned()
    } else {
        format!("signal {number}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_are_told_apart() {
        let of = |raw| ending(ExitStatus::from_raw(raw), 1.5, Duration::from_secs(9));
        assert_eq!(of(11), "SIGSEGV: crashed");
        assert_eq!(of(24), "SIGXCPU: over the CPU limit of 9 s");
        assert_eq!(of(6), "SIGABRT: gave up, as it does over the memory limit of 1.5 GiB");
        assert!(of(9).starts_with("SIGKILL"));
        assert_eq!(of(3 << 8), "exit code 3");
    }
}
