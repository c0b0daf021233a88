//! The calls of the operating system that no safe wrapper offers: the only unsafe code outside the libav adapters.
#![allow(unsafe_code)]

#[cfg(target_os = "linux")]
use std::ffi::c_long;
use std::io;

/// Makes a system call with words as arguments.
///
/// The caller passes no pointer to memory of this process but null, and no descriptor that a value owns.
#[cfg(target_os = "linux")]
pub(super) fn system_call(number: c_long, arguments: [c_long; 5]) -> io::Result<c_long> {
    unsafe extern "C" {
        fn syscall(number: c_long, ...) -> c_long;
    }
    let [a, b, c, d, e] = arguments;
    // SAFETY: libc's `syscall` takes a number and up to six words. Its two callers pass null pointers, closed or
    // foreign descriptors and unknown options, so that the kernel changes no memory of this process.
    let returned = unsafe { syscall(number, a, b, c, d, e, 0 as c_long) };
    if returned == -1 { Err(io::Error::last_os_error()) } else { Ok(returned) }
}

/// Makes a second process of this one. Returns the id of the child, and `None` in the child.
///
/// The caller is the only thread of the process ([`super::template`] checks it): a child has only the thread that
/// forked, and a lock that another one held would stay held in it for ever.
pub(super) fn fork() -> io::Result<Option<rustix::process::Pid>> {
    unsafe extern "C" {
        #[link_name = "fork"]
        fn fork_process() -> std::ffi::c_int;
    }
    // SAFETY: `fork` takes nothing and is sound in a process with one thread, see above. libc's own `fork` also
    // puts the state of its allocator and its thread in order for the child.
    let returned = unsafe { fork_process() };
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(rustix::process::Pid::from_raw(returned)) }
}

/// Like [`fork`], without what libraries registered to run at a fork: they may be gone.
#[cfg(target_os = "linux")]
pub(super) fn fork_alone() -> io::Result<Option<rustix::process::Pid>> {
    unsafe extern "C" {
        // In glibc since 2.34 and in musl since 1.2.3.
        #[link_name = "_Fork"]
        fn fork_process() -> std::ffi::c_int;
    }
    // SAFETY: as for `fork`: with one thread, no lock is held whose state a handler would have to restore.
    let returned = unsafe { fork_process() };
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(rustix::process::Pid::from_raw(returned)) }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn fork_alone() -> io::Result<Option<rustix::process::Pid>> {
    fork()
}

/// Replaces what is mapped at these addresses by nothing: any access crashes, and nothing else is mapped there.
#[cfg(target_os = "linux")]
pub(super) fn remove_mapping(addresses: std::ops::Range<usize>) {
    use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
    let start = std::ptr::with_exposed_provenance_mut(addresses.start);
    let flags = MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE;
    // SAFETY: the addresses are those of libraries in C, C++ or Rust of their own; no value of this program is there. What
    // still refers to them crashes when it is used, because nothing else is mapped there. A failure changes nothing.
    let _ = unsafe { mmap_anonymous(start, addresses.len(), ProtFlags::empty(), flags) };
}

/// Ends this process at once: a worker runs neither the destructors of values that it has from the template, whose
/// descriptors it closed by number, nor the exit handlers of libraries.
pub(super) fn end_process() -> ! {
    unsafe extern "C" {
        fn _exit(status: std::ffi::c_int) -> !;
    }
    // SAFETY: `_exit` takes a number and does not return.
    unsafe { _exit(0) }
}

/// Closes a descriptor that no value of this process owns; a number that is not open has no effect.
pub(super) fn close(descriptor: i32) {
    // SAFETY: the caller is the start of a template or of a worker, where only standard input, output and error have
    // owners, or owners that are never dropped.
    unsafe { rustix::io::close(descriptor) };
}

/// Ignores a signal.
pub(super) fn ignore_signal(signal: rustix::process::Signal) -> io::Result<()> {
    use std::ffi::c_int;
    const IGNORE: usize = 1;
    const ERROR: usize = usize::MAX;
    unsafe extern "C" {
        #[link_name = "signal"]
        fn set_handler(number: c_int, handler: usize) -> usize;
    }
    // SAFETY: `SIG_IGN` is 1 and `SIG_ERR` is -1 on every Unix. Ignoring runs no code.
    let before = unsafe { set_handler(signal.as_raw(), IGNORE) };
    if before == ERROR { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Keeps freed memory for later allocations, up to a limit. By default glibc returns every large block to the
/// kernel at once and faults it in again, page by page, for the next one.
///
/// Only for greenlit's own processes, because it changes the allocator of the whole process.
pub(crate) fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::ffi::c_int;
        // From glibc's malloc.h.
        const M_TRIM_THRESHOLD: c_int = -1;
        const M_TOP_PAD: c_int = -2;
        const M_MMAP_THRESHOLD: c_int = -3;
        unsafe extern "C" {
            fn mallopt(parameter: c_int, value: c_int) -> c_int;
        }
        // SAFETY: stores numbers; the function is thread-safe.
        unsafe {
            mallopt(M_MMAP_THRESHOLD, 8 << 20);
            mallopt(M_TRIM_THRESHOLD, 32 << 20);
            mallopt(M_TOP_PAD, 1 << 20);
        }
    }
}
