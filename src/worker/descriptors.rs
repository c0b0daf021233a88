//! Closes the descriptors that a worker inherited.

/// The first descriptor after standard input, output and error, which the parent sets.
const FIRST: u32 = 3;

/// Closes every descriptor but standard input, output and error. The program that started greenlit may have left
/// some open across programs, and a worker must not reach their files.
///
/// Call it before anything that opens a descriptor and keeps it.
pub(super) fn close_inherited() -> Result<(), String> {
    if close_range() {
        return Ok(());
    }
    // Older kernels and other systems; the list itself has a descriptor, which is closed when it is dropped.
    let folder = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };
    let list = std::fs::read_dir(folder).map_err(|error| format!("cannot list {folder}: {error}"))?;
    let open: Vec<i32> =
        list.flatten().filter_map(|entry| entry.file_name().to_string_lossy().parse().ok()).collect();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor >= FIRST as i32) {
        super::raw::close(descriptor);
    }
    Ok(())
}

/// Asks the kernel to close them all at once (Linux 5.9). Returns whether it did.
#[cfg(target_os = "linux")]
fn close_range() -> bool {
    /// The same number on every processor.
    const CLOSE_RANGE: i64 = 436;
    super::raw::system_call(CLOSE_RANGE as _, [FIRST as _, u32::MAX as _, 0, 0, 0]).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn close_range() -> bool {
    false
}
