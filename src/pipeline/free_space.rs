//! Checks the free space on disk before the work starts.

use std::path::Path;

use crate::plan::{OutputSpec, VideoPlan};

use super::failure::Failure;
use super::store::Store;

/// Bytes kept free for other programs, at most: small outputs demand only as much as they take themselves.
const RESERVE_BYTES: u64 = 64 << 20;

/// Fails if the disk of `target` clearly lacks space for an output by `spec` from a source of `source_bytes`,
/// in addition to the bytes `claimed` by outputs of the same job. Returns the bytes that all of them need.
pub(super) fn check_free_space(
    store: &dyn Store,
    target: &Path,
    spec: Option<&OutputSpec>,
    source_bytes: u64,
    claimed: u64,
) -> Result<u64, Failure> {
    let wanted = estimate(spec, source_bytes).saturating_add(claimed);
    let Some(free) = store.free_bytes(target) else { return Ok(wanted) };
    let needed = wanted.saturating_add(reserve(wanted));
    if free >= needed {
        return Ok(wanted);
    }
    let message = format!(
        "{} has {} MB of free space, but the outputs may need {} MB: \
         free some space, or choose another disk with --out",
        existing_folder(target).unwrap_or(target).display(),
        free / 1_000_000,
        needed / 1_000_000
    );
    Err(Failure::operation(message))
}

/// Returns the free bytes of the disk of `target`.
pub(super) fn free_bytes(target: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(existing_folder(target)?).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

fn existing_folder(target: &Path) -> Option<&Path> {
    let folder = target.ancestors().skip(1).find(|folder| folder.exists())?;
    Some(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
}

/// Returns the bytes kept free beside outputs of `wanted` bytes.
fn reserve(wanted: u64) -> u64 {
    wanted.min(RESERVE_BYTES)
}

/// Returns an upper estimate of the output's size in bytes.
fn estimate(spec: Option<&OutputSpec>, source_bytes: u64) -> u64 {
    let Some(spec) = spec else { return source_bytes };
    let by_rate = match (&spec.video, spec.expected_duration_s) {
        (Some(VideoPlan::Encode(encode)), Some(duration_s)) => {
            encode.rate.max_bit_rate.map(|rate| (rate as f64 * duration_s / 8.0) as u64)
        }
        _ => None,
    };
    let estimate = by_rate.unwrap_or(0).max(source_bytes);
    spec.max_size_bytes.map_or(estimate, |limit| estimate.min(limit))
}

#[cfg(test)]
mod tests {
    use super::super::local_files::LocalFiles;
    use super::*;
    use crate::ending::FailureKind;

    #[test]
    fn the_reserve_is_in_proportion() {
        assert_eq!(reserve(350_000), 350_000);
        assert_eq!(reserve(10 << 30), RESERVE_BYTES);
    }

    #[test]
    fn refuses_an_output_larger_than_the_free_space() {
        let target = std::env::temp_dir().join("new/folder/out.mp4");
        assert!(check_free_space(&LocalFiles, &target, None, 1, 0).is_ok());
        let failure =
            check_free_space(&LocalFiles, &target, None, 1, u64::MAX / 2).expect_err("no disk is that large");
        assert_eq!(failure.kind, FailureKind::Operation);
        assert!(failure.message.contains("MB of free space"), "{}", failure.message);
    }
}
