//! Drops every privilege that a job does not need, as far as the system supports it.

use crate::job::WorkerInfo;

/// Descriptors a worker may hold: its sockets, the files of a batch of jobs, and duplicates of them.
const MAX_DESCRIPTORS: u64 = 64;

/// Restricts this process and records in `info` which restrictions are in force.
///
/// Must run while the process has a single thread: Landlock restricts only the calling thread and those
/// that it starts later.
///
/// With `devices`, the process may open graphics devices and the files that their drivers read: libraries
/// and descriptions of the system. It still cannot read user files, write other files, use the network or
/// run programs.
pub(super) fn lock_down(info: &mut WorkerInfo, devices: bool) {
    use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};
    let mut record = |what: &str, result: Result<(), String>| match result {
        Ok(()) => info.in_force.push(what.to_owned()),
        Err(reason) => info.refused.push(format!("{what}: {reason}")),
    };
    let limit = |resource, value| {
        let limit = Rlimit { current: Some(value), maximum: Some(value) };
        setrlimit(resource, limit).map_err(|error| error.to_string())
    };
    let death_signal = set_parent_process_death_signal(Some(Signal::KILL));
    record("parent-death-signal", death_signal.map_err(|error| error.to_string()));
    record("no-core-dump", limit(Resource::Core, 0));
    record("rlimit-nofile", limit(Resource::Nofile, MAX_DESCRIPTORS));
    record("no-new-privileges", rustix::thread::set_no_new_privs(true).map_err(|error| error.to_string()));
    #[cfg(target_os = "linux")]
    {
        record("landlock", linux::landlock(devices));
        record("seccomp", super::seccomp::apply(devices));
    }
    #[cfg(not(target_os = "linux"))]
    for what in ["landlock", "seccomp"] {
        record(what, Err("available only on Linux".into()));
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::path::PathBuf;

    use landlock::{
        ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
        path_beneath_rules,
    };

    /// Paths that graphics drivers read. Nothing of other processes: their environments hold secrets.
    const READ_PATHS: [&str; 13] = [
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
    /// Device folders that they open.
    const DEVICE_PATHS: [&str; 1] = ["/dev/dri"];

    /// Returns the device nodes of the graphics cards of this machine.
    fn graphics_devices() -> Vec<PathBuf> {
        let nodes = std::fs::read_dir("/dev").into_iter().flatten().flatten().map(|node| node.path());
        let nvidia = nodes.filter(|path| path.to_string_lossy().starts_with("/dev/nvidia"));
        DEVICE_PATHS.iter().map(PathBuf::from).chain(nvidia).collect()
    }

    /// Forbids access to any file by path, and TCP.
    pub(super) fn landlock(devices: bool) -> Result<(), String> {
        let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
        if threads != 1 {
            return Err(format!("{threads} threads are already running"));
        }
        let status = Ruleset::default()
            .handle_access(AccessFs::from_all(ABI::V5))
            .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(ABI::V5)))
            .and_then(|ruleset| ruleset.create())
            .and_then(|ruleset| {
                if !devices {
                    return Ok(ruleset);
                }
                let read = path_beneath_rules(READ_PATHS, AccessFs::from_read(ABI::V5));
                let open = path_beneath_rules(graphics_devices(), AccessFs::from_all(ABI::V5));
                ruleset.add_rules(read)?.add_rules(open)
            })
            .and_then(|ruleset| ruleset.restrict_self())
            .map_err(|error| error.to_string())?;
        if status.ruleset == RulesetStatus::NotEnforced {
            Err("not supported by this kernel".into())
        } else {
            Ok(())
        }
    }
}
