//! The parent's side of the template: starts it, and has it fork, end and wait for workers.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::barrier::Isolation;
use super::limits::{TICK, WorkerTimeouts};
use super::template::{DEVICES_ARG, OPEN_ARG, PROBES_ARG, WORKER_ARG};
use super::wire::{TemplateReply, TemplateRequest, receive, send, version};
use crate::job::{JobError, WorkerInfo};

/// How long the template may take for an answer. Only the end of a worker with gigabytes of memory on a busy machine
/// takes more than milliseconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait for the exit status of a template that has closed its socket.
const EXIT_WAIT: Duration = Duration::from_secs(1);

/// What the workers of a template are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Only for probes: they lack the libraries that no probe uses.
    Probes,
    /// For any job.
    Any,
}

/// A running template; killed when dropped, and the system then kills its workers.
pub(super) struct Template {
    process: Mutex<Process>,
    /// The media library, without the isolation, which each worker reports.
    pub(super) info: WorkerInfo,
}

struct Process {
    child: Child,
    socket: UnixStream,
    /// Whether it died or broke the protocol.
    broken: bool,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a worker runs.
pub(super) enum WorkerState {
    Running,
    Ended(ExitStatus),
    /// The template does not answer.
    Unknown,
}

impl Template {
    /// Starts a template and receives its hello.
    ///
    /// The system kills it when the calling thread exits.
    pub(super) fn start(
        program: &Path,
        timeouts: &WorkerTimeouts,
        devices: bool,
        isolation: Isolation,
        purpose: Purpose,
    ) -> Result<Template, JobError> {
        let path = program.display();
        let failed = |error: io::Error| {
            JobError::Unavailable(format!(
                "cannot start media worker {path}: {error}; set GREENLIT_WORKER to the path of greenlit-worker"
            ))
        };
        let (socket, child_socket) = UnixStream::pair().map_err(failed)?;
        let child = Command::new(program)
            .arg(WORKER_ARG)
            .args(devices.then_some(DEVICES_ARG))
            .args((isolation == Isolation::Off).then_some(OPEN_ARG))
            .args((purpose == Purpose::Probes).then_some(PROBES_ARG))
            .env_clear()
            // The loader cannot look for symbols in libraries that are gone.
            .envs((purpose == Purpose::Probes).then_some(("LD_BIND_NOW", "1")))
            // Ctrl-C in the terminal must reach only the parent, which then cancels the jobs.
            .process_group(0)
            .stdin(Stdio::from(OwnedFd::from(child_socket)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        let mut process = Process { child, socket, broken: false };
        process.socket.set_read_timeout(Some(timeouts.start)).map_err(failed)?;
        process.socket.set_write_timeout(Some(ANSWER_TIMEOUT)).map_err(failed)?;
        let info = match receive(&process.socket) {
            Ok((TemplateReply::Hello(theirs, info), _)) if theirs == version() => *info,
            Ok((TemplateReply::Hello(theirs, _), _)) => {
                let (ours, theirs) = (version(), theirs.escape_debug());
                return Err(JobError::Unavailable(format!(
                    "{path} has version {theirs}, greenlit has version {ours}: install both from the same release"
                )));
            }
            Err(error) if error.kind() != io::ErrorKind::Other => {
                let reason = process.explain(&error, timeouts.start);
                let text = format!("{path} did not start as a media worker: {reason}");
                return Err(JobError::Unavailable(text));
            }
            // A message of something else.
            Ok(_) | Err(_) => {
                return Err(JobError::Unavailable(format!("{path} is not a greenlit media worker")));
            }
        };
        process.socket.set_read_timeout(Some(ANSWER_TIMEOUT)).map_err(failed)?;
        Ok(Template { process: Mutex::new(process), info })
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether it can fork no more workers.
    pub(super) fn is_broken(&self) -> bool {
        self.process().broken
    }

    /// Forks a worker with this socket. Returns its process id.
    ///
    /// # Errors
    ///
    /// The reason. If the template is not broken, another attempt would fail for the same reason.
    pub(super) fn fork(&self, socket: &UnixStream) -> Result<Pid, String> {
        let mut process = self.process();
        match process.ask(&TemplateRequest::Fork, &[socket.as_fd()]) {
            Some(TemplateReply::Forked { pid }) if pid > 0 => Pid::from_raw(pid)
                .ok_or_else(|| "the template of the media workers forked nothing".to_owned()),
            Some(TemplateReply::Refused(reason)) => {
                Err(format!("the template of the media workers cannot start one: {reason}"))
            }
            _ => {
                process.break_off();
                Err("the template of the media workers has died".to_owned())
            }
        }
    }

    /// Kills a worker and waits until it has ended.
    pub(super) fn end(&self, pid: Pid) -> WorkerState {
        self.state_after(&TemplateRequest::End { pid: pid.as_raw_nonzero().get() })
    }

    /// Returns whether a worker runs.
    pub(super) fn status(&self, pid: Pid) -> WorkerState {
        self.state_after(&TemplateRequest::Status { pid: pid.as_raw_nonzero().get() })
    }

    fn state_after(&self, request: &TemplateRequest) -> WorkerState {
        let mut process = self.process();
        match process.ask(request, &[]) {
            Some(TemplateReply::Ended { status }) => WorkerState::Ended(ExitStatus::from_raw(status)),
            Some(TemplateReply::Running) => WorkerState::Running,
            // Workers die with the template.
            _ => {
                process.break_off();
                WorkerState::Unknown
            }
        }
    }
}

impl Process {
    /// Sends a request and returns the answer; `None` when it gives none.
    fn ask(
        &mut self,
        request: &TemplateRequest,
        files: &[std::os::fd::BorrowedFd<'_>],
    ) -> Option<TemplateReply> {
        if self.broken {
            return None;
        }
        let answer = send(&self.socket, request, files).and_then(|()| receive(&self.socket));
        answer.ok().map(|(reply, _)| reply)
    }

    /// Kills the template, which died or answered something else than it was asked.
    fn break_off(&mut self) {
        self.broken = true;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Explains why a template said nothing.
    fn explain(&mut self, error: &io::Error, waited: Duration) -> String {
        if error.kind() != io::ErrorKind::UnexpectedEof {
            return format!("media worker stalled (no progress for {} s)", waited.as_secs_f64());
        }
        let since = Instant::now();
        let mut status = self.child.try_wait().ok().flatten();
        while status.is_none() && since.elapsed() < EXIT_WAIT {
            std::thread::sleep(TICK / 10);
            status = self.child.try_wait().ok().flatten();
        }
        let reason = status.map(|status| format!(" ({})", super::exit_status::describe_exit(status)));
        format!("media worker exited{}", reason.unwrap_or_default())
    }
}
