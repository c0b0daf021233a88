//! What producing an output needs besides its plan.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

use crate::cache::{Contents, FileState};
use crate::job::{FixReport, VerifyLevel};

use super::checked_file::CheckedFile;
use super::failure::{Failure, operation};
use super::fix_record::FixRecord;
use super::inputs::Pipeline;

/// Records an output before it gets its final name, with its report, which a copy lacks if it was not decoded.
pub(super) type RecordOutput<'a> = &'a dyn Fn(&File, Option<&FixReport>) -> io::Result<()>;

/// What producing an output needs besides the plan.
#[derive(Clone, Copy)]
pub(super) struct ProduceContext<'a> {
    pub(super) pipeline: Pipeline<'a>,
    /// The record that tells which files may be replaced.
    pub(super) record: Option<&'a FixRecord>,
    /// The hashes of the files of this run.
    pub(super) contents: &'a Contents,
    pub(super) verify: VerifyLevel,
    /// The source, as it was checked.
    pub(super) checked: &'a CheckedFile,
    /// The metadata of the source when it was opened.
    pub(super) before: &'a Metadata,
    /// The number of the job.
    pub(super) work: usize,
}

/// Fails if the source was written to since it was opened: what was read of it may be a mixture.
pub(super) fn check_unchanged(source: &Path, input: &File, before: &Metadata) -> Result<(), Failure> {
    let now = input.metadata().map_err(|error| operation(source, &error))?;
    if FileState::from(&now) == FileState::from(before) {
        return Ok(());
    }
    let message = format!("{}: the source changed while it was read: run again", source.display());
    Err(Failure::operation(message))
}
