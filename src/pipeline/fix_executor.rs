//! Executes the tasks of a fix: looks up outputs of earlier runs, produces the others and gives them their names.

use std::cell::Cell;
use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use crate::cache::FileState;
use crate::job::{FixReport, Runner, VerifyLevel};
use crate::model::MediaFacts;
use crate::plan::{Action, FixPlan, ResourceEstimate};
use crate::profile::Profile;
use crate::rules::Assessment;

use super::checked_file::CheckedFile;
use super::events::{Event, Observer};
use super::existing_target::{Existing, Publication, check_target, keep, open_same};
use super::fix_record::{FixRecord, FixRecordKey};
use super::fix_settings::FixSettings;
use super::free_space::check_free_space;
use super::open_source::open_regular;
use super::outcome::{Failure, FixOutcome, FixResult, NoFacts, Proof};
use super::output_proof;
use super::produce_output::{
    Attempt, OutputRequest, ProduceContext, RecordOutput, check_unchanged, copy, operation, produce_output,
    produce_together,
};
use super::ready_task::{ReadyTask, failed, succeeded};
use super::resource_budget::{Allocation, Budget, Resources};
use super::source_decode::SourceDecoder;
use super::tasks::Task;
use super::twins::same_source;

/// Executes batches of tasks.
pub(super) struct FixExecutor<'a> {
    pub(super) settings: &'a FixSettings,
    pub(super) profiles: &'a [Profile],
    pub(super) fix_record: Option<&'a FixRecord>,
    pub(super) runner: &'a dyn Runner,
    pub(super) observer: &'a dyn Observer,
    pub(super) cancel: &'a Arc<AtomicBool>,
    pub(super) decoder: SourceDecoder<'a>,
    pub(super) budget: Budget,
}

