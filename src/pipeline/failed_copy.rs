//! What follows when a copied stream fails verification: a new encode where that helps, and whose fault it is.

use std::ffi::OsStr;

use crate::ending::FailureKind;
use crate::plan::{Action, CopyFailure, CopyFailureCause, FixOptions, FixPlan, VideoPlan, plan};

use super::failure::Failure;
use super::fix_executor::FixExecutor;
use super::outcome::FixOutcome;
use super::planned_output::{PlannedOutput, target_of};
use super::produce_context::ProduceContext;
use super::ready_output::{failed, succeeded};
use super::store::Publication;

impl FixExecutor<'_> {
    /// Re-encodes an output whose stream copy failed verification: the same packets can have other properties
    /// in another container, and a new encode conceals little damage, with consent. Returns the original failure
    /// if re-encoding is not possible, or the source's fault if it is the cause.
    pub(super) fn reencode_failed_copy(
        &self,
        context: &ProduceContext<'_>,
        planned: &PlannedOutput<'_>,
        copied: &FixPlan,
        failure: Failure,
    ) -> FixOutcome {
        let Some(plan) = self.plan_encode(planned, copied, &failure) else {
            return failed(copied, self.blame(context, planned, failure));
        };
        let target = match &planned.target {
            Some(target) => {
                // A plain copy keeps the extension of the source.
                let source = &planned.checked.source.relative;
                let extension = plan.output_extension.as_deref().map(OsStr::new).or(source.extension());
                Some(target.with_extension(extension.unwrap_or_default()))
            }
            None => {
                let (profiles, index) = (self.pipeline.profiles, planned.profile_index);
                target_of(profiles, planned.checked, index, &plan, self.fixing.settings)
            }
        };
        let Some(target) = target else { return failed(copied, failure) };
        let fixed = self.open(planned, &plan, &target, &mut 0).and_then(|(ready, earlier)| {
            let (report, publication) = match earlier {
                Some(report) => (report, Publication::Kept),
                None => self.finish(context, &ready, None)?,
            };
            Ok(succeeded(&ready, self.proof(&ready, report), publication, None))
        });
        fixed.unwrap_or_else(|failure| failed(&plan, self.blame(context, planned, failure)))
    }

    /// Decodes the source of a failed fix, to tell whether it is the cause.
    fn blame(&self, context: &ProduceContext<'_>, planned: &PlannedOutput<'_>, failure: Failure) -> Failure {
        if failure.kind != FailureKind::Unproven {
            return failure;
        }
        let source = &planned.checked.source.path;
        match self.pipeline.store.open(source) {
            Ok(input) => self.decoder.blame(context.work, planned.checked, &input, failure),
            Err(_) => failure,
        }
    }

    /// Returns the plan that re-encodes a copied stream; `None` if that cannot help.
    fn plan_encode(
        &self,
        planned: &PlannedOutput<'_>,
        copied: &FixPlan,
        failure: &Failure,
    ) -> Option<FixPlan> {
        let PlannedOutput { checked, profile_index, .. } = planned;
        let copies = match copied.spec.as_deref() {
            Some(spec) => matches!(spec.video, Some(VideoPlan::Copy { .. })),
            None => copied.action == Action::Copy,
        };
        let cause = match failure.kind {
            FailureKind::Unproven => CopyFailureCause::NewContainer,
            FailureKind::SeveralSizes => CopyFailureCause::SeveralSizes,
            FailureKind::LittleDamage if self.fixing.settings.options.conceal => {
                CopyFailureCause::LittleDamage
            }
            _ => return None,
        };
        if !copies || (copied.spec.is_none() && cause == CopyFailureCause::NewContainer) {
            return None;
        }
        let options = FixOptions {
            copy_failed: Some(CopyFailure { cause, reason: failure.found().to_owned() }),
            ..self.fixing.settings.options.clone()
        };
        let facts = checked.result.as_ref().ok()?;
        let (assessment, profile) =
            checked.assessments.get(*profile_index).zip(self.pipeline.profiles.get(*profile_index))?;
        let plan = plan(facts, assessment, profile, &options, &self.fixing.settings.machine);
        (plan.action != Action::Refused).then_some(plan)
    }
}
