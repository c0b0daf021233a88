//! Drops every privilege that a job does not need, as far as the system supports it.

use super::barrier::Barrier;
use super::raw::ignore_signal;
use crate::job::WorkerInfo;

/// Descriptors a worker may hold: its socket, the files of its job, duplicates of them, and devices.
const MAX_DESCRIPTORS: u64 = 64;

/// A worker's share of being ended when memory runs out: well before the parent (0) and ordinary programs.
const OOM_SCORE: i32 = 500;
/// Threads of the user without privileges, over all workers; a codec starts several per processor.
#[cfg(target_os = "linux")]
const MAX_THREADS: u64 = 8192;

/// The user and group without rights, by convention on every Linux system.
#[cfg(target_os = "linux")]
pub(super) const UNPRIVILEGED: u32 = 65_534;

/// How a worker is locked down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Confinement {
    /// It may open graphics devices and the files that their drivers read.
    pub(super) devices: bool,
    /// It keeps access to files, processes and the network ([`super::Isolation::Off`]).
    pub(super) open: bool,
}

/// Records which barriers are in force.
struct Recorder<'a>(&'a mut WorkerInfo);

impl Recorder<'_> {
    fn record<E: ToString>(&mut self, barrier: Barrier, result: Result<(), E>) {
        match result {
            Ok(()) => self.0.in_force.push(barrier.name().to_owned()),
            Err(reason) => self.0.refused.push(format!("{}: {}", barrier.name(), reason.to_string())),
        }
    }
}

/// Restricts this process and records in `info` which restrictions are in force.
///
/// Must run while the process has a single thread: Landlock, identity and capabilities concern only the calling
/// thread and those that it starts later.
///
/// With `devices`, the process may open graphics devices and the files that their drivers read: libraries
/// and descriptions of the system. It still cannot read user files, write other files, use the network or
/// run programs.
pub(super) fn lock_down(info: &mut WorkerInfo, confinement: Confinement) {
    use rustix::process::{Resource, Signal, set_parent_process_death_signal};
    let mut recorder = Recorder(info);
    recorder.record(Barrier::OomScore, raise_oom_score());
    recorder.record(Barrier::NoCoreDump, limit(Resource::Core, 0));
    recorder.record(Barrier::RlimitNofile, limit(Resource::Nofile, MAX_DESCRIPTORS));
    #[cfg(target_os = "linux")]
    recorder.record(Barrier::RlimitMsgqueue, limit(Resource::Msgqueue, 0));
    // A write beyond the limit of the file size then fails instead of ending the process; if this is refused, it
    // ends it, which costs a file.
    let _ = ignore_signal(Signal::XFSZ);
    if confinement.open {
        let off = || Err::<(), _>("switched off by --isolation off");
        for barrier in
            [Barrier::UnprivilegedUser, Barrier::NoCapabilities, Barrier::Landlock, Barrier::Seccomp]
        {
            recorder.record(barrier, off());
        }
        recorder.record(Barrier::ParentDeathSignal, set_parent_process_death_signal(Some(Signal::KILL)));
        recorder.record(Barrier::NoNewPrivileges, rustix::thread::set_no_new_privs(true));
        return;
    }
    #[cfg(target_os = "linux")]
    {
        recorder.record(Barrier::UnprivilegedUser, linux::become_unprivileged(confinement.devices));
        recorder.record(Barrier::NoCapabilities, linux::drop_capabilities());
    }
    // After the change of the user, which resets it.
    recorder.record(Barrier::ParentDeathSignal, set_parent_process_death_signal(Some(Signal::KILL)));
    recorder.record(Barrier::NoNewPrivileges, rustix::thread::set_no_new_privs(true));
    #[cfg(target_os = "linux")]
    {
        let landlock = linux::landlock(confinement.devices).map(|abi| recorder.0.landlock_abi = Some(abi));
        recorder.record(Barrier::Landlock, landlock);
        if let Some(partial) = recorder.0.landlock_abi.and_then(linux::describe_partial) {
            recorder.0.refused.push(partial);
        }
        recorder.record(Barrier::Seccomp, super::seccomp::apply(confinement.devices));
    }
    #[cfg(not(target_os = "linux"))]
    for barrier in [Barrier::NoCapabilities, Barrier::Landlock, Barrier::Seccomp] {
        recorder.record(barrier, Err("available only on Linux"));
    }
}

