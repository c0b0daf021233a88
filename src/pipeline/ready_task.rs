//! Tasks whose source is open, and the outcomes of tasks.

use std::fs::{File, Metadata};
use std::path::Path;

use crate::plan::{FixPlan, Refusal};

use super::existing_target::{Existing, Publication};
use super::fix_record::FixRecordKey;
use super::outcome::{Failure, FailureKind, FixOutcome, Proof};
use super::tasks::Task;

/// A task with its opened source.
pub(super) struct ReadyTask<'t> {
    pub(super) task: &'t Task<'t>,
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
pub(super) fn succeeded(ready: &ReadyTask<'_>, proof: Proof, publication: Publication) -> FixOutcome {
    FixOutcome {
        plan: ready.plan.clone(),
        output: Some(ready.target.to_owned()),
        proof: Some(proof),
        failure: None,
        reused: publication == Publication::Kept,
        same_as: None,
    }
}

/// Returns the outcome of a plan without an output.
pub(super) fn outcome(plan: &FixPlan, failure: Option<Failure>) -> FixOutcome {
    let mut plan = plan.clone();
    let failure = match failure {
        // A consent is missing, so that is a refusal of the plan.
        Some(Failure { kind: FailureKind::LittleDamage, message }) => {
            plan.refuse(Refusal::NeedsConceal, message);
            None
        }
        other => other,
    };
    FixOutcome { plan, output: None, proof: None, failure, reused: false, same_as: None }
}
