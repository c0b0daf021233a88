//! The filter of system calls: an allow-list with checked arguments ([`super::syscalls`]).
//!
//! Refused calls fail with EPERM and unknown ones with ENOSYS, so that another libc or FFmpeg goes on without
//! them. The filter cannot read the strings behind pointers; therefore no call that takes a path is allowed,
//! not even one that only looks at metadata, and the worker asks for sizes with the plain `fstat`.

use std::collections::BTreeMap;

use rustix::io::Errno;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter_all_threads, sock_filter,
};

use super::syscalls::{CallTable, LAST_KNOWN};

#[cfg(target_arch = "x86_64")]
mod arch {
    pub(super) use crate::worker::syscalls::X86_64 as CALLS;
    pub(super) const TARGET: seccompiler::TargetArch = seccompiler::TargetArch::x86_64;
}

#[cfg(target_arch = "aarch64")]
mod arch {
    pub(super) use crate::worker::syscalls::AARCH64 as CALLS;
    pub(super) const TARGET: seccompiler::TargetArch = seccompiler::TargetArch::aarch64;
}

/// Restricts all threads of this process for good.
///
/// With `devices`, adds what the drivers of hardware encoders need.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) fn apply(devices: bool) -> Result<(), String> {
    let own = rustix::process::getpid().as_raw_nonzero().get();
    let program = program(&arch::CALLS, arch::TARGET, own, devices).map_err(|error| error.to_string())?;
    apply_filter_all_threads(&program).map_err(|error| error.to_string())
}

/// There is no table for this processor.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) fn apply(_devices: bool) -> Result<(), String> {
    Err("no list of system calls for this processor".into())
}

/// Builds the filter for a process with the id `own`.
#[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code))]
fn program(
    calls: &CallTable,
    target: TargetArch,
    own: i32,
    devices: bool,
) -> Result<BpfProgram, BackendError> {
    let refused = SeccompAction::Errno(Errno::PERM.raw_os_error() as u32);
    let rules = rules(calls, own as u32, devices)?;
    let filter = SeccompFilter::new(rules, refused, SeccompAction::Allow, target)?;
    // Both parts load what they test; jumps are relative, so one can precede the other.
    let mut program = unknown_calls(&calls.unknown(devices), calls.checked.sched_getaffinity, own as u32);
    program.append(&mut BpfProgram::try_from(filter)?);
    Ok(program)
}

/// Returns instructions that answer ENOSYS and let everything else pass to what follows them: for `unknown`, for
/// numbers after [`LAST_KNOWN`], and for `affinity` of another thread or process than `own`. libc reads the
/// affinity of each thread whose attributes are asked for, and only this answer tells it to go on without.
///
/// The architecture is checked after it; in this order a foreign one is not let through either.
fn unknown_calls(unknown: &[i64], affinity: i64, own: u32) -> BpfProgram {
    // Linux's classic BPF: BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JGT|BPF_K, BPF_JMP|BPF_JEQ|BPF_K, BPF_RET|BPF_K.
    const LOAD: u16 = 0x20;
    const JUMP_GREATER: u16 = 0x25;
    const JUMP_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    /// `SECCOMP_RET_ERRNO`.
    const RETURN_ERRNO: u32 = 0x0005_0000;
    /// Where `struct seccomp_data` holds the number and the low half of the first argument.
    const NUMBER: u32 = 0;
    const FIRST_ARGUMENT: u32 = 16;
    let instruction = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    let mut program = vec![instruction(LOAD, 0, 0, NUMBER)];
    // The last instruction returns; a jump of 0 goes on with the next one, so each counts what lies between.
    let tests_after = |done: usize| (unknown.len() - done + 4) as u8;
    program.push(instruction(JUMP_GREATER, tests_after(0), 0, LAST_KNOWN as u32));
    for (index, call) in unknown.iter().enumerate() {
        program.push(instruction(JUMP_EQUAL, tests_after(index + 1), 0, *call as u32));
    }
    program.extend([
        instruction(JUMP_EQUAL, 0, 4, affinity as u32),
        instruction(LOAD, 0, 0, FIRST_ARGUMENT),
        instruction(JUMP_EQUAL, 2, 0, 0),
        instruction(JUMP_EQUAL, 1, 0, own),
        instruction(RETURN, 0, 0, RETURN_ERRNO | Errno::NOSYS.raw_os_error() as u32),
    ]);
    program
}

