//! Gives up every right that a job does not need, as far as the system lets us.

use crate::job::WorkerInfo;

/// Descriptors a worker may hold: its line, two files, and a few more of the same files.
const MAX_DESCRIPTORS: u64 = 64;

/// Shuts the doors and writes down which ones closed.
///
/// Has to run while the process has a single thread: Landlock binds only the calling one and those
/// that it starts later.
///
/// With `devices`, those of graphics cards may be opened, and what their drivers read: libraries and
/// descriptions of the system. Still nothing of a user, no other file written, no network, no program.
pub(super) fn lock_down(isolation: &mut WorkerInfo, devices: bool) {
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
        note("landlock", linux::landlock(devices));
        note("seccomp", super::seccomp::apply(devices));
    }
    #[cfg(not(target_os = "linux"))]
    for what in ["landlock", "seccomp"] {
        note(what, Err("only on Linux".into()));
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::path::PathBuf;

    use landlock::{
        ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
        path_beneath_rules,
    };

    /// What a driver of a graphics card reads. Of other processes nothing: their environments hold secrets.
    const READ: [&str; 13] = [
        "/usr",
        "/lib",
        "/lib64",
        "/sys/class",
        "/sys/dev",
        "/sys/devices",
        "/etc/ld.so.cache",
        "/etc/drirc",
        "/etc/nvidia",
        "/proc/self",
        "/proc/driver",
        "/proc/devices",
        "/proc/modules",
    ];
    /// What it opens to speak with the card.
    const OPEN: [&str; 1] = ["/dev/dri"];

    /// The nodes of graphics cards that are there.
    fn cards() -> Vec<PathBuf> {
        let nodes = std::fs::read_dir("/dev").into_iter().flatten().flatten().map(|node| node.path());
        let nvidia = nodes.filter(|path| path.to_string_lossy().starts_with("/dev/nvidia"));
        OPEN.iter().map(PathBuf::from).chain(nvidia).collect()
    }

    /// No access to any file by name, and no TCP.
    pub(super) fn landlock(devices: bool) -> Result<(), String> {
        let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
        if threads != 1 {
            return Err(format!("{threads} threads run already"));
        }
        let status = Ruleset::default()
            .handle_access(AccessFs::from_all(ABI::V5))
            .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(ABI::V5)))
            .and_then(|ruleset| ruleset.create())
            .and_then(|ruleset| {
                if !devices {
                    return Ok(ruleset);
                }
                let read = path_beneath_rules(READ, AccessFs::from_read(ABI::V5));
                let open = path_beneath_rules(cards(), AccessFs::from_all(ABI::V5));
                ruleset.add_rules(read)?.add_rules(open)
            })
            .and_then(|ruleset| ruleset.restrict_self())
            .map_err(|error| error.to_string())?;
        if status.ruleset == RulesetStatus::NotEnforced { Err("not in this kernel".into()) } else { Ok(()) }
    }
}
