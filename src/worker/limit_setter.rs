//! Sets limits on a worker, which may be a process of another user.

use rustix::io::Errno;
use rustix::process::{Pid, Resource, Rlimit, prlimit};

/// Sets a limit of the process `pid`.
///
/// A worker of root becomes another user, and root in a container often lacks CAP_SYS_RESOURCE, which limiting
/// another user's process needs.
pub(super) fn set_limit(pid: Option<Pid>, resource: Resource, limit: Rlimit) -> Result<(), Errno> {
    let set = || prlimit(pid, resource, limit).map(drop);
    match set() {
        #[cfg(target_os = "linux")]
        Err(Errno::PERM) if rustix::process::geteuid().is_root() => with_real_ids_of_worker(set),
        result => result,
    }
}

/// Runs `action` while the *real* user and group of this thread are those of a worker, as the kernel demands of a
/// process that limits another. The effective ones stay, so that nothing else is allowed or forbidden meanwhile;
/// other threads are not concerned.
#[cfg(target_os = "linux")]
fn with_real_ids_of_worker(action: impl FnOnce() -> Result<(), Errno>) -> Result<(), Errno> {
    use rustix::process::{Gid, Uid, getegid, geteuid, getgid, getuid};
    use rustix::thread::{set_thread_res_gid, set_thread_res_uid};

    use super::lockdown::UNPRIVILEGED;

    let (user, group) = (getuid(), getgid());
    let set = |user: Uid, group: Gid| {
        set_thread_res_gid(group, getegid(), getegid())?;
        set_thread_res_uid(user, geteuid(), geteuid())
    };
    let result = set(Uid::from_raw(UNPRIVILEGED), Gid::from_raw(UNPRIVILEGED)).and_then(|()| action());
    set(user, group)?;
    result
}
