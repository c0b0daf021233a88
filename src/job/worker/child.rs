//! The worker's side: shut the doors, then do one job after the other.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use super::wire::{Reply, Request, receive, send};
use crate::job::{Isolation, JobError, JobFiles};

/// What runs a job; given by the binary so that this module knows no media library.
pub type Execute = fn(
    &crate::job::Job,
    JobFiles,
    &str,
    std::sync::Arc<std::sync::atomic::AtomicBool>,
    &mut dyn FnMut(crate::job::Progress),
) -> Result<crate::job::JobOutput, JobError>;

/// Serves the parent on standard input until it hangs up; `false` when there is no parent.
pub fn serve(mut isolation: Isolation, execute: Execute) -> bool {
    let Ok(stdin) = std::io::stdin().as_fd().try_clone_to_owned() else { return false };
    if rustix::net::sockopt::socket_type(&stdin).is_err() {
        return false;
    }
    let parent = UnixStream::from(stdin);
    lock_down(&mut isolation);
    isolation.separate_process = true;
    if send(&parent, &Reply::Hello(super::version(), Box::new(isolation)), &[]).is_err() {
        return true;
    }
    while let Ok((request, files)) = receive::<Request>(&parent) {
        let mut files = files.into_iter().map(File::from);
        let result = match files.next() {
            None => Err(JobError::Io("no descriptor came with the job".into())),
            Some(input) => {
                let files = JobFiles { input, output: files.next() };
                execute(&request.job, files, &request.name, Default::default(), &mut |progress| {
                    let _ = send(&parent, &Reply::Progress(progress), &[]);
                })
            }
        };
        if send(&parent, &Reply::Done(Box::new(result)), &[]).is_err() {
            break;
        }
    }
    true
}

/// Gives up every right that a job does not need, as far as the system lets us.
fn lock_down(isolation: &mut Isolation) {
    let mut note = |what: &str, result: Result<(), String>| match result {
        Ok(()) => isolation.in_force.push(what.to_owned()),
        Err(reason) => isolation.refused.push(format!("{what}: {reason}")),
    };
    let death = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    note("parent-death-signal", death.map_err(|e| e.to_string()));
    let core = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    let core = rustix::process::setrlimit(rustix::process::Resource::Core, core);
    note("no-core-dump", core.map_err(|e| e.to_string()));
    note("no-new-privileges", rustix::thread::set_no_new_privs(true).map_err(|e| e.to_string()));
    #[cfg(target_os = "linux")]
    {
        note("landlock", landlock());
        note("seccomp", seccomp());
    }
}

#[cfg(target_os = "linux")]
fn landlock() -> Result<(), String> {
    use landlock::{ABI, Access, AccessFs, Ruleset, RulesetAttr, RulesetStatus};
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V4))
        .and_then(|ruleset| ruleset.create())
        .and_then(|ruleset| ruleset.restrict_self())
        .map_err(|error| error.to_string())?;
    if status.ruleset == RulesetStatus::NotEnforced { Err("not in this kernel".into()) } else { Ok(()) }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn seccomp() -> Result<(), String> {
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
        SeccompRule, TargetArch,
    };
    // open, socket, connect, bind, fork, vfork, execve, ptrace, openat, execveat, io_uring_setup, openat2
    let mut rules: std::collections::BTreeMap<i64, Vec<SeccompRule>> =
        [2, 41, 42, 49, 57, 58, 59, 101, 257, 322, 425, 437].map(|call| (call, vec![])).into();
    // clone without CLONE_VM is fork; with it, a thread, which decoders need.
    let fork = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(0x100), 0)
        .and_then(|condition| SeccompRule::new(vec![condition]));
    rules.insert(56, vec![fork.map_err(|e| e.to_string())?]);
    let refuse = SeccompAction::Errno(rustix::io::Errno::PERM.raw_os_error() as u32);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, TargetArch::x86_64);
    let program: BpfProgram = filter.and_then(BpfProgram::try_from).map_err(|error| error.to_string())?;
    seccompiler::apply_filter(&program).map_err(|error| error.to_string())
}

#[cfg(all(target_os = "linux", not(target_arch = "x86_64")))]
fn seccomp() -> Result<(), String> {
    Err("no list of calls for this processor".into())
}
