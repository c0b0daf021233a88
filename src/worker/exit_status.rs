//! Explains how a worker ended.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::Signal;

use crate::job::WorkerDeath;

/// What the parent sees of a worker that it loses.
pub(super) enum Loss {
    /// It hung up: it exited, or was killed from outside.
    Ended,
    /// It broke the protocol.
    Protocol(&'static str),
    /// Its socket failed.
    Connection,
    /// It sent nothing within this time and was killed.
    Stalled(Duration),
    /// It exceeded the longest time of its job and was killed.
    TimedOut,
}

/// Returns what became of a process with this exit status.
pub(super) fn death_of(status: ExitStatus) -> WorkerDeath {
    // The signals of a process's own faults; SIGSYS is a call that its filter forbids.
    let faults =
        [Signal::ABORT, Signal::SEGV, Signal::BUS, Signal::ILL, Signal::FPE, Signal::TRAP, Signal::SYS];
    match status.signal() {
        None => WorkerDeath::Exited,
        Some(number) if faults.iter().any(|fault| fault.as_raw() == number) => WorkerDeath::Crashed,
        Some(_) => WorkerDeath::Killed,
    }
}

/// Returns whether the kernel ended the process because it used up its processor time.
pub(super) fn used_up_processor_time(status: ExitStatus) -> bool {
    status.signal() == Some(Signal::XCPU.as_raw())
}

/// Describes the exit status of a process without limits.
pub(super) fn describe_exit(status: ExitStatus) -> String {
    match status.signal() {
        Some(signal) => format!("signal {signal}"),
        None => format!("exit code {}", status.code().unwrap_or_default()),
    }
}

/// Describes the exit status of a worker for a message.
pub(super) fn explain_exit(status: ExitStatus, gib: f64, cpu: Duration) -> String {
    let Some(number) = status.signal() else {
        return describe_exit(status);
    };
    let name = |signal: Signal| number == signal.as_raw();
    if name(Signal::XCPU) {
        format!("SIGXCPU: exceeded the CPU limit of {} s", cpu.as_secs())
    } else if name(Signal::ABORT) {
        format!("SIGABRT: aborted; the memory limit is {gib:.1} GiB")
    } else if name(Signal::SEGV) {
        "SIGSEGV: crashed".to_owned()
    } else if name(Signal::BUS) {
        "SIGBUS: crashed, or the file was truncated while it was read".to_owned()
    } else if name(Signal::ILL) || name(Signal::FPE) || name(Signal::TRAP) {
        format!("signal {number}: crashed")
    } else if name(Signal::KILL) {
        "SIGKILL: killed by the system or a user, possibly out of memory".to_owned()
    } else {
        format!("signal {number}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn explains_exit_statuses() {
        let of = |raw| explain_exit(ExitStatus::from_raw(raw), 1.5, Duration::from_secs(9));
        assert_eq!(of(11), "SIGSEGV: crashed");
        assert_eq!(of(24), "SIGXCPU: exceeded the CPU limit of 9 s");
        assert_eq!(of(6), "SIGABRT: aborted; the memory limit is 1.5 GiB");
        assert!(of(9).starts_with("SIGKILL"));
        assert_eq!(of(3 << 8), "exit code 3");
        let death = |raw| death_of(ExitStatus::from_raw(raw));
        for crash in [4, 5, 6, 7, 8, 11, 31] {
            assert_eq!(death(crash), WorkerDeath::Crashed, "{crash}");
        }
        assert_eq!(
            [death(9), death(15), death(3 << 8)],
            [WorkerDeath::Killed, WorkerDeath::Killed, WorkerDeath::Exited]
        );
    }
}
