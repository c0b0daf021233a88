//! Is there room on the disk, before an hour of work is spent on finding out?

use std::path::Path;

use crate::plan::{OutputSpec, VideoPlan};

use super::outcome::{Failure, FailureKind};

/// Kept free for everybody else.
const RESERVE_BYTES: u64 = 64 << 20;

/// Refuses when the folder of `target` has clearly too little room for an output by `spec` from a
/// source of `source_bytes`, besides what others made at the same time have `claimed`. How many bytes there
/// have to be for all of them.
pub(crate) fn room_for(
    target: &Path,
    spec: Option<&OutputSpec>,
    source_bytes: u64,
    claimed: u64,
) -> Result<u64, Failure> {
    let wanted = estimate(spec, source_bytes).saturating_add(claimed);
    let Some(folder) = target.ancestors().skip(1).find(|folder| folder.exists()) else { return Ok(wanted) };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(stat) = rustix::fs::statvfs(folder) else { return Ok(wanted) };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let needed = wanted.saturating_add(RESERVE_BYTES);
    if free >= needed {
        return Ok(wanted);
    }
    let message = format!(
        "{} has {} MB left and what is made there may need {} MB: free some space, or choose another disk with --out",
        folder.display(),
        free / 1_000_000,
        needed / 1_000_000
    );
    Err(Failure { kind: FailureKind::Operation, message })
}

/// An upper guess of the output's size in bytes.
fn estimate(spec: Option<&OutputSpec>, source_bytes: u64) -> u64 {
    let Some(spec) = spec else { return source_bytes };
    let by_rate = match (&spec.video, spec.expected_duration_s) {
        (Some(VideoPlan::Encode(encode)), Some(duration_s)) => {
            encode.rate.max_bit_rate.map(|rate| (rate as f64 * duration_s / 8.0) as u64)
        }
        _ => None,
    };
    let guess = by_rate.unwrap_or(0).max(source_bytes);
    spec.max_size_bytes.map_or(guess, |limit| guess.min(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_larger_than_any_disk_is_refused_with_the_figures() {
        let target = std::env::temp_dir().join("new/folder/out.mp4");
        assert!(room_for(&target, None, 1, 0).is_ok());
        let failure = room_for(&target, None, 1, u64::MAX / 2).expect_err("no disk is that large");
        assert_eq!(failure.kind, FailureKind::Operation);
        assert!(failure.message.contains("MB left"), "{}", failure.message);
    }
}
