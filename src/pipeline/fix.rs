//! Plans, produces, verifies and renames outputs.
//!
//! All files are checked and planned first: probing takes milliseconds, and only the complete list shows which
//! outputs would collide and which jobs are the longest. After that, the batches are processed independently.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::job::{FixReport, Runner, VerifyLevel};
use crate::plan::{FixOptions, FixPlan, Machine, VideoPlan, plan};
use crate::profile::Profile;
use crate::rules::Verdict;

use super::check::{CheckOptions, CheckedFile, check};
use super::discover::SourceFile;
use super::events::{Event, Observer};
use super::existing_target::{Existing, Publication, check_target};
use super::fix_record::{FixRecord, FixRecordKey, is_identical};
use super::free_space::check_free_space;
use super::open_source::open_regular;
use super::outcome::{Failure, FailureKind, FixOutcome, Outcome, Proof};
use super::parallel::run_in_parallel;
use super::produce_output::{
    Attempt, OutputRequest, ProduceContext, VERIFICATION_FAILED, copy, operation, produce_output,
    produce_together,
};
use super::resource_budget::{Budget, Resources};
use super::tasks::{Task, announce, in_work_order, plan_all, refuse_collisions};

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
    refuse_collisions(&mut tasks, sources, profiles.len());
    let resources = Resources { cores: settings.machine.cores, bytes: settings.memory_bytes };
    let executor = FixExecutor {
        settings,
        profiles,
        fix_record,
        runner,
        observer,
        cancel,
        budget: Budget::new(resources),
    };
    announce(tasks.iter().filter(|task| !executor.is_produced(task)), observer);
    let planned: HashSet<usize> =
        tasks.iter().map(|task| position_of(task, &checked, profiles.len())).collect();
    for (index, outcome) in outcomes.iter().enumerate() {
        if !planned.contains(&index) {
            done(outcome);
        }
    }
    let batches = in_work_order(&tasks, runner.width(), resources);
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
    budget: Budget,
}