impl FixExecutor<'_> {
    /// Returns whether an earlier run produced the output and it is unchanged.
    pub(super) fn is_produced(&self, task: &Task<'_>) -> bool {
        let (Some(target), Some(fix_record)) = (&task.target, self.fix_record) else { return false };
        if !target.exists() {
            return false;
        }
        let Ok(input) = open_regular(&task.checked.source.path) else { return false };
        let Ok(key) = self.key(task, &task.plan, target, &input) else { return false };
        fix_record.find_by_content(&key, Some(&input)).is_some()
    }

    /// Returns the key of an output: the source, the profile, and the plan with all options.
    fn key(&self, task: &Task<'_>, plan: &FixPlan, target: &Path, input: &File) -> io::Result<FixRecordKey> {
        let text = plan_text(plan, self.settings.verify);
        let profile = self.profiles.get(task.profile_index).map(Profile::hash).unwrap_or_default();
        let key = FixRecordKey::new(&input.metadata()?, &format!("{profile} {text}"), target);
        Ok(key.or_older_plan(&text).from_source(&task.checked.source.path))
    }

    /// Executes the tasks of one batch, and reports the outcome of each as soon as it is known.
    pub(super) fn execute(
        &self,
        work: usize,
        batch: &[&Task<'_>],
        report: &mut dyn FnMut(&Task<'_>, FixOutcome),
    ) {
        let mut ready = Vec::new();
        let mut claimed = 0;
        for task in batch {
            if self.only_decodes(task) {
                report(task, self.decode_only(work, task));
                continue;
            }
            match self.prepare(task, &mut claimed) {
                Ok(next) => ready.push(next),
                Err(fix) => report(task, *fix),
            }
        }
        self.produce(work, &ready, report);
    }

    /// Returns whether the source is used as it is, without a copy, and must be decoded for that.
    fn only_decodes(&self, task: &Task<'_>) -> bool {
        let FixSettings { verify, out, .. } = self.settings;
        task.target.is_none()
            && out.is_some()
            && *verify == VerifyLevel::Full
            && task.plan.action == Action::Copy
            && task.checked.assessments.get(task.profile_index).is_some_and(|found| !found.is_image())
    }

    /// Returns the outcome of a plan for which nothing is written.
    fn nothing_written(&self, plan: &FixPlan) -> FixOutcome {
        let is_planned = self.settings.out.is_none() || plan.action == Action::Refused;
        let result = if is_planned { FixResult::Planned } else { FixResult::Unchanged };
        FixOutcome { plan: plan.clone(), result }
    }

    /// Decodes a source that is used as it is.
    fn decode_only(&self, work: usize, task: &Task<'_>) -> FixOutcome {
        let source = &task.checked.source.path;
        let (input, before) = match self.open_checked(task) {
            Ok(opened) => opened,
            Err(failure) => return failed(&task.plan, failure),
        };
        let _allocation = self.allocate(std::iter::once(task.estimate));
        self.observer.notice(started(work, source, "decode", std::iter::once(task.estimate)));
        let decoded = self.confirm_and_decode(work, task, &input, true);
        let decoded = check_unchanged(source, &input, &before).and(decoded);
        let fix = match decoded {
            Ok(_) => self.nothing_written(&task.plan),
            Err(failure) => {
                let context = self.context(work, task.checked, &before);
                self.reencode_failed_copy(&context, task, &task.plan, failure)
            }
        };
        self.observer.notice(Event::Finished { work, outputs: usize::from(fix.output().is_some()) });
        fix
    }

    fn context<'c>(
        &'c self,
        work: usize,
        checked: &'c CheckedFile,
        before: &'c Metadata,
    ) -> ProduceContext<'c> {
        ProduceContext {
            checked,
            runner: self.runner,
            observer: self.observer,
            cancel: self.cancel,
            verify: self.settings.verify,
            before,
            work,
            fix_record: self.fix_record,
        }
    }

    /// Waits for the resources of jobs that run at the same time.
    fn allocate(&self, estimates: impl Iterator<Item = ResourceEstimate> + Clone) -> Allocation<'_> {
        self.budget.allocate(Resources {
            cores: estimates.clone().map(|estimate| estimate.threads).sum(),
            bytes: estimates.map(|estimate| estimate.memory_bytes).sum(),
        })
    }

    /// Prepares a task. Returns the outcome as an error if there is nothing to produce.
    fn prepare<'t>(&self, task: &'t Task<'t>, claimed: &mut u64) -> Result<ReadyTask<'t>, Box<FixOutcome>> {
        let Some(target) = &task.target else { return Err(Box::new(self.nothing_written(&task.plan))) };
        match self.open(task, &task.plan, target, claimed) {
            Ok((ready, None)) => Ok(ready),
            Ok((ready, Some(report))) => {
                Err(Box::new(succeeded(&ready, self.proof(&ready, report), Publication::Kept, None)))
            }
            Err(failure) => Err(Box::new(failed(&task.plan, failure))),
        }
    }

    /// Opens the source. Fails if it is not the file that was checked, or was changed since.
    fn open_checked(&self, task: &Task<'_>) -> Result<(File, Metadata), Failure> {
        let source = &task.checked.source.path;
        let input = open_regular(source)?;
        let meta = input.metadata().map_err(|error| operation(source, &error))?;
        if task.checked.state == Some(FileState::from(&meta)) {
            return Ok((input, meta));
        }
        let message = format!("{}: the source changed since it was checked: run again", source.display());
        Err(Failure::operation(message))
    }

    /// Opens the source and looks up the output of an earlier run.
    pub(super) fn open<'t>(
        &self,
        task: &'t Task<'t>,
        plan: &'t FixPlan,
        target: &'t Path,
        claimed: &mut u64,
    ) -> Result<(ReadyTask<'t>, Option<Option<FixReport>>), Failure> {
        let source = &task.checked.source.path;
        let (input, meta) = self.open_checked(task)?;
        let key = self.key(task, plan, target, &input).map_err(|error| operation(source, &error))?;
        let earlier = self.fix_record.and_then(|fix_record| fix_record.find_by_content(&key, Some(&input)));
        let mut existing = Existing::Ours;
        if earlier.is_none() {
            existing = check_target(target, &meta, self.fix_record)?;
            // A copy is not written again over a file without a record: that file is equal or in the way.
            if plan.spec.is_some() || existing != Existing::Unknown {
                *claimed = check_free_space(target, plan.spec.as_deref(), meta.len(), *claimed)?;
            }
        }
        Ok((ReadyTask { task, plan, target, input, before: meta, key, existing }, earlier))
    }

    /// Produces and verifies the outputs of a batch, and reports the outcome of each.
    fn produce(&self, work: usize, ready: &[ReadyTask<'_>], report: &mut dyn FnMut(&Task<'_>, FixOutcome)) {
        let Some(ReadyTask { task: Task { checked, .. }, plan, input, before, .. }) = ready.first() else {
            return;
        };
        let path = &checked.source.path;
        let estimates = ready.iter().map(|ready| ready.task.estimate);
        let _allocation = self.allocate(estimates.clone());
        self.observer.notice(started(work, path, plan.action.name(), estimates));
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
            let context = self.context(work, one.task.checked, &one.before);
            let fix = match self.finish(&context, one, attempt) {
                Ok((report, publication)) => succeeded(one, self.proof(one, report), publication, same_as),
                Err(failure) => self.reencode_failed_copy(&context, one.task, one.plan, failure),
            };
            outputs += usize::from(fix.output().is_some());
            report(one.task, fix);
        }
        self.observer.notice(Event::Finished { work, outputs });
    }

    /// Returns the request for the output; `None` for a plain copy.
    fn output_request<'t>(&'t self, ready: &'t ReadyTask<'_>) -> Option<OutputRequest<'t>> {
        let ReadyTask { task, plan, target, .. } = ready;
        let (spec, profile) = (plan.spec.as_deref()?, self.profiles.get(task.profile_index)?);
        Some(OutputRequest { spec, profile, target })
    }

    /// Produces one output, unless `attempt` already did, and gives it its final name.
    pub(super) fn finish(
        &self,
        context: &ProduceContext<'_>,
        ready: &ReadyTask<'_>,
        attempt: Option<Attempt>,
    ) -> Result<(Option<FixReport>, Publication), Failure> {
        let source = &ready.task.checked.source.path;
        let made = self.make(context, ready, attempt);
        // Whatever else went wrong, a source that changes explains it.
        made.or_else(|failure| check_unchanged(source, &ready.input, &ready.before).and(Err(failure)))
    }

    fn make(
        &self,
        context: &ProduceContext<'_>,
        ready: &ReadyTask<'_>,
        attempt: Option<Attempt>,
    ) -> Result<(Option<FixReport>, Publication), Failure> {
        let ReadyTask { task, input, key, existing, .. } = ready;
        let source = &task.checked.source.path;
        let Some(request) = self.output_request(ready) else {
            let record = |output: &File, report: Option<&FixReport>| self.record(key, input, output, report);
            return self.make_copy(context, ready, &record);
        };
        // A source that is known to decode is not decoded again: its packets are compared by hash.
        let full = context.verify == VerifyLevel::Full;
        let remuxed = full && ready.plan.action == Action::Remux && attempt.is_none();
        let decode_key = if remuxed { self.decoder.key(input) } else { None };
        let decoded = self.decoder.is_decoded(decode_key.as_ref());
        let verify = if decoded { VerifyLevel::Structure } else { context.verify };
        let context = ProduceContext { verify, ..*context };
        let (report, publication) = thread::scope(|scope| {
            // The record needs the hash of the source, which is read while the worker makes the output.
            let hashing = Cell::new(Some(scope.spawn(|| self.hash_ahead(input))));
            let record = |output: &File, report: Option<&FixReport>| {
                // A failure is found again, and reported, when the record asks for the hash.
                drop(hashing.take().map(thread::ScopedJoinHandle::join));
                self.record(key, input, output, report)
            };
            produce_output(&context, source, input, &request, attempt, *existing, &record)
        })?;
        if remuxed && copies_all(&task.checked.result) {
            self.decoder.remember(decode_key.as_ref());
        }
        Ok((Some(report), publication))
    }

    /// Lets the record read and hash the source, which it then remembers.
    fn hash_ahead(&self, input: &File) {
        if let Some(fix_record) = self.fix_record {
            let _ = fix_record.content_of(input);
        }
    }

    /// Decodes a source unless it is an image, and copies it.
    fn make_copy(
        &self,
        context: &ProduceContext<'_>,
        ready: &ReadyTask<'_>,
        record: RecordOutput<'_>,
    ) -> Result<(Option<FixReport>, Publication), Failure> {
        let ReadyTask { task, target, input, existing, .. } = ready;
        let source = &task.checked.source.path;
        let same = match existing {
            Existing::Unknown => Some(open_same(target, input)?),
            Existing::Nothing | Existing::Ours => None,
        };
        let image = task.checked.assessments.get(task.profile_index).is_some_and(|found| found.is_image());
        let full = context.verify == VerifyLevel::Full;
        let (facts, verify) = self.confirm_and_decode(context.work, task, input, full && !image)?;
        let report = verify.map(|verify| FixReport { facts, verify, encoder: None });
        let publication = match same {
            Some(same) => keep(context, source, input, target, &same, report.as_ref(), record)?,
            None => copy(context, source, input, target, *existing, report.as_ref(), record)?,
        };
        Ok((report, publication))
    }

    /// Returns the proof of an output.
    pub(super) fn proof(&self, ready: &ReadyTask<'_>, report: Option<FixReport>) -> Proof {
        let Task { checked, profile_index, .. } = ready.task;
        let profile = self.profiles.get(*profile_index);
        let source_findings =
            checked.assessments.get(*profile_index).map(Assessment::findings).unwrap_or_default();
        output_proof::proof(
            ready.plan,
            ready.target,
            checked.result.as_ref().ok(),
            profile,
            source_findings,
            report,
        )
    }

    /// Records an output before it gets its final name. A failure discards the output, because later runs could
    /// not replace an unrecorded one.
    fn record(
        &self,
        key: &FixRecordKey,
        input: &File,
        output: &File,
        report: Option<&FixReport>,
    ) -> io::Result<()> {
        let record = |fix_record: &FixRecord| fix_record.record_content(key.clone(), input, output, report);
        self.fix_record.map_or(Ok(()), record)
    }
}

