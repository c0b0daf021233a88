//! Tries operations that a worker must not be able to do, from inside the worker.

use std::net::{Ipv4Addr, TcpStream};

use super::lockdown::{Confinement, lock_down};
use crate::job::WorkerInfo;

/// Tries each forbidden operation and returns a line for it: `name allowed`, or `name denied: reason`.
///
/// With `confined`, locks the process down first, as before serving; without, the lines show that the
/// operations work otherwise. `port` is that of a listener on the loopback address.
pub fn self_test(confined: bool, port: u16) -> Vec<String> {
    let mut info = WorkerInfo::default();
    if confined {
        lock_down(&mut info, Confinement::default());
    }
    let mut lines: Vec<String> = info.in_force.iter().map(|what| format!("in force {what}")).collect();
    lines.extend(info.refused.iter().map(|what| format!("refused {what}")));
    lines.extend(try_forbidden_operations(port));
    lines
}

/// Tries the operations in the current state of this process; see [`self_test`].
pub fn try_forbidden_operations(port: u16) -> Vec<String> {
    let own = std::env::current_exe().unwrap_or_else(|_| "/proc/self/exe".into());
    let parent = rustix::process::Pid::as_raw(rustix::process::getppid());
    let mut lines = Vec::new();
    let mut attempt = |what: &str, result: std::io::Result<()>| {
        lines.push(match result {
            Ok(()) => format!("{what} allowed"),
            Err(error) => format!("{what} denied: {error}"),
        });
    };
    attempt("open", std::fs::File::open(&own).map(drop));
    attempt("create", tempfile::tempfile().map(drop));
    attempt("connect", TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map(drop));
    // Running a program requires a fork.
    attempt("fork-and-exec", std::process::Command::new(&own).arg("--version").output().map(drop));
    attempt("parent-environment", std::fs::read(format!("/proc/{parent}/environ")).map(drop));
    attempt("raise-limit", raise_limit());
    #[cfg(target_os = "linux")]
    for (what, result) in super::forbidden_calls::attempts(parent) {
        attempt(&what, result);
    }
    attempt("thread", std::thread::Builder::new().spawn(|| ()).map(|thread| drop(thread.join())));
    lines
}

fn raise_limit() -> std::io::Result<()> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    Ok(setrlimit(Resource::As, getrlimit(Resource::As))?)
}
