//! Makes the planned outputs: looks up those of earlier runs, produces the others and gives them their names.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::cache::Contents;
use crate::job::{FixReport, VerifyLevel};
use crate::plan::{Action, FixPlan, ResourceEstimate};
use crate::profile::Profile;

use super::checked_file::CheckedFile;
use super::events::Event;
use super::existing_target::put_changed_aside;
use super::failure::{Failure, operation};
use super::fix_record::FixRecordKey;
use super::fix_settings::{FixSettings, OutputLayout};
use super::free_space::check_free_space;
use super::inputs::{Fixing, Pipeline};
use super::outcome::{FixOutcome, FixResult};
use super::plan_text::plan_text;
use super::planned_output::PlannedOutput;
use super::produce_context::{ProduceContext, check_unchanged};
use super::produce_output::produce_together;
use super::ready_output::{ReadyOutput, failed, succeeded};
use super::resource_budget::{Allocation, Budget, Resources};
use super::source_decode::SourceDecoder;
use super::store::{Existing, Publication};
use super::twins::same_source;

/// Makes batches of outputs.
pub(super) struct FixExecutor<'a> {
    pub(super) pipeline: Pipeline<'a>,
    pub(super) fixing: Fixing<'a>,
    pub(super) decoder: SourceDecoder<'a>,
    pub(super) budget: Budget,
    /// The hashes of the files of this run.
    pub(super) contents: Arc<Contents>,
}

impl<'a> FixExecutor<'a> {
    pub(super) fn new(pipeline: Pipeline<'a>, fixing: Fixing<'a>) -> FixExecutor<'a> {
        let contents = fixing.record.map(|record| Arc::clone(record.contents())).unwrap_or_default();
        let FixSettings { machine, memory_bytes, .. } = fixing.settings;
        FixExecutor {
            pipeline,
            fixing,
            decoder: SourceDecoder { pipeline, contents: Arc::clone(&contents) },
            budget: Budget::new(Resources { cores: machine.cores, bytes: *memory_bytes }),
            contents,
        }
    }
}