/// The calls with the conditions under which they are allowed; none means always.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn rules(calls: &CallTable, own: u32, devices: bool) -> Result<Rules, BackendError> {
    use SeccompCmpArgLen::{Dword, Qword};
    use SeccompCmpOp::{Eq, Le, MaskedEq};
    let mut rules: Rules = calls.allowed.iter().map(|(_, call)| (*call, Vec::new())).collect();
    let any_of = |conditions: Vec<SeccompCondition>| -> Result<Vec<SeccompRule>, BackendError> {
        conditions.into_iter().map(|condition| SeccompRule::new(vec![condition])).collect()
    };
    let equals = |argument, values: &[u32]| -> Result<Vec<SeccompRule>, BackendError> {
        let of = |value: &u32| SeccompCondition::new(argument, Dword, Eq, u64::from(*value));
        any_of(values.iter().map(of).collect::<Result<_, _>>()?)
    };
    let checked = calls.checked;
    if devices {
        // Landlock decides which files a driver may open. It loads libraries, so memory may become executable.
        rules.extend(calls.drivers.iter().map(|(_, call)| (*call, Vec::new())));
        rules.extend([calls.statx, checked.mmap, checked.mprotect].map(|call| (call, Vec::new())));
    } else {
        const PROT_EXEC: u64 = 4;
        for call in [checked.mmap, checked.mprotect] {
            rules.insert(call, any_of(vec![SeccompCondition::new(2, Qword, MaskedEq(PROT_EXEC), 0)?])?);
        }
    }
    // The flags of pthread_create; musl adds the bit 0x40_0000. A process has other flags, and so has a namespace.
    const THREAD: u64 = 0x3d_0f00;
    const ANY_BIT_BUT_MUSLS: u64 = !0x40_0000;
    let thread = SeccompCondition::new(0, Qword, MaskedEq(ANY_BIT_BUT_MUSLS), THREAD)?;
    rules.insert(checked.clone, any_of(vec![thread])?);
    // F_GETFD, F_GETFL, F_DUPFD_CLOEXEC; of the others some send signals or change what the parent shares.
    const F_SETFL: u32 = 4;
    let commands: &[u32] = if devices { &[0, 1, 2, 3, F_SETFL, 1030, 1033, 1034] } else { &[1, 3, 1030] };
    rules.insert(checked.fcntl, equals(1, commands)?);
    // Signals only to itself, as abort() sends them.
    rules.insert(checked.tgkill, equals(0, &[own])?);
    // PR_SET_NAME, PR_GET_NAME.
    rules.insert(checked.prctl, equals(0, &[15, 16])?);
    // Reads its own limits; only the parent sets them.
    let own_limit = |pid: u32| {
        SeccompRule::new(vec![
            SeccompCondition::new(0, Dword, Eq, u64::from(pid))?,
            SeccompCondition::new(2, Qword, Eq, 0)?,
        ])
    };
    rules.insert(checked.prlimit64, vec![own_limit(0)?, own_limit(own)?]);
    rules.insert(checked.sched_getaffinity, equals(0, &[0, own])?);
    // Fixed clocks; the numbers of other processes' clocks are negative.
    const CLOCK_TAI: u64 = 11;
    for call in [checked.clock_gettime, checked.clock_getres, checked.clock_nanosleep] {
        rules.insert(call, any_of(vec![SeccompCondition::new(0, Dword, Le, CLOCK_TAI)?])?);
    }
    Ok(rules)
}

#[cfg(test)]
pub(super) mod tests;