/// Takes from the template what its workers do not need from it: it keeps the user, the files it could open, and of the
/// privileges of root those to give a worker another user and to end it. What cannot be taken stays; a worker reports
/// what it lacks itself.
pub(super) fn restrict_template(confinement: Confinement) {
    use rustix::process::{Resource, Signal, set_parent_process_death_signal};
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    let _ = limit(Resource::Core, 0);
    if confinement.open {
        return;
    }
    let _ = rustix::thread::set_no_new_privs(true);
    #[cfg(target_os = "linux")]
    linux::keep_control_of_workers();
}

/// Sets a limit for good.
fn limit(resource: rustix::process::Resource, value: u64) -> Result<(), rustix::io::Errno> {
    use rustix::process::{Rlimit, setrlimit};
    setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) })
}

/// Makes the system end this process before others when memory runs out.
fn raise_oom_score() -> std::io::Result<()> {
    let path = "/proc/self/oom_score_adj";
    let current = std::fs::read_to_string(path)?;
    // Only root may lower it again.
    if current.trim().parse().is_ok_and(|score: i32| score >= OOM_SCORE) {
        return Ok(());
    }
    std::fs::write(path, OOM_SCORE.to_string())
}

#[cfg(target_os = "linux")]
mod linux {
    use std::path::PathBuf;

    use landlock::{
        ABI, Access, AccessFs, AccessNet, LandlockStatus, Ruleset, RulesetAttr, RulesetCreatedAttr,
        RulesetStatus, Scope, path_beneath_rules,
    };
    use rustix::process::{Gid, Resource, Uid, geteuid, getuid};
    use rustix::thread::{
        CapabilitiesSecureBits, CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set,
        clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
        set_capabilities_secure_bits, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
    };

    /// The newest version of Landlock whose restrictions greenlit knows; an older kernel applies what it has.
    const NEWEST: ABI = ABI::V10;

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

    /// The capabilities that root needs to make a worker of another user, to set its limits and to end it.
    const KEEPS_CONTROL: [(CapabilitySet, &str); 3] = [
        (CapabilitySet::SETUID, "CAP_SETUID"),
        (CapabilitySet::SETGID, "CAP_SETGID"),
        (CapabilitySet::KILL, "CAP_KILL"),
    ];

    /// Gives up the identity of root. Files that are open stay usable.
    pub(super) fn become_unprivileged(devices: bool) -> Result<(), String> {
        if !getuid().is_root() && !geteuid().is_root() {
            return Ok(());
        }
        if devices {
            return Err("a worker for a hardware encoder stays the user who may open the device".into());
        }
        let own = capabilities(None).map_err(|error| error.to_string())?.effective;
        let missing: Vec<&str> =
            KEEPS_CONTROL.iter().filter(|(set, _)| !own.contains(*set)).map(|(_, name)| *name).collect();
        if !missing.is_empty() {
            return Err(format!(
                "it stays root without capabilities, because this root lacks {} to limit and end a worker of \
                 another user",
                missing.join(", ")
            ));
        }
        let (user, group) = (Uid::from_raw(super::UNPRIVILEGED), Gid::from_raw(super::UNPRIVILEGED));
        // Each concerns this thread, the only one.
        set_thread_groups(&[])
            .and_then(|()| set_thread_res_gid(group, group, group))
            .and_then(|()| {
                // While this root may still do it: without a setting of privileges for later programs.
                clear_bounding_set();
                set_thread_res_uid(user, user, user)
            })
            .map_err(|error| format!("it stays root without capabilities: {error}"))?;
        super::limit(Resource::Nproc, super::MAX_THREADS).map_err(|error| error.to_string())
    }

    /// Drops every capability but those that make and end a worker of another user. The bounding set is emptied here,
    /// once for all workers.
    pub(super) fn keep_control_of_workers() {
        clear_bounding_set();
        let Ok(own) = capabilities(None) else { return };
        let _ = clear_ambient_capability_set();
        let needed = KEEPS_CONTROL.iter().fold(CapabilitySet::empty(), |all, (set, _)| all | *set);
        let kept = own.permitted & needed;
        let sets = CapabilitySets {
            effective: own.effective & kept,
            permitted: kept,
            inheritable: CapabilitySet::empty(),
        };
        let _ = set_capabilities(None, sets);
    }

