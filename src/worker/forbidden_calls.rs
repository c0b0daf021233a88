//! System calls that a worker must not reach, one by one, for the self-test.
//!
//! Each has arguments that do nothing (null pointers, descriptors that are not open, unknown options), so that it
//! can be made anywhere: the answer of the kernel itself is another error than that of the filter.

use std::ffi::c_long;
use std::io;

use rustix::io::Errno;

use super::raw::system_call;

/// A call with its number on each processor; `None` where it does not exist.
#[derive(Clone, Copy)]
struct ForbiddenCall {
    class: &'static str,
    name: &'static str,
    x86_64: Option<c_long>,
    aarch64: Option<c_long>,
    arguments: [c_long; 5],
}

impl ForbiddenCall {
    fn arguments_for(&self, parent: i32) -> [c_long; 5] {
        self.arguments.map(|argument| if argument == PARENT { c_long::from(parent) } else { argument })
    }
}

/// No descriptor.
const CLOSED: c_long = -1;
/// The current folder, for calls that take one.
const HERE: c_long = -100;
/// An option that no call knows.
const UNKNOWN: c_long = 0x7f;

/// The process that started this one.
const PARENT: c_long = c_long::MIN;

const fn both(
    class: &'static str,
    name: &'static str,
    x86_64: c_long,
    aarch64: c_long,
    arguments: [c_long; 5],
) -> ForbiddenCall {
    ForbiddenCall { class, name, x86_64: Some(x86_64), aarch64: Some(aarch64), arguments }
}

const fn old(
    class: &'static str,
    name: &'static str,
    x86_64: c_long,
    arguments: [c_long; 5],
) -> ForbiddenCall {
    ForbiddenCall { class, name, x86_64: Some(x86_64), aarch64: None, arguments }
}

