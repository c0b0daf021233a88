//! The system calls that a worker may not use.
//!
//! A deny list, not an allow list: codecs and libc need other calls from version to version, and a call
//! missing from an allow list would look like a broken file. Denied calls fail with EPERM, so that a
//! library can continue without them.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter_all_threads,
};

/// Calls with the same number on every architecture: those added after Linux 5.0.
mod common {
    /// Reported as unknown (ENOSYS), so that libc falls back to `clone`, whose flags a filter can check.
    pub(super) const CLONE3: i64 = 435;
    /// pidfd_send_signal, io_uring_*, the mount calls, pidfd_open, openat2, pidfd_getfd.
    pub(super) const REFUSED: [i64; 13] = [424, 425, 426, 427, 428, 429, 430, 431, 432, 433, 434, 437, 438];
}

#[cfg(target_arch = "x86_64")]
mod arch {
    use super::TargetArch;

    pub(super) const TARGET: TargetArch = TargetArch::x86_64;
    pub(super) const OPEN: &[i64] = &[2, 257];
    pub(super) const CLONE: i64 = 56;
    pub(super) const PRLIMIT: i64 = 302;
    pub(super) const REFUSED: &[i64] = &[
        2, 85, 257, 303, 304, // open, creat, openat, name_to_handle_at, open_by_handle_at
        41, 42, 43, 49, 50, 53, 288, // socket, connect, accept, bind, listen, socketpair, accept4
        57, 58, 59, 322, // fork, vfork, execve, execveat
        101, 310, 311, 62, 129, 297, // ptrace, process_vm_*, kill, rt_sigqueueinfo, rt_tgsigqueueinfo
        76, 82, 83, 84, 86, 87, 88, 90, 92, 94,
        133, // truncate, rename … mknod: names in the file system
        258, 259, 260, 263, 264, 265, 266, 268, 316, // the same, relative to a folder
        135, 154, 155, 160, 161, 165,
        166, // personality, modify_ldt, pivot_root, setrlimit, chroot, mount
        175, 246, 248, 249, 250, 272, 298, // modules, kexec, keys, unshare, perf_event_open
        308, 313, 321, 323, // setns, finit_module, bpf, userfaultfd
    ];
    /// The bit of the x32 calls, which count as x86-64 and would bypass the list.
    pub(super) const ALIAS: Option<i64> = Some(0x4000_0000);
}

#[cfg(target_arch = "aarch64")]
mod arch {
    use super::TargetArch;

    pub(super) const TARGET: TargetArch = TargetArch::aarch64;
    pub(super) const OPEN: &[i64] = &[56];
    pub(super) const CLONE: i64 = 220;
    pub(super) const PRLIMIT: i64 = 261;
    pub(super) const REFUSED: &[i64] = &[
        56, 264, 265, // openat, name_to_handle_at, open_by_handle_at
        198, 199, 200, 201, 202, 203, 242, // socket, socketpair, bind, listen, accept, connect, accept4
        221, 281, // execve, execveat
        117, 270, 271, 129, 138, 240, // ptrace, process_vm_*, kill, rt_sigqueueinfo, rt_tgsigqueueinfo
        33, 34, 35, 36, 37, 38, 45, 53, 54, 276, // mknodat … renameat2: names in the file system
        39, 40, 41, 51, 92, 164, // umount2, mount, pivot_root, chroot, personality, setrlimit
        97, 104, 105, 217, 218, 219, 241, // unshare, kexec, modules, keys, perf_event_open
        268, 273, 280, 282, // setns, finit_module, bpf, userfaultfd
    ];
    pub(super) const ALIAS: Option<i64> = None;
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) fn apply(devices: bool) -> Result<(), String> {
    // Two filters, because each has a single error number; the kernel applies both.
    load([(common::CLONE3, vec![])].into(), rustix::io::Errno::NOSYS)?;
    load(refused(devices).map_err(|error| error.to_string())?, rustix::io::Errno::PERM)
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) fn apply(_devices: bool) -> Result<(), String> {
    Err("no list of system calls for this processor".into())
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn refused(devices: bool) -> Result<Rules, seccompiler::BackendError> {
    const CLONE_THREAD: u64 = 0x1_0000;
    let mut rules: Rules = arch::REFUSED.iter().chain(&common::REFUSED).map(|call| (*call, vec![])).collect();
    if devices {
        // Landlock then decides which files may be opened.
        arch::OPEN.iter().for_each(|call| drop(rules.remove(call)));
    }
    // Allow only threads, which codecs need, and no new processes.
    let process = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(CLONE_THREAD), 0)?;
    rules.insert(arch::CLONE, vec![SeccompRule::new(vec![process])?]);
    // The worker may read its limits, but only the parent sets them.
    let sets = SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0)?;
    rules.insert(arch::PRLIMIT, vec![SeccompRule::new(vec![sets])?]);
    if let Some(bit) = arch::ALIAS {
        let mut aliases: Rules = rules.keys().map(|call| (call | bit, vec![])).collect();
        // Calls with their own x32 numbers, execve and ptrace among them.
        aliases.extend((512..=547).map(|call| (call | bit, vec![])));
        rules.extend(aliases);
    }
    Ok(rules)
}

fn load(rules: Rules, errno: rustix::io::Errno) -> Result<(), String> {
    let action = SeccompAction::Errno(errno.raw_os_error() as u32);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, action, arch::TARGET);
    let program: BpfProgram = filter.and_then(BpfProgram::try_from).map_err(|error| error.to_string())?;
    apply_filter_all_threads(&program).map_err(|error| error.to_string())
}
