//! Configures the worker's allocator.

/// Has all threads share one arena: large blocks come from pools anyway, and memory freed by one thread serves the others.
///
/// Only for greenlit's own processes, because it changes the allocator of the whole process.
pub(crate) fn share_one_arena() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::ffi::c_int;
        // From glibc's malloc.h.
        const M_ARENA_MAX: c_int = -8;
        unsafe extern "C" {
            fn mallopt(parameter: c_int, value: c_int) -> c_int;
        }
        // SAFETY: stores a number; the function is thread-safe.
        unsafe { mallopt(M_ARENA_MAX, 1) };
    }
}

/// Fills allocations of this process with zeros from now on.
///
/// x264 reads memory that it never wrote (r3095 in the lines of its macroblock tree), so that the same
/// frames gave different bytes by what the process had done before. Without glibc this does nothing.
pub(crate) fn zero_allocations() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::ffi::c_int;
        // From glibc's malloc.h. Allocations are filled with the complement of the low byte.
        const M_PERTURB: c_int = -6;
        unsafe extern "C" {
            fn mallopt(parameter: c_int, value: c_int) -> c_int;
        }
        // SAFETY: stores a number; the function is thread-safe.
        unsafe { mallopt(M_PERTURB, 0xff) };
    }
}