impl FixExecutor<'_> {
    /// Returns whether an earlier run produced the output and it is unchanged.
    pub(super) fn is_produced(&self, planned: &PlannedOutput<'_>) -> bool {
        let (Some(target), Some(fix_record)) = (&planned.target, self.fixing.record) else { return false };
        if !target.exists() {
            return false;
        }
        let Ok(input) = self.pipeline.store.open(&planned.checked.source.path) else { return false };
        let Ok(key) = self.key(planned, &planned.plan, target, &input) else { return false };
        fix_record.find_by_content(&key, Some(&input)).is_some()
    }

    /// Returns the key of an output: the source, the profile, and the plan with all options.
    fn key(
        &self,
        planned: &PlannedOutput<'_>,
        plan: &FixPlan,
        target: &Path,
        input: &File,
    ) -> io::Result<FixRecordKey> {
        let text = plan_text(plan, self.fixing.settings.verify);
        let profile =
            self.pipeline.profiles.get(planned.profile_index).map(Profile::hash).unwrap_or_default();
        let text_of_all = match &self.fixing.settings.libraries {
            Some(libraries) => format!("{libraries} {profile} {text}"),
            None => format!("{profile} {text}"),
        };
        let key = FixRecordKey::new(&input.metadata()?, &text_of_all, target);
        let key = key.from_source(&planned.checked.source.path);
        Ok(if self.fixing.settings.libraries.is_some() { key } else { key.or_older_plan(&text) })
    }

    /// Makes the outputs of one batch, and reports the outcome of each as soon as it is known.
    pub(super) fn execute(
        &self,
        work: usize,
        batch: &[&PlannedOutput<'_>],
        report: &mut dyn FnMut(&PlannedOutput<'_>, FixOutcome),
    ) {
        let mut ready = Vec::new();
        let mut claimed = 0;
        for planned in batch {
            if self.only_decodes(planned) {
                report(planned, self.decode_only(work, planned));
                continue;
            }
            match self.prepare(planned, &mut claimed) {
                Ok(next) => ready.push(next),
                Err(fix) => report(planned, *fix),
            }
        }
        self.produce(work, &ready, report);
    }

    /// Returns whether the source is used as it is, without a copy, and must be decoded for that.
    fn only_decodes(&self, planned: &PlannedOutput<'_>) -> bool {
        let FixSettings { verify, out, .. } = self.fixing.settings;
        planned.target.is_none()
            && out.is_some()
            && *verify == VerifyLevel::Full
            && planned.plan.action == Action::Copy
            && planned.checked.assessments.get(planned.profile_index).is_some_and(|found| !found.is_image())
    }

    /// Returns the outcome of a plan for which nothing is written.
    fn nothing_written(&self, plan: &FixPlan) -> FixOutcome {
        let is_planned = self.fixing.settings.out.is_none() || plan.action == Action::Refused;
        let result = if is_planned { FixResult::Planned } else { FixResult::Unchanged };
        FixOutcome { plan: plan.clone(), result }
    }

    /// Decodes a source that is used as it is.
    fn decode_only(&self, work: usize, planned: &PlannedOutput<'_>) -> FixOutcome {
        let source = &planned.checked.source.path;
        let (input, before) = match self.open_checked(planned) {
            Ok(opened) => opened,
            Err(failure) => return failed(&planned.plan, failure),
        };
        let _allocation = self.allocate(std::iter::once(planned.estimate));
        self.pipeline.observer.notice(started(work, source, "decode", std::iter::once(planned.estimate)));
        let decoded = self.confirm_and_decode(work, planned, &input, true);
        let decoded = check_unchanged(source, &input, &before).and(decoded);
        let fix = match decoded {
            Ok(_) => self.nothing_written(&planned.plan),
            Err(failure) => {
                let context = self.context(work, planned.checked, &before);
                self.reencode_failed_copy(&context, planned, &planned.plan, failure)
            }
        };
        self.pipeline.observer.notice(Event::Finished { work, outputs: usize::from(fix.output().is_some()) });
        fix
    }

    fn context<'c>(
        &'c self,
        work: usize,
        checked: &'c CheckedFile,
        before: &'c Metadata,
    ) -> ProduceContext<'c> {
        ProduceContext {
            pipeline: self.pipeline,
            record: self.fixing.record,
            contents: &self.contents,
            verify: self.fixing.settings.verify,
            checked,
            before,
            work,
        }
    }

    /// Waits for the resources of jobs that run at the same time.
    fn allocate(&self, estimates: impl Iterator<Item = ResourceEstimate> + Clone) -> Allocation<'_> {
        self.budget.allocate(Resources {
            cores: estimates.clone().map(|estimate| estimate.threads).sum(),
            bytes: estimates.map(|estimate| estimate.memory_bytes).sum(),
        })
    }

    /// Prepares an output. Returns the outcome as an error if there is nothing to produce.
    fn prepare<'t>(
        &self,
        planned: &'t PlannedOutput<'t>,
        claimed: &mut u64,
    ) -> Result<ReadyOutput<'t>, Box<FixOutcome>> {
        let Some(target) = &planned.target else { return Err(Box::new(self.nothing_written(&planned.plan))) };
        match self.open(planned, &planned.plan, target, claimed) {
            Ok((ready, None)) => Ok(ready),
            Ok((ready, Some(report))) => {
                Err(Box::new(succeeded(&ready, self.proof(&ready, report), Publication::Kept, None)))
            }
            Err(failure) => Err(Box::new(failed(&planned.plan, failure))),
        }
    }

    /// Opens the source. Fails if it is not the file that was checked, or was changed since.
    fn open_checked(&self, planned: &PlannedOutput<'_>) -> Result<(File, Metadata), Failure> {
        let source = &planned.checked.source.path;
        let input = self.pipeline.store.open(source)?;
        let meta = input.metadata().map_err(|error| operation(source, &error))?;
        planned.checked.require_same(&input, &self.contents)?;
        Ok((input, meta))
    }

    /// Opens the source and looks up the output of an earlier run.
    pub(super) fn open<'t>(
        &self,
        planned: &'t PlannedOutput<'t>,
        plan: &'t FixPlan,
        target: &'t Path,
        claimed: &mut u64,
    ) -> Result<(ReadyOutput<'t>, Option<Option<FixReport>>), Failure> {
        let source = &planned.checked.source.path;
        let (input, meta) = self.open_checked(planned)?;
        let key = self.key(planned, plan, target, &input).map_err(|error| operation(source, &error))?;
        let earlier =
            self.fixing.record.and_then(|fix_record| fix_record.find_by_content(&key, Some(&input)));
        let mut existing = Existing::Ours;
        if earlier.is_none() {
            if matches!(self.fixing.settings.layout, OutputLayout::BySource { .. }) {
                put_changed_aside(target, &meta, self.fixing.record)?;
            }
            existing = self.pipeline.store.existing(target, &meta, self.fixing.record)?;
            // A copy is not written again over a file without a record: that file is equal or in the way.
            if plan.spec.is_some() || existing != Existing::Unknown {
                *claimed = check_free_space(
                    self.pipeline.store,
                    target,
                    plan.spec.as_deref(),
                    meta.len(),
                    *claimed,
                )?;
            }
        }
        Ok((ReadyOutput { planned, plan, target, input, before: meta, key, existing }, earlier))
    }

    /// Produces and verifies the outputs of a batch, and reports the outcome of each.
    fn produce(
        &self,
        work: usize,
        ready: &[ReadyOutput<'_>],
        report: &mut dyn FnMut(&PlannedOutput<'_>, FixOutcome),
    ) {
        let Some(ReadyOutput { planned: PlannedOutput { checked, .. }, plan, input, before, .. }) =
            ready.first()
        else {
            return;
        };
        let path = &checked.source.path;
        let estimates = ready.iter().map(|ready| ready.planned.estimate);
        let _allocation = self.allocate(estimates.clone());
        self.pipeline.observer.notice(started(work, path, plan.action.name(), estimates));
        let context = self.context(work, checked, before);
        let mut attempts = Vec::new();
        if ready.len() > 1 {
            let requests: Vec<_> = ready.iter().filter_map(|ready| self.output_request(ready)).collect();
            attempts = produce_together(&context, path, input, &requests);
        }
        let attempts = attempts.into_iter().chain(std::iter::repeat_with(|| None));
        // Verified outputs get their names before others are retried, which may take long.
        let (passed, rest): (Vec<_>, Vec<_>) = ready.iter().zip(attempts).partition(|(ready, attempt)| {
            let request = self.output_request(ready);
            attempt.as_ref().zip(request).is_some_and(|(attempt, request)| attempt.passes(&request))
        });
        let mut outputs = 0;
        for (one, attempt) in passed.into_iter().chain(rest) {
            let same_as = attempt.as_ref().and_then(|_| same_source(ready, one));
            let context = self.context(work, one.planned.checked, &one.before);
            let fix = match self.finish(&context, one, attempt) {
                Ok((report, publication)) => succeeded(one, self.proof(one, report), publication, same_as),
                Err(failure) => self.reencode_failed_copy(&context, one.planned, one.plan, failure),
            };
            outputs += usize::from(fix.output().is_some());
            report(one.planned, fix);
        }
        self.pipeline.observer.notice(Event::Finished { work, outputs });
    }
}

/// Returns the event of a started job.
fn started<'p>(
    work: usize,
    path: &'p Path,
    what: &'static str,
    estimates: impl Iterator<Item = ResourceEstimate> + Clone,
) -> Event<'p> {
    Event::Started {
        work,
        path,
        what,
        media_s: Some(estimates.clone().map(|estimate| estimate.media_s).sum()),
        core_s: estimates.map(|estimate| estimate.core_s).sum(),
    }
}