#[rustfmt::skip]
const CALLS: &[ForbiddenCall] = &[
    old("path", "open", 2, [0, 0, 0, 0, 0]),
    both("path", "openat", 257, 56, [HERE, 0, 0, 0, 0]),
    both("path", "openat2", 437, 437, [HERE, 0, 0, 0, 0]),
    old("path", "stat", 4, [0, 0, 0, 0, 0]),
    both("path", "newfstatat", 262, 79, [HERE, 0, 0, 0, 0]),
    both("path", "statx", 332, 291, [HERE, 0, 0, 0, 0]),
    both("path", "faccessat", 269, 48, [HERE, 0, 0, 0, 0]),
    both("path", "readlinkat", 267, 78, [HERE, 0, 0, 1, 0]),
    both("path", "chdir", 80, 49, [0, 0, 0, 0, 0]),
    both("path", "unlinkat", 263, 35, [HERE, 0, 0, 0, 0]),
    both("path", "renameat2", 316, 276, [HERE, 0, HERE, 0, 0]),
    both("path", "linkat", 265, 37, [HERE, 0, HERE, 0, 0]),
    both("path", "getdents64", 217, 61, [CLOSED, 0, 0, 0, 0]),
    both("path", "inotify_init1", 294, 26, [UNKNOWN, 0, 0, 0, 0]),
    both("path", "fanotify_init", 300, 262, [CLOSED, 0, 0, 0, 0]),
    both("path", "open_by_handle_at", 304, 265, [CLOSED, 0, 0, 0, 0]),
    both("metadata", "fchmod", 91, 52, [CLOSED, 0, 0, 0, 0]),
    both("metadata", "fchmodat", 268, 53, [HERE, 0, 0, 0, 0]),
    both("metadata", "fchmodat2", 452, 452, [HERE, 0, 0, 0, 0]),
    both("metadata", "fchown", 93, 55, [CLOSED, 0, 0, 0, 0]),
    both("metadata", "fchownat", 260, 54, [HERE, 0, 0, 0, 0]),
    both("metadata", "utimensat", 280, 88, [CLOSED, 0, 0, 0, 0]),
    both("metadata", "setxattr", 188, 5, [0, 0, 0, 0, 0]),
    both("metadata", "fsetxattr", 190, 7, [CLOSED, 0, 0, 0, 0]),
    both("metadata", "fremovexattr", 199, 16, [CLOSED, 0, 0, 0, 0]),
    both("metadata", "ioctl", 16, 29, [CLOSED, 0, 0, 0, 0]),
    both("metadata", "flock", 73, 32, [CLOSED, 0, 0, 0, 0]),
    both("process", "kill", 62, 129, [PARENT, 0, 0, 0, 0]),
    both("process", "tgkill", 234, 131, [PARENT, PARENT, 0, 0, 0]),
    both("process", "tkill", 200, 130, [PARENT, 0, 0, 0, 0]),
    both("process", "rt_sigqueueinfo", 129, 138, [PARENT, 0, 0, 0, 0]),
    both("process", "pidfd_open", 434, 434, [PARENT, UNKNOWN, 0, 0, 0]),
    both("process", "pidfd_send_signal", 424, 424, [CLOSED, 0, 0, 0, 0]),
    both("process", "pidfd_getfd", 438, 438, [CLOSED, 0, 0, 0, 0]),
    both("process", "fcntl-setown", 72, 25, [CLOSED, 8, PARENT, 0, 0]),
    both("process", "fcntl-setsig", 72, 25, [CLOSED, 10, 0, 0, 0]),
    both("process", "fcntl-setlease", 72, 25, [CLOSED, 1024, 0, 0, 0]),
    both("process", "fcntl-notify", 72, 25, [CLOSED, 1026, 0, 0, 0]),
    both("process", "ptrace", 101, 117, [UNKNOWN, PARENT, 0, 0, 0]),
    both("process", "process_vm_readv", 310, 270, [PARENT, 0, 0, 0, 0]),
    both("process", "setpriority", 141, 140, [UNKNOWN, PARENT, 0, 0, 0]),
    both("process", "sched_setaffinity", 203, 122, [PARENT, 0, 0, 0, 0]),
    both("process", "sched_setscheduler", 144, 119, [PARENT, UNKNOWN, 0, 0, 0]),
    both("process", "ioprio_set", 251, 30, [UNKNOWN, PARENT, 0, 0, 0]),
    both("process", "setpgid", 109, 154, [PARENT, -1, 0, 0, 0]),
    both("process", "prctl-death-signal", 157, 167, [1, UNKNOWN, 0, 0, 0]),
    both("process", "prctl-dumpable", 157, 167, [4, UNKNOWN, 0, 0, 0]),
    both("process", "execve", 59, 221, [0, 0, 0, 0, 0]),
    both("process", "execveat", 322, 281, [CLOSED, 0, 0, 0, 0]),
    both("process", "clone-process", 56, 220, [0x1_0000_0000 | 0x1_0000, 0, 0, 0, 0]),
    both("process", "clone3", 435, 435, [0, 0, 0, 0, 0]),
    both("socket", "socket", 41, 198, [UNKNOWN, UNKNOWN, 0, 0, 0]),
    both("socket", "socketpair", 53, 199, [UNKNOWN, UNKNOWN, 0, 0, 0]),
    both("socket", "bind", 49, 200, [CLOSED, 0, 0, 0, 0]),
    both("socket", "connect", 42, 203, [CLOSED, 0, 0, 0, 0]),
    both("socket", "listen", 50, 201, [CLOSED, 0, 0, 0, 0]),
    both("socket", "accept4", 288, 242, [CLOSED, 0, 0, 0, 0]),
    both("socket", "setsockopt", 54, 208, [CLOSED, 0, 0, 0, 0]),
    both("shared", "shmget", 29, 194, [0, 0, 0, 0, 0]),
    both("shared", "shmat", 30, 196, [CLOSED, 0, 0, 0, 0]),
    both("shared", "semget", 64, 190, [0, -1, 0, 0, 0]),
    both("shared", "msgget", 68, 186, [UNKNOWN, 0, 0, 0, 0]),
    both("shared", "mq_open", 240, 180, [0, 0, 0, 0, 0]),
    both("shared", "memfd_create", 319, 279, [0, 0, 0, 0, 0]),
    both("system", "unshare", 272, 97, [0, 0, 0, 0, 0]),
    both("system", "setns", 308, 268, [CLOSED, 0, 0, 0, 0]),
    both("system", "mount", 165, 40, [0, 0, 0, 0, 0]),
    both("system", "pivot_root", 155, 41, [0, 0, 0, 0, 0]),
    both("system", "chroot", 161, 51, [0, 0, 0, 0, 0]),
    both("system", "clock_settime", 227, 112, [0, 0, 0, 0, 0]),
    both("system", "keyctl", 250, 219, [-1, 0, 0, 0, 0]),
    both("system", "add_key", 248, 217, [0, 0, 0, 0, 0]),
    both("system", "bpf", 321, 280, [UNKNOWN, 0, 0, 0, 0]),
    both("system", "perf_event_open", 298, 241, [0, 0, 0, 0, 0]),
    both("system", "io_uring_setup", 425, 425, [0, 0, 0, 0, 0]),
    both("system", "userfaultfd", 323, 282, [UNKNOWN, 0, 0, 0, 0]),
    both("system", "personality", 135, 92, [0xffff_ffff, 0, 0, 0, 0]),
    both("system", "setuid-root", 117, 147, [0, 0, 0, 0, 0]),
    both("system", "capset", 126, 91, [0, 0, 0, 0, 0]),
    both("system", "setrlimit", 160, 164, [UNKNOWN, 0, 0, 0, 0]),
    both("system", "swapon", 167, 224, [0, 0, 0, 0, 0]),
    both("system", "executable-memory", 9, 222, [0, 0, 5, 0, 0]),
];

