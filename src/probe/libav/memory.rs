//! How the worker's allocator treats what a file leaves behind.

/// Keeps freed memory for the next file, up to a bound. By default glibc gives every large block back
/// to the kernel at once, and fetches it again, page by page, for the next file. All threads take from the
/// same store: large blocks come from pools anyway, and what one thread gave back serves the others.
///
/// Only for processes of our own: it changes the allocator of the whole program.
pub(crate) fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::ffi::c_int;
        // From glibc's malloc.h.
        const M_TRIM_THRESHOLD: c_int = -1;
        const M_TOP_PAD: c_int = -2;
        const M_MMAP_THRESHOLD: c_int = -3;
        const M_ARENA_MAX: c_int = -8;
        unsafe extern "C" {
            fn mallopt(parameter: c_int, value: c_int) -> c_int;
        }
        // SAFETY: stores numbers; the function is thread-safe.
        unsafe {
            mallopt(M_MMAP_THRESHOLD, 8 << 20);
            mallopt(M_TRIM_THRESHOLD, 32 << 20);
            mallopt(M_TOP_PAD, 1 << 20);
            mallopt(M_ARENA_MAX, 1);
        }
    }
}

/// Whether memory is handed out as zeros from now on, whatever lay there before.
///
/// x264 looks at memory that it never wrote (r3095 in the lines of its macroblock tree), so that the same
/// pictures became different bytes in a process that had worked before and in a new one.
///
/// For a process that does one job at a time: the setting is the whole process's. Elsewhere than with
/// glibc nothing happens.
pub(crate) fn hand_out_zeros(wanted: bool) {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::ffi::c_int;
        // From glibc's malloc.h. What is handed out is filled with the complement of the low byte.
        const M_PERTURB: c_int = -6;
        unsafe extern "C" {
            fn mallopt(parameter: c_int, value: c_int) -> c_int;
        }
        // SAFETY: stores a number; the function is thread-safe.
        unsafe { mallopt(M_PERTURB, if wanted { 0xff } else { 0 }) };
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    let _ = wanted;
}