/// Returns whether a remux keeps all video and audio of the source, so that decoding the output decodes all of it.
fn copies_all(facts: &Result<MediaFacts, NoFacts>) -> bool {
    facts.as_ref().is_ok_and(|facts| facts.video.len() == 1 && facts.audio.len() <= 1)
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

/// Returns what the bytes of an output depend on, apart from its source and the profile.
pub(super) fn plan_text(plan: &FixPlan, verify: VerifyLevel) -> String {
    let spec = serde_json::to_string(&plan.spec).unwrap_or_default();
    format!("{} {verify:?} {spec}", plan.action.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{VideoEncoder, VideoPlan, example};

    #[test]
    fn the_plan_text_depends_on_the_encoder() {
        let text = |encoder| {
            let encode = crate::plan::VideoEncode { encoder, ..example::video_encode(640, 360, 30) };
            let spec = example::output(VideoPlan::Encode(Box::new(encode)), None);
            let plan = FixPlan { spec: Some(Box::new(spec)), ..example::plan(Action::Reencode) };
            plan_text(&plan, VerifyLevel::Full)
        };
        assert_ne!(text(VideoEncoder::X264), text(VideoEncoder::Nvenc));
        assert_eq!(text(VideoEncoder::Nvenc), text(VideoEncoder::Nvenc));
    }
}
