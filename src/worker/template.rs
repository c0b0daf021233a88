//! The template: a process that loads the media library, reads no media, and forks a worker whenever its parent
//! asks for one.
//!
//! A worker starts in a few milliseconds this way, so that each file can have its own. The template has one thread
//! and holds only the socket to its parent; the workers' sockets pass through it.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, waitpid};

use super::child::{Execute, serve_job};
use super::descriptors::close_inherited;
use super::lockdown::{Confinement, restrict_template};
use super::raw::{end_process, fork, fork_alone};
use super::threads::threads;
use super::wire::{TemplateReply, TemplateRequest, receive, send, version};
use crate::job::WorkerInfo;

/// The template's argument that permits its workers to open devices.
pub const DEVICES_ARG: &str = "--devices";
/// The template's argument that leaves its workers their access to files, processes and the network.
pub const OPEN_ARG: &str = "--not-isolated";
/// The template's argument for workers that only probe. The parent has every symbol bound at the start.
pub const PROBES_ARG: &str = "--probes";

/// The template's first argument, by which a program knows that it is started as one.
pub const WORKER_ARG: &str = "--greenlit-media-worker";

/// A parent that reads nothing for this long has exited or hangs.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Serves the parent on standard input until it hangs up; returns `false` when there is no parent.
///
/// Call it from the only thread of the process. `describe` may load libraries; afterwards neither this process nor
/// its workers can open anything more, except devices if `args` contain [`DEVICES_ARG`].
pub fn serve(args: &[String], describe: fn() -> WorkerInfo, execute: Execute) -> bool {
    let has = |arg: &str| args.iter().any(|given| given == arg);
    let confinement = Confinement { devices: has(DEVICES_ARG), open: has(OPEN_ARG) };
    // Each worker closes what it inherited once more, and reports a failure.
    let _ = close_inherited();
    let Ok(stdin) = io::stdin().as_fd().try_clone_to_owned() else { return false };
    if rustix::net::sockopt::socket_type(&stdin).is_err() {
        return false;
    }
    let parent = UnixStream::from(stdin);
    let mut info = describe();
    info.mapped_files = crate::job::mapped_file::of_this_process();
    restrict_template(confinement);
    let only_probes = has(PROBES_ARG);
    #[cfg(target_os = "linux")]
    if only_probes {
        super::unused_libraries::remove();
    }
    let hello = TemplateReply::Hello(version(), Box::new(info));
    if parent.set_write_timeout(Some(WRITE_TIMEOUT)).is_err() || send(&parent, &hello, &[]).is_err() {
        return true;
    }
    let mut template = Template { confinement, execute, only_probes, children: BTreeSet::new() };
    while let Ok((request, files)) = receive::<TemplateRequest>(&parent) {
        let reply = template.answer(request, files).unwrap_or_else(TemplateReply::Refused);
        if send(&parent, &reply, &[]).is_err() {
            break;
        }
    }
    if only_probes {
        // The handlers of libraries that are gone cannot run.
        end_process();
    }
    true
}

struct Template {
    confinement: Confinement,
    execute: Execute,
    /// Whether the libraries that no probe uses are gone.
    only_probes: bool,
    /// The workers that were not waited for yet. Their ids cannot belong to other processes.
    children: BTreeSet<i32>,
}

impl Template {
    fn answer(&mut self, request: TemplateRequest, files: Vec<OwnedFd>) -> Result<TemplateReply, String> {
        match request {
            TemplateRequest::Fork => self.fork(files),
            TemplateRequest::End { pid } => {
                let child = self.child(pid)?;
                // It may have ended by itself.
                let _ = kill_process(child, Signal::KILL);
                self.wait(child, WaitOptions::empty())
            }
            TemplateRequest::Status { pid } => self.wait(self.child(pid)?, WaitOptions::NOHANG),
        }
    }

    fn child(&self, pid: i32) -> Result<Pid, String> {
        let own = Pid::from_raw(pid).filter(|_| self.children.contains(&pid));
        own.ok_or_else(|| format!("process {pid} is not a worker of this template"))
    }

    fn wait(&mut self, child: Pid, options: WaitOptions) -> Result<TemplateReply, String> {
        match waitpid(Some(child), options) {
            Ok(None) => Ok(TemplateReply::Running),
            Ok(Some((_, status))) => {
                self.children.remove(&child.as_raw_nonzero().get());
                Ok(TemplateReply::Ended { status: status.as_raw() })
            }
            Err(error) => Err(format!("cannot wait for a worker: {error}")),
        }
    }

    /// Forks a worker, which runs its job and never returns from here.
    fn fork(&mut self, files: Vec<OwnedFd>) -> Result<TemplateReply, String> {
        let Ok([socket]) = <[OwnedFd; 1]>::try_from(files) else {
            return Err("the request for a worker came without its socket".into());
        };
        let threads = threads().map_err(|error| format!("cannot count its threads: {error}"))?;
        if threads != 1 {
            return Err(format!(
                "it has {threads} threads, and only a process with one can fork: a library started them when it \
                 was loaded"
            ));
        }
        let template = getpid();
        let forked = if self.only_probes { fork_alone() } else { fork() };
        match forked.map_err(|error| format!("cannot fork a worker: {error}"))? {
            None => self.become_worker(socket, template),
            Some(child) => {
                let pid = child.as_raw_nonzero().get();
                self.children.insert(pid);
                Ok(TemplateReply::Forked { pid })
            }
        }
    }

    /// Makes this process a worker: it keeps its socket and closes everything else, above all the socket over which
    /// the template is told what to do.
    fn become_worker(&self, socket: OwnedFd, template: Pid) -> ! {
        // Ctrl-C in the terminal must reach only the parent, which then cancels the jobs.
        let _ = rustix::process::setpgid(None, None);
        if rustix::stdio::dup2_stdin(&socket).is_ok() {
            // Closed by number; the destructors of the template's values never run here.
            std::mem::forget(socket);
            let _ = serve_job(self.confinement, close_inherited(), template, self.execute);
        }
        end_process()
    }
}
