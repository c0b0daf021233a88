//! Determines the available memory.

use std::fs;

/// Files that are processed in parallel may use the free memory divided by this.
const MEMORY_DIVISOR: u64 = 2;

/// Returns how many bytes of memory all parallel files may use; `u64::MAX` if the system does not report it.
pub fn memory_bytes() -> u64 {
    let read = |path: &str| fs::read_to_string(path).ok();
    let available = read("/proc/meminfo").and_then(|text| available(&text));
    // A container may have less memory than its machine (cgroup v2).
    let limit = read("/sys/fs/cgroup/memory.max").and_then(|text| text.trim().parse::<u64>().ok());
    let used = read("/sys/fs/cgroup/memory.current").and_then(|text| text.trim().parse::<u64>().ok());
    let left = limit.map(|limit| limit.saturating_sub(used.unwrap_or(0)));
    available.into_iter().chain(left).min().map_or(u64::MAX, |bytes| bytes / MEMORY_DIVISOR)
}

/// Parses MemAvailable of `/proc/meminfo`, in bytes. It counts reclaimable caches as free (proc(5)).
fn available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_mem_available_from_meminfo() {
        let text = "MemTotal:       24000000 kB\nMemFree:         500 kB\nMemAvailable:   2000 kB\n";
        assert_eq!(available(text), Some(2_048_000));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
        assert!(memory_bytes() > 1 << 20);
    }
}
