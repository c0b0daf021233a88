//! Plans, produces, verifies and renames outputs.
//!
//! All files are checked and planned first: probing takes milliseconds, and only the complete list shows which
//! outputs would collide and which jobs are the longest. After that, the batches are processed independently.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::job::{FixReport, Runner, VerifyLevel};
use crate::model::MediaFacts;
use crate::plan::{
    Action, CopyFailure, CopyFailureCause, FixOptions, FixPlan, Machine, Refusal, ResourceEstimate,
    VideoPlan, plan,
};
use crate::profile::Profile;
use crate::rules::{Assessment, Verdict};

use super::check::{CheckOptions, CheckedFile, check, open_regular};
use super::discover::SourceFile;
use super::events::{Event, Observer};
use super::fix_record::{FixRecord, FixRecordKey};
use super::free_space::check_free_space;
use super::outcome::{Failure, FailureKind, FixOutcome, Outcome, Proof};
use super::output_proof;
use super::parallel::run_in_parallel;
use super::produce_output::{
    Attempt, OutputRequest, ProduceContext, VERIFICATION_FAILED, check_target, check_unchanged, copy,
    operation, produce_output, produce_together,
};
use super::resource_budget::{Allocation, Budget, Resources};
use super::shared_names::give_longer_names;
use super::source_decode::{LITTLE_DAMAGE_ADVICE, SourceDecoder};
use super::tasks::{Task, announce, longest_first, plan_all, refuse_collisions, target_of};

/// The settings of a fix.
#[derive(Clone, Debug)]
pub struct FixSettings {
    /// Consents and choices for the planner.
    pub options: FixOptions,
    /// The machine, for the planner's thread count.
    pub machine: Machine,
    /// Bytes of memory that parallel jobs may use together.
    pub memory_bytes: u64,
    /// How outputs are verified.
    pub verify: VerifyLevel,
    /// The output folder; `None` only plans.
    pub out: Option<PathBuf>,
    /// How outputs are arranged in the output folder.
    pub layout: OutputLayout,
}

/// How outputs are arranged in the output folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutputLayout {
    /// Like the sources, including copies of compliant ones.
    #[default]
    Mirror,
    /// In one folder for each source, without copies of compliant sources. For shipping.
    BySource,
}

/// Checks and fixes `sources` under every profile. Returns one outcome for each pair, in the order of the
/// sources, then of the profiles; `done` gets each outcome as soon as it is available.
#[allow(clippy::too_many_arguments)]
pub fn fix(
    sources: &[SourceFile],
    profiles: &[Profile],
    check_options: &CheckOptions,
    settings: &FixSettings,
    fix_record: Option<&FixRecord>,
    runner: &dyn Runner,
    observer: &dyn Observer,
    cancel: &Arc<AtomicBool>,
    done: &(dyn Fn(&Outcome) + Sync),
) -> Vec<Outcome> {
    let checked = check(sources, profiles, check_options, runner, observer, cancel);
    let mut outcomes: Vec<Outcome> = checked
        .iter()
        .flat_map(|file| profiles.iter().enumerate().map(|(index, profile)| file.outcome(index, profile)))
        .collect();
    let mut tasks = plan_all(&checked, profiles, settings);
    give_longer_names(&mut tasks, fix_record);
    refuse_collisions(&mut tasks, sources, profiles.len());
    let executor = FixExecutor {
        settings,
        profiles,
        fix_record,
        runner,
        observer,
        cancel,
        decoder: SourceDecoder {
            runner,
            observer,
            cancel,
            cache: check_options.probe_cache.as_deref().map(|cache| cache as _),
        },
        budget: Budget::new(Resources { cores: settings.machine.cores, bytes: settings.memory_bytes }),
    };
    announce(tasks.iter().filter(|task| !executor.is_produced(task)), observer);
    let planned: HashSet<usize> =
        tasks.iter().map(|task| position_of(task, &checked, profiles.len())).collect();
    for (index, outcome) in outcomes.iter().enumerate() {
        if !planned.contains(&index) {
            done(outcome);
        }
    }
    let batches = longest_first(&tasks, settings.memory_bytes);
    let fixes = run_in_parallel(batches.len(), runner.width(), |work| {
        let batch = &batches[work];
        let mut fixes = Vec::new();
        executor.execute(work, batch, &mut |task, fix| {
            let index = position_of(task, &checked, profiles.len());
            let outcome = Outcome { fix: Some(fix), ..outcomes[index].clone() };
            done(&outcome);
            fixes.push((index, outcome.fix));
        });
        fixes
    });
    for (index, fix) in fixes.into_iter().flatten() {
        outcomes[index].fix = fix;
    }
    outcomes
}

