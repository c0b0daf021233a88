//! Gives up every right that a job does not need, as far as the system lets us.

use crate::job::Isolation;

/// Descriptors a worker may hold: its line, two files, and a few more of the same files.
const MAX_DESCRIPTORS: u64 = 64;

/// Shuts the doors and writes down which ones closed.
///
/// Has to run while the process has a single thread: Landlock binds only the calling one and those
/// that it starts later.
pub(super) fn lock_down(isolation: &mut Isolation) {
    use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};
    let mut note = |what: &str, result: Result<(), String>| match result {
        Ok(()) => isolation.in_force.push(what.to_owned()),
        Err(reason) => isolation.refused.push(format!("{what}: {reason}")),
    };
    let limit = |resource, value| {
        let limit = Rlimit { current: Some(value), maximum: Some(value) };
        setrlimit(resource, limit).map_err(|error| error.to_string())
    };
    let death = set_parent_process_death_signal(Some(Signal::KILL));
    note("parent-death-signal", death.map_err(|error| error.to_string()));
    note("no-core-dump", limit(Resource::Core, 0));
    note("rlimit-nofile", limit(Resource::Nofile, MAX_DESCRIPTORS));
    note("no-new-privileges", rustix::thread::set_no_new_privs(true).map_err(|error| error.to_string()));
    #[cfg(target_os = "linux")]
    {
        note("landlock", linux::landlock());
        note("seccomp", super::seccomp::apply());
    }
    #[cfg(not(target_os = "linux"))]
    for what in ["landlock", "seccomp"] {
        note(what, Err("only on Linux".into()));
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetStatus};

    /// No access to any file by name, and no TCP.
    pub(super) fn landlock() -> Result<(), String> {
        let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
        if threads != 1 {
            return Err(format!("{threads} threads run already"));
        }
        let status = Ruleset::default()
            .handle_access(AccessFs::from_all(ABI::V5))
            .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(ABI::V5)))
            .and_then(|ruleset| ruleset.create())
            .and_then(|ruleset| ruleset.restrict_self())
            .map_err(|error| error.to_string())?;
        if status.ruleset == RulesetStatus::NotEnforced { Err("not in this kernel".into()) } else { Ok(()) }
    }
}
