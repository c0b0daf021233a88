//! Planned outputs whose source is open, and how they ended.

use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};

use crate::ending::FailureKind;
use crate::plan::{FixPlan, Refusal};

use super::failure::Failure;
use super::fix_record::FixRecordKey;
use super::outcome::{FixOutcome, FixResult, Output, Proof};
use super::planned_output::PlannedOutput;
use super::store::{Existing, Publication};

/// A planned output with its opened source.
pub(super) struct ReadyOutput<'t> {
    pub(super) planned: &'t PlannedOutput<'t>,
    pub(super) plan: &'t FixPlan,
    pub(super) target: &'t Path,
    pub(super) input: File,
    /// The metadata of the source when it was opened.
    pub(super) before: Metadata,
    pub(super) key: FixRecordKey,
    /// What has the name of the output.
    pub(super) existing: Existing,
}

/// Returns the outcome of an output that has its final name.
pub(super) fn succeeded(
    ready: &ReadyOutput<'_>,
    proof: Proof,
    publication: Publication,
    same_as: Option<PathBuf>,
) -> FixOutcome {
    let reused = publication == Publication::Kept;
    let output = Output { path: ready.target.to_owned(), proof, reused, same_as };
    FixOutcome { plan: ready.plan.clone(), result: FixResult::Written(Box::new(output)) }
}

/// Returns the outcome of a plan whose output could not be made.
pub(super) fn failed(plan: &FixPlan, failure: Failure) -> FixOutcome {
    let mut plan = plan.clone();
    // A consent is missing, so that is a refusal of the plan.
    let result = if failure.kind == FailureKind::LittleDamage {
        plan.refuse(Refusal::NeedsConceal, failure.message);
        FixResult::Planned
    } else {
        FixResult::Failed(failure)
    };
    FixOutcome { plan, result }
}
