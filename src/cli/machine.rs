//! What the machine has to give.

use std::fs;

/// Files side by side may take one part in so many of the memory that is free.
const SHARE: u64 = 2;

/// Bytes of memory that files side by side may take together; all there can be where nothing says.
pub fn memory_bytes() -> u64 {
    let read = |path: &str| fs::read_to_string(path).ok();
    let available = read("/proc/meminfo").and_then(|text| available(&text));
    // A container may have less than its machine (cgroup v2).
    let most = read("/sys/fs/cgroup/memory.max").and_then(|text| text.trim().parse::<u64>().ok());
    let used = read("/sys/fs/cgroup/memory.current").and_then(|text| text.trim().parse::<u64>().ok());
    let left = most.map(|most| most.saturating_sub(used.unwrap_or(0)));
    available.into_iter().chain(left).min().map_or(u64::MAX, |bytes| bytes / SHARE)
}

/// The line of `/proc/meminfo` that counts caches in (proc(5)), in bytes.
fn available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_where_the_kernel_tells_of_it() {
        let text = "MemTotal:       24000000 kB\nMemFree:         500 kB\nMemAvailable:   2000 kB\n";
        assert_eq!(available(text), Some(2_048_000));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
        assert!(memory_bytes() > 1 << 20);
    }
}