/// Returns the index of the outcome of a task.
fn position_of(task: &Task<'_>, checked: &[CheckedFile], profiles: usize) -> usize {
    // Tasks borrow from `checked`, so the file is found by its address.
    let index = checked.iter().position(|file| std::ptr::eq(file, task.checked)).unwrap_or(0);
    index * profiles + task.profile_index
}

/// Executes batches of tasks.
struct FixExecutor<'a> {
    settings: &'a FixSettings,
    profiles: &'a [Profile],
    fix_record: Option<&'a FixRecord>,
    runner: &'a dyn Runner,
    observer: &'a dyn Observer,
    cancel: &'a Arc<AtomicBool>,
    decoder: SourceDecoder<'a>,
    budget: Budget,
}

impl FixExecutor<'_> {
    /// Returns whether an earlier run produced the output and it is unchanged.
    fn is_produced(&self, task: &Task<'_>) -> bool {
        let (Some(target), Some(fix_record)) = (&task.target, self.fix_record) else { return false };
        let Ok(meta) = std::fs::metadata(&task.checked.source.path) else { return false };
        let key = FixRecordKey::new(&meta, &plan_text(&task.plan, self.settings.verify), target);
        fix_record.find(&key).is_some()
    }

    /// Executes the tasks of one batch, and reports the outcome of each as soon as it is known.
    fn execute(&self, work: usize, batch: &[&Task<'_>], report: &mut dyn FnMut(&Task<'_>, FixOutcome)) {
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

    /// Decodes a source that is used as it is.
    fn decode_only(&self, work: usize, task: &Task<'_>) -> FixOutcome {
        let source = &task.checked.source.path;
        let opened = open_regular(source).and_then(|input| {
            let before = input.metadata().map_err(|error| operation(source, &error))?;
            Ok((input, before))
        });
        let (input, before) = match opened {
            Ok(opened) => opened,
            Err(failure) => return outcome(&task.plan, Some(failure)),
        };
        let _allocation = self.allocate(std::iter::once(task.estimate));
        self.observer.notice(started(work, source, "decode", std::iter::once(task.estimate)));
        let decoded = self.decoder.require(work, source, &input);
        let decoded = check_unchanged(source, &input, &before).and(decoded);
        let fix = match decoded {
            Ok(_) => outcome(&task.plan, None),
            Err(failure) => {
                let context = self.context(work, &before);
                self.reencode_failed_copy(&context, task, &task.plan, failure)
            }
        };
        self.observer.notice(Event::Finished { work, outputs: usize::from(fix.output.is_some()) });
        fix
    }

    fn context<'c>(&'c self, work: usize, before: &'c Metadata) -> ProduceContext<'c> {
        ProduceContext {
            runner: self.runner,
            observer: self.observer,
            cancel: self.cancel,
            verify: self.settings.verify,
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

    /// Prepares a task. Returns the outcome as an error if there is nothing to produce.
    fn prepare<'t>(&self, task: &'t Task<'t>, claimed: &mut u64) -> Result<ReadyTask<'t>, Box<FixOutcome>> {
        let Some(target) = &task.target else { return Err(Box::new(outcome(&task.plan, None))) };
        match self.open(task, &task.plan, target, claimed) {
            Ok((ready, None)) => Ok(ready),
            Ok((ready, Some(report))) => Err(Box::new(succeeded(&ready, self.proof(&ready, report), true))),
            Err(failure) => Err(Box::new(outcome(&task.plan, Some(failure)))),
        }
    }

    /// Opens the source and looks up the output of an earlier run.
    fn open<'t>(
        &self,
        task: &'t Task<'t>,
        plan: &'t FixPlan,
        target: &'t Path,
        claimed: &mut u64,
    ) -> Result<(ReadyTask<'t>, Option<Option<FixReport>>), Failure> {
        let source = &task.checked.source.path;
        let input = open_regular(source)?;
        let meta = input.metadata().map_err(|error| operation(source, &error))?;
        let key = FixRecordKey::new(&meta, &plan_text(plan, self.settings.verify), target);
        let earlier = self.fix_record.and_then(|fix_record| fix_record.find(&key));
        if earlier.is_none() {
            check_target(target, &meta, self.fix_record)?;
            *claimed = check_free_space(target, plan.spec.as_deref(), meta.len(), *claimed)?;
        }
        Ok((ReadyTask { task, plan, target, input, before: meta, key }, earlier))
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
        let context = self.context(work, before);
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
        for (ready, attempt) in passed.into_iter().chain(rest) {
            let fix = match self.finish(&context, ready, attempt) {
                Ok(report) => succeeded(ready, self.proof(ready, report), false),
                Err(failure) => self.reencode_failed_copy(&context, ready.task, ready.plan, failure),
            };
            outputs += usize::from(fix.output.is_some());
            report(ready.task, fix);
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
    fn finish(
        &self,
        context: &ProduceContext<'_>,
        ready: &ReadyTask<'_>,
        attempt: Option<Attempt>,
    ) -> Result<Option<FixReport>, Failure> {
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
    ) -> Result<Option<FixReport>, Failure> {
        let ReadyTask { task, target, input, key, .. } = ready;
        let source = &task.checked.source.path;
        let record = |output: &Metadata, report: Option<&FixReport>| self.record(source, key, output, report);
        let full = context.verify == VerifyLevel::Full;
        let Some(request) = self.output_request(ready) else {
            let image =
                task.checked.assessments.get(task.profile_index).is_some_and(|found| found.is_image());
            let verify =
                if full && !image { self.decoder.require(context.work, source, input)? } else { None };
            copy(context, source, input, target, &record)?;
            let facts = task.checked.result.as_ref().ok().cloned().unwrap_or_default();
            return Ok(verify.map(|verify| FixReport { facts, verify, encoder: None }));
        };
        // A source that is known to decode is not decoded again: its packets are compared by hash.
        let remuxed = full && ready.plan.action == Action::Remux && attempt.is_none();
        let key = if remuxed { self.decoder.key(input) } else { None };
        let decoded = self.decoder.is_decoded(key.as_ref());
        let verify = if decoded { VerifyLevel::Structure } else { context.verify };
        let context = ProduceContext { verify, ..*context };
        let report = produce_output(&context, source, input, &request, attempt, &record)?;
        if remuxed && copies_all(&task.checked.result) {
            self.decoder.remember(key.as_ref());
        }
        Ok(Some(report))
    }

    /// Re-encodes an output whose stream copy failed verification: the same packets can have other properties
    /// in another container, and a new encode conceals little damage, with consent. Returns the original failure
    /// if re-encoding is not possible, or the source's fault if it is the cause.
    fn reencode_failed_copy(
        &self,
        context: &ProduceContext<'_>,
        task: &Task<'_>,
        copied: &FixPlan,
        failure: Failure,
    ) -> FixOutcome {
        let Some(plan) = self.plan_encode(task, copied, &failure) else {
            return outcome(copied, Some(self.blame(context, task, failure)));
        };
        let target = match &task.target {
            Some(target) => {
                // A plain copy keeps the extension of the source.
                let source = &task.checked.source.relative;
                let extension = plan.output_extension.as_deref().map(OsStr::new).or(source.extension());
                Some(target.with_extension(extension.unwrap_or_default()))
            }
            None => self.profiles.get(task.profile_index).and_then(|profile| {
                target_of(task.checked, profile, self.profiles.len(), &plan, self.settings)
            }),
        };
        let Some(target) = target else { return outcome(copied, Some(failure)) };
        let fixed = self.open(task, &plan, &target, &mut 0).and_then(|(ready, earlier)| {
            let reused = earlier.is_some();
            let report = earlier.map_or_else(|| self.finish(context, &ready, None), Ok)?;
            Ok(succeeded(&ready, self.proof(&ready, report), reused))
        });
        fixed.unwrap_or_else(|failure| outcome(&plan, Some(self.blame(context, task, failure))))
    }

    /// Decodes the source of a failed fix, to tell whether it is the cause.
    fn blame(&self, context: &ProduceContext<'_>, task: &Task<'_>, failure: Failure) -> Failure {
        if failure.kind != FailureKind::Unproven {
            return failure;
        }
        let source = &task.checked.source.path;
        match open_regular(source) {
            Ok(input) => self.decoder.blame(context.work, source, &input, failure),
            Err(_) => failure,
        }
    }

    /// Returns the plan that re-encodes a copied stream; `None` if that cannot help.
    fn plan_encode(&self, task: &Task<'_>, copied: &FixPlan, failure: &Failure) -> Option<FixPlan> {
        let Task { checked, profile_index, .. } = task;
        let copies = match copied.spec.as_deref() {
            Some(spec) => matches!(spec.video, Some(VideoPlan::Copy { .. })),
            None => copied.action == Action::Copy,
        };
        let cause = match failure.kind {
            FailureKind::Unproven => CopyFailureCause::NewContainer,
            FailureKind::SeveralSizes => CopyFailureCause::SeveralSizes,
            FailureKind::LittleDamage if self.settings.options.conceal => CopyFailureCause::LittleDamage,
            _ => return None,
        };
        if !copies || (copied.spec.is_none() && cause == CopyFailureCause::NewContainer) {
            return None;
        }
        let reason = failure.message.strip_prefix(VERIFICATION_FAILED).unwrap_or(&failure.message);
        // The advice asks for the consent that was given.
        let reason = reason.strip_suffix(LITTLE_DAMAGE_ADVICE).unwrap_or(reason);
        let options = FixOptions {
            copy_failed: Some(CopyFailure { cause, reason: reason.to_owned() }),
            ..self.settings.options.clone()
        };
        let facts = checked.result.as_ref().ok()?;
        let (assessment, profile) =
            checked.assessments.get(*profile_index).zip(self.profiles.get(*profile_index))?;
        let plan = plan(facts, assessment, profile, &options, &self.settings.machine);
        (plan.action != Action::Refused).then_some(plan)
    }

    /// Returns the proof of an output.
    fn proof(&self, ready: &ReadyTask<'_>, report: Option<FixReport>) -> Proof {
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
        source: &Path,
        key: &FixRecordKey,
        output: &Metadata,
        report: Option<&FixReport>,
    ) -> io::Result<()> {
        let Some(fix_record) = self.fix_record else { return Ok(()) };
        fix_record.record_from(Some(source), key.clone(), output, report)
    }
}

/// A task with its opened source.
struct ReadyTask<'t> {
    task: &'t Task<'t>,
    plan: &'t FixPlan,
    target: &'t Path,
    input: File,
    /// The metadata of the source when it was opened.
    before: Metadata,
    key: FixRecordKey,
}

/// Returns the outcome of an output that has its final name.
fn succeeded(ready: &ReadyTask<'_>, proof: Proof, reused: bool) -> FixOutcome {
    FixOutcome {
        plan: ready.plan.clone(),
        output: Some(ready.target.to_owned()),
        proof: Some(proof),
        failure: None,
        reused,
    }
}

fn outcome(plan: &FixPlan, failure: Option<Failure>) -> FixOutcome {
    let mut plan = plan.clone();
    let failure = match failure {
        // A consent is missing, so that is a refusal of the plan.
        Some(Failure { kind: FailureKind::LittleDamage, message }) => {
            plan.refuse(Refusal::NeedsConceal, message);
            None
        }
        other => other,
    };
    FixOutcome { plan, output: None, proof: None, failure, reused: false }
}

/// Returns whether a remux keeps all video and audio of the source, so that decoding the output decodes all of it.
fn copies_all(facts: &Result<MediaFacts, (Verdict, Failure)>) -> bool {
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

fn plan_text(plan: &FixPlan, verify: VerifyLevel) -> String {
    let spec = serde_json::to_string(&plan.spec).unwrap_or_default();
    format!("{} {verify:?} {spec}", plan.action.name())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::job::in_process::InProcessRunner;
    use crate::job::{Job, JobError, JobOutput, JobRequest, Progress, WorkerInfo};
    use crate::pipeline::events::Silent;
    use crate::plan::{VideoEncoder, example};

    /// A runner whose verification fails every copied video stream.
    struct FailingCopies(InProcessRunner);

    impl Runner for FailingCopies {
        fn run(
            &self,
            request: JobRequest,
            on_progress: &mut dyn FnMut(Progress),
        ) -> Result<JobOutput, JobError> {
            let copies = |spec: &crate::plan::OutputSpec| matches!(spec.video, Some(VideoPlan::Copy { .. }));
            let copied = matches!(&request.job, Job::Fix { specs, .. } if specs.iter().any(copies));
            let mut output = self.0.run(request, on_progress)?;
            if let (true, JobOutput::Fixed { results }) = (copied, &mut output) {
                results
                    .iter_mut()
                    .flatten()
                    .for_each(|report| report.verify.failures.push("timestamps differ".into()));
            }
            Ok(output)
        }

        fn width(&self) -> usize {
            1
        }

        fn describe(&self) -> Result<WorkerInfo, JobError> {
            self.0.describe()
        }
    }

    #[test]
    fn re_encodes_a_copy_that_fails_verification_and_reuses_the_output() {
        let dir = tempfile::tempdir().unwrap();
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        // Its index is at the end of the file.
        let path = dir.path().join("video.mov");
        std::fs::copy(fixtures.join("npm-vide-ocean.mp4"), &path).unwrap();
        let sources = [SourceFile { path, relative: "video.mov".into(), named: true }];
        let text = "id = \"house\"\nextends = \"tiktok-ads\"\n[rule.container]\nallow = [\"mp4\"]\n\
                    [rule.extension]\nallow = [\"mp4\"]\n[rule.metadata-privacy]\nseverity = \"error\"\n";
        let profiles = [Profile::parse(text, &Profile::builtin).unwrap()];
        let settings = FixSettings {
            options: FixOptions { upscale: true, ..FixOptions::default() },
            machine: Machine { cores: 2 },
            memory_bytes: 1 << 32,
            verify: VerifyLevel::Structure,
            out: Some(dir.path().join("out")),
            layout: OutputLayout::Mirror,
        };
        let fix_record = FixRecord::open(&dir.path().join("fix.jsonl")).unwrap();
        let fixed = || {
            let (runner, cancel) = (FailingCopies(InProcessRunner::new(1)), Arc::default());
            let options = CheckOptions::default();
            let all = fix(
                &sources,
                &profiles,
                &options,
                &settings,
                Some(&fix_record),
                &runner,
                &Silent,
                &cancel,
                &|_| {},
            );
            all.into_iter().next().unwrap().fix.unwrap()
        };
        let first = fixed();
        assert!(first.failure.is_none(), "{:?}", first.failure);
        assert_eq!((first.plan.action, first.reused), (Action::Reencode, false));
        assert!(
            first.plan.reason.unwrap().contains("the stream copy failed verification: timestamps differ")
        );
        let again = fixed();
        assert_eq!((again.plan.action, again.reused), (Action::Reencode, true));
    }

    #[test]
    fn the_plan_text_depends_on_the_encoder() {
        let text = |encoder| {
            let encode = crate::plan::VideoEncode { encoder, ..example::video_encode(640, 360, 30) };
            let spec = example::output(VideoPlan::Encode(Box::new(encode)), None);
            let plan = FixPlan {
                action: Action::Reencode,
                spec: Some(Box::new(spec)),
                steps: Vec::new(),
                dropped: Vec::new(),
                added: Vec::new(),
                reason: None,
                refusal: None,
                needs: Vec::new(),
                output_extension: None,
                max_name_chars: None,
            };
            plan_text(&plan, VerifyLevel::Full)
        };
        assert_ne!(text(VideoEncoder::X264), text(VideoEncoder::Nvenc));
        assert_eq!(text(VideoEncoder::Nvenc), text(VideoEncoder::Nvenc));
    }
}
