//! Files that already have the name of an output: what may be replaced, and what is kept.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::job::FixReport;

use super::fix_record::{FixRecord, is_identical};
use super::open_source::{is_media_or_image, open_regular};
use super::outcome::{Failure, FailureKind};
use super::produce_output::{ProduceContext, RecordOutput, check_unchanged, operation, unrecorded};
use super::staging::Staging;

/// What has the name of an output before it is produced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Existing {
    /// Nothing.
    Nothing,
    /// An unchanged output of an earlier run, which may be replaced.
    Ours,
    /// A file without a record. It is never replaced, but it may have the bytes of the output.
    Unknown,
}

/// What became of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Publication {
    /// It got its final name.
    New,
    /// A file with the same bytes was there and stays.
    Kept,
}

/// Returns what exists at `target`. Fails if the output would replace the source, or a file that cannot be equal
/// to the output.
pub(super) fn check_target(
    target: &Path,
    source: &Metadata,
    fix_record: Option<&FixRecord>,
) -> Result<Existing, Failure> {
    let existing = match std::fs::symlink_metadata(target) {
        Ok(existing) => existing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Existing::Nothing),
        Err(error) => return Err(operation(target, &error)),
    };
    if (existing.dev(), existing.ino()) == (source.dev(), source.ino()) {
        let message =
            format!("{} is the source file itself: choose another folder with --out", target.display());
        return Err(Failure { kind: FailureKind::Operation, message });
    }
    if fix_record.is_some_and(|fix_record| fix_record.is_ours(target, &existing)) {
        return Ok(Existing::Ours);
    }
    // An encode only to find out that a text file is not its result would be wasted.
    if existing.is_file() && is_media_or_image(target, "") {
        return Ok(Existing::Unknown);
    }
    Err(not_ours(target))
}

/// Gives an output its final name, without replacing anything but an output of greenlit. A file with the same
/// bytes, which another run may have made meanwhile, is kept.
pub(super) fn publish(staging: Staging, target: &Path, existing: Existing) -> Result<Publication, Failure> {
    let failed = |error: io::Error| operation(target, &error);
    let output = staging.descriptor().map_err(failed)?;
    if existing == Existing::Ours {
        staging.publish().map_err(failed)?;
        return Ok(Publication::New);
    }
    match staging.publish_new() {
        Ok(()) => Ok(Publication::New),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let is_file = std::fs::symlink_metadata(target).is_ok_and(|meta| meta.is_file());
            let same =
                is_file && is_identical(&File::open(target).map_err(failed)?, &output).map_err(failed)?;
            if same { Ok(Publication::Kept) } else { Err(not_ours(target)) }
        }
        Err(error) => Err(failed(error)),
    }
}

/// Opens a file without a record that has the name of a copy. Fails if it has other bytes than the source.
pub(super) fn open_same(target: &Path, input: &File) -> Result<File, Failure> {
    let failed = |error: io::Error| operation(target, &error);
    let same = open_regular(target)?;
    if is_identical(input, &same).map_err(failed)? { Ok(same) } else { Err(not_ours(target)) }
}

/// Records a file that has the bytes of the source already, instead of a copy.
pub(super) fn keep(
    context: &ProduceContext<'_>,
    source: &Path,
    input: &File,
    target: &Path,
    same: &File,
    report: Option<&FixReport>,
    record: RecordOutput<'_>,
) -> Result<Publication, Failure> {
    check_unchanged(source, input, context.before)?;
    record(same, report).map_err(|error| unrecorded(target, &error))?;
    Ok(Publication::Kept)
}

fn not_ours(target: &Path) -> Failure {
    let message = format!(
        "{} already exists and is not an unchanged output of an earlier run: \
         move it away, or choose another folder with --out",
        target.display()
    );
    Failure { kind: FailureKind::Operation, message }
}