impl FixExecutor<'_> {
    /// Returns whether an earlier run produced the output and it is unchanged.
    fn is_produced(&self, task: &Task<'_>) -> bool {
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
    fn execute(&self, work: usize, batch: &[&Task<'_>], report: &mut dyn FnMut(&Task<'_>, FixOutcome)) {
        let mut ready = Vec::new();
        let mut claimed = 0;
        for task in batch {
            match self.prepare(task, &mut claimed) {
                Ok(next) => ready.push(next),
                Err(fix) => report(task, *fix),
            }
        }
        self.produce(work, &ready, report);
    }

    /// Prepares a task. Returns the outcome as an error if there is nothing to produce.
    fn prepare<'t>(&self, task: &'t Task<'t>, claimed: &mut u64) -> Result<ReadyTask<'t>, Box<FixOutcome>> {
        let Some(target) = &task.target else { return Err(Box::new(outcome(&task.plan, None))) };
        match self.open(task, &task.plan, target, claimed) {
            Ok((ready, None)) => Ok(ready),
            Ok((ready, Some(report))) => Err(Box::new(succeeded(&ready, proof(report), true))),
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
        let key = self.key(task, plan, target, &input).map_err(|error| operation(source, &error))?;
        let mut earlier =
            self.fix_record.and_then(|fix_record| fix_record.find_by_content(&key, Some(&input)));
        let mut existing = Existing::Ours;
        if earlier.is_none() {
            existing = check_target(target, &meta, self.fix_record)?;
            if existing == Existing::Unknown && plan.spec.is_none() && self.is_copied(&key, &input, target) {
                earlier = Some(None);
            } else {
                *claimed = check_free_space(target, plan.spec.as_deref(), meta.len(), *claimed)?;
            }
        }
        Ok((ReadyTask { task, plan, target, input, key, existing }, earlier))
    }

    /// Returns whether a file without a record has the bytes of the source, which needs only a copy. Records it.
    fn is_copied(&self, key: &FixRecordKey, input: &File, target: &Path) -> bool {
        let Ok(copy) = open_regular(target) else { return false };
        is_identical(input, &copy).unwrap_or(false) && self.record(key, input, &copy, None).is_ok()
    }

    /// Produces and verifies the outputs of a batch, and reports the outcome of each.
    fn produce(&self, work: usize, ready: &[ReadyTask<'_>], report: &mut dyn FnMut(&Task<'_>, FixOutcome)) {
        let Some(ReadyTask { task: Task { checked, .. }, plan, input, .. }) = ready.first() else { return };
        let path = &checked.source.path;
        let estimates = || ready.iter().map(|ready| ready.task.estimate);
        let _allocation = self.budget.allocate(Resources {
            cores: estimates().map(|estimate| estimate.threads).sum(),
            bytes: estimates().map(|estimate| estimate.memory_bytes).sum(),
        });
        self.observer.notice(Event::Started {
            work,
            path,
            what: plan.action.name(),
            media_s: Some(estimates().map(|estimate| estimate.media_s).sum()),
            core_s: estimates().map(|estimate| estimate.core_s).sum(),
        });
        let context = ProduceContext {
            runner: self.runner,
            observer: self.observer,
            cancel: self.cancel,
            verify: self.settings.verify,
            work,
        };
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
                Ok((report, publication)) => {
                    succeeded(ready, proof(report), publication == Publication::Kept)
                }
                Err(failure) => self.reencode_failed_copy(&context, ready, failure),
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
    ) -> Result<(Option<FixReport>, Publication), Failure> {
        let ReadyTask { task, target, input, key, existing, .. } = ready;
        let record = |output: &File, report: Option<&FixReport>| self.record(key, input, output, report);
        match self.output_request(ready) {
            None => copy(input, target, *existing, &record).map(|publication| (None, publication)),
            Some(request) => {
                let source = &task.checked.source.path;
                let produced = produce_output(context, source, input, &request, attempt, *existing, &record);
                produced.map(|(report, publication)| (Some(report), publication))
            }
        }
    }

    /// Re-encodes an output whose stream copy failed verification: the same packets can have other properties
    /// in another container. Returns the original failure if re-encoding is not possible.
    fn reencode_failed_copy(
        &self,
        context: &ProduceContext<'_>,
        copied: &ReadyTask<'_>,
        failure: Failure,
    ) -> FixOutcome {
        let Some(plan) = self.plan_encode(copied, &failure) else {
            return outcome(copied.plan, Some(failure));
        };
        let fixed = self.open(copied.task, &plan, copied.target, &mut 0).and_then(|(ready, earlier)| {
            let (report, publication) = match earlier {
                Some(report) => (report, Publication::Kept),
                None => self.finish(context, &ready, None)?,
            };
            Ok(succeeded(&ready, proof(report), publication == Publication::Kept))
        });
        fixed.unwrap_or_else(|failure| outcome(&plan, Some(failure)))
    }

    /// Returns the plan that re-encodes a copied stream; `None` if the verification of a copy is not what failed.
    fn plan_encode(&self, copied: &ReadyTask<'_>, failure: &Failure) -> Option<FixPlan> {
        let Task { checked, profile_index, .. } = copied.task;
        let copies = matches!(copied.plan.spec.as_deref()?.video, Some(VideoPlan::Copy { .. }));
        if !copies || failure.kind != FailureKind::Unproven {
            return None;
        }
        let reason = failure.message.strip_prefix(VERIFICATION_FAILED).unwrap_or(&failure.message);
        let options = FixOptions { copy_failed: Some(reason.to_owned()), ..self.settings.options.clone() };
        let facts = checked.result.as_ref().ok()?;
        let (assessment, profile) =
            checked.assessments.get(*profile_index).zip(self.profiles.get(*profile_index))?;
        let plan = plan(facts, assessment, profile, &options, &self.settings.machine);
        plan.spec.is_some().then_some(plan)
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

/// A task with its opened source.
struct ReadyTask<'t> {
    task: &'t Task<'t>,
    plan: &'t FixPlan,
    target: &'t Path,
    input: File,
    key: FixRecordKey,
    existing: Existing,
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

/// Returns the proof of an output. Only compliant outputs get their final names, so the verdict is fixed.
fn proof(report: Option<FixReport>) -> Proof {
    let encoder = report.as_ref().and_then(|report| report.encoder);
    let (facts, verify) = report.map(|report| (report.facts, report.verify)).unzip();
    Proof { verdict: Verdict::Compliant, verify, facts, encoder }
}

fn outcome(plan: &FixPlan, failure: Option<Failure>) -> FixOutcome {
    FixOutcome { plan: plan.clone(), output: None, proof: None, failure, reused: false }
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
    use crate::plan::{Action, VideoEncoder, example};

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
        let sources = [SourceFile { path, relative: "video.mov".into(), named: true, not_opened: None }];
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
                output_extension: None,
                max_name_chars: None,
            };
            plan_text(&plan, VerifyLevel::Full)
        };
        assert_ne!(text(VideoEncoder::X264), text(VideoEncoder::Nvenc));
        assert_eq!(text(VideoEncoder::Nvenc), text(VideoEncoder::Nvenc));
    }
}