    /// Drops every capability, also for programs that could be run later.
    pub(super) fn drop_capabilities() -> Result<(), String> {
        clear_bounding_set();
        // Systems before Linux 4.3 have no ambient set.
        let _ = clear_ambient_capability_set();
        let none = CapabilitySet::empty();
        let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
        set_capabilities(None, sets).map_err(|error| error.to_string())?;
        match capabilities(None) {
            Ok(left) if left == sets => Ok(()),
            Ok(left) => Err(format!("{:?} are left", left.permitted)),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Empties the bounding set and forbids root's privileges for later programs, as far as this process may.
    fn clear_bounding_set() {
        if !capabilities(None).is_ok_and(|own| own.effective.contains(CapabilitySet::SETPCAP)) {
            return;
        }
        for bit in 0..u64::BITS {
            let capability = CapabilitySet::from_bits_retain(1 << bit);
            match capability_is_in_bounding_set(capability) {
                Ok(true) => drop(remove_capability_from_bounding_set(capability)),
                Ok(false) => {}
                // The kernel knows no higher one.
                Err(_) => break,
            }
        }
        let bits = CapabilitiesSecureBits::NO_ROOT
            | CapabilitiesSecureBits::NO_ROOT_LOCKED
            | CapabilitiesSecureBits::KEEP_CAPS_LOCKED
            | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE
            | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED;
        let _ = set_capabilities_secure_bits(bits);
    }

    /// The ABI from which on Landlock restricts all that greenlit asks of it.
    const FULL_ABI: u32 = 6;

    /// Describes what Landlock of this ABI does not restrict; `None` if nothing is missing.
    pub(super) fn describe_partial(abi: u32) -> Option<String> {
        let missing: Vec<&str> = [
            (3, "truncation"),
            (4, "TCP"),
            (5, "control of devices"),
            (FULL_ABI, "signals and abstract sockets"),
        ]
        .into_iter()
        .filter(|(since, _)| abi < *since)
        .map(|(_, what)| what)
        .collect();
        (!missing.is_empty()).then(|| {
            format!(
                "landlock-in-full: partially enforced, ABI {abi} does not restrict {}; the system call filter \
                 refuses these",
                missing.join(", ")
            )
        })
    }

    /// Forbids access to any file by path, TCP, signals to other processes and their abstract sockets, as far
    /// as the kernel's version of Landlock can. Returns that version (ABI).
    pub(super) fn landlock(devices: bool) -> Result<u32, String> {
        let threads = super::super::threads::threads().unwrap_or(1);
        if threads != 1 {
            return Err(format!("{threads} threads are already running"));
        }
        let status = Ruleset::default()
            .handle_access(AccessFs::from_all(NEWEST))
            .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(NEWEST)))
            .and_then(|ruleset| ruleset.scope(Scope::from_all(NEWEST)))
            .and_then(|ruleset| ruleset.create())
            .and_then(|ruleset| {
                if !devices {
                    return Ok(ruleset);
                }
                let read = path_beneath_rules(READ_PATHS, AccessFs::from_read(NEWEST));
                let open = path_beneath_rules(graphics_devices(), AccessFs::from_all(NEWEST));
                ruleset.add_rules(read)?.add_rules(open)
            })
            .and_then(|ruleset| ruleset.restrict_self())
            .map_err(|error| error.to_string())?;
        match (status.ruleset, status.landlock) {
            (RulesetStatus::NotEnforced, _) => Err("not supported by this kernel".into()),
            (_, LandlockStatus::Available { effective_abi, kernel_abi }) => {
                Ok(kernel_abi.unwrap_or(effective_abi as i32).unsigned_abs())
            }
            (_, other) => Err(format!("{other:?}")),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::linux::describe_partial;

    #[test]
    fn an_old_landlock_is_described_as_partial() {
        assert_eq!(describe_partial(6), None);
        assert_eq!(describe_partial(9), None);
        let text = describe_partial(4).unwrap_or_default();
        assert!(text.contains("partially enforced, ABI 4") && text.contains("signals"), "{text}");
        assert!(!text.contains("TCP"), "{text}");
    }
}