/// Makes each call and returns `class-name` with the result: `Ok` when it got past the filter.
pub(super) fn attempts(parent: i32) -> Vec<(String, io::Result<()>)> {
    let calls = CALLS.iter().filter_map(|entry| {
        let number = if cfg!(target_arch = "x86_64") { entry.x86_64 } else { entry.aarch64 }?;
        Some((format!("{}-{}", entry.class, entry.name), result(number, entry.arguments_for(parent))))
    });
    calls.collect()
}

/// Returns whether the kernel got to look at the call; `Err` when it was refused before.
fn result(number: c_long, arguments: [c_long; 5]) -> io::Result<()> {
    let refused = [Errno::PERM, Errno::NOSYS].map(Errno::raw_os_error);
    match system_call(number, arguments) {
        Err(error) if error.raw_os_error().is_some_and(|code| refused.contains(&code)) => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::seccomp::tests::refuses;
    use super::*;

    /// The self-test cannot run here for another processor, but its numbers and the filter can be compared.
    #[test]
    fn the_filter_of_each_processor_refuses_every_call() {
        for entry in CALLS {
            for (number, is_x86_64) in [(entry.x86_64, true), (entry.aarch64, false)] {
                if let Some(number) = number {
                    let arguments = entry.arguments_for(1).map(|argument| argument as u64);
                    assert!(refuses(is_x86_64, number, &arguments), "{} {number}", entry.name);
                }
            }
        }
    }

    #[test]
    fn every_class_has_at_least_three_calls_and_no_name_is_used_twice() {
        let all = CALLS;
        let names: BTreeSet<_> = all.iter().map(|entry| (entry.class, entry.name)).collect();
        assert_eq!(names.len(), all.len());
        for class in all.iter().map(|entry| entry.class).collect::<BTreeSet<_>>() {
            let count = all.iter().filter(|entry| entry.class == class && entry.aarch64.is_some()).count();
            assert!(count >= 3, "{class}: {count}");
        }
    }
}
