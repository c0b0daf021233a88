//! Plan, make, prove, rename.
//!
//! All files are checked and planned first: probing costs milliseconds, and only the whole list
//! tells which outputs would collide and which jobs are the longest. After that every file goes its
//! own way to the end.

use std::collections::HashSet;
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::job::{FixReport, Runner, VerifyLevel};
use crate::plan::{FixOptions, FixPlan, Machine, VideoPlan, plan};
use crate::profile::Profile;
use crate::rules::Verdict;

use super::budget::{Budget, Means};
use super::check::{CheckOptions, Checked, check, open_regular};
use super::discover::Source;
use super::events::{Event, Observer};
use super::fix_record::{FixRecord, FixRecordKey};
use super::free_space::room_for;
use super::outcome::{Failure, FailureKind, FixOutcome, Outcome, Proof};
use super::parallel::run_in_parallel;
use super::produce::{
    Attempt, Making, THROWN_AWAY, Wanted, copy, make_output, make_together, may_write, operation,
};
use super::tasks::{Task, announce, longest_first, plan_all, refuse_collisions};

/// What a fix shall do.
#[derive(Clone, Debug)]
pub struct FixSettings {
    /// Consents and choices for the planner.
    pub options: FixOptions,
    /// The machine, for the planner's thread count.
    pub machine: Machine,
    /// Bytes of memory that files side by side may take together.
    pub memory_bytes: u64,
    /// How far outputs are proven.
    pub verify: VerifyLevel,
    /// Where outputs go; `None` only plans.
    pub out: Option<PathBuf>,
    /// How they are arranged there.
    pub layout: Layout,
}

/// How outputs are arranged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// Like the sources, compliant ones copied too: a complete set for people.
    #[default]
    Mirror,
    /// In a folder for each source; compliant sources are used where they lie. For shipping.
    BySource,
}

/// Checks and fixes `sources` under every profile. One outcome for each pair, in the order of the
/// sources, then of the profiles; `done` is told each as soon as it is there.
#[allow(clippy::too_many_arguments)]
pub fn fix(
    sources: &[Source],
    profiles: &[Profile],
    check_options: &CheckOptions,
    settings: &FixSettings,
    ledger: Option<&FixRecord>,
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
    let worker = Worker {
        settings,
        profiles,
        ledger,
        runner,
        observer,
        cancel,
        budget: Budget::new(Means { cores: settings.machine.cores, bytes: settings.memory_bytes }),
    };
    announce(tasks.iter().filter(|task| !worker.is_made(task)), observer);
    let planned: HashSet<usize> =
        tasks.iter().map(|task| position_of(task, &checked, profiles.len())).collect();
    for (index, outcome) in outcomes.iter().enumerate() {
        if !planned.contains(&index) {
            done(outcome);
        }
    }
    let batches = longest_first(&tasks, settings.memory_bytes);
    let made = run_in_parallel(batches.len(), runner.width(), |work| {
        let batch = &batches[work];
        let at = |task: &Task<'_>| position_of(task, &checked, profiles.len());
        let mut made = Vec::new();
        worker.carry_out(work, batch, &mut |task, fix| {
            let at = at(task);
            let outcome = Outcome { fix: Some(fix), ..outcomes[at].clone() };
            done(&outcome);
            made.push((at, outcome.fix));
        });
        made
    });
    for (at, fix) in made.into_iter().flatten() {
        outcomes[at].fix = fix;
    }
    outcomes
}

fn position_of(task: &Task<'_>, checked: &[Checked], profiles: usize) -> usize {
    // Tasks borrow from `checked`, so the distance of the references is the index.
    let index = checked.iter().position(|file| std::ptr::eq(file, task.checked)).unwrap_or(0);
    index * profiles + task.profile_index
}

struct Worker<'a> {
    settings: &'a FixSettings,
    profiles: &'a [Profile],
    ledger: Option<&'a FixRecord>,
    runner: &'a dyn Runner,
    observer: &'a dyn Observer,
    cancel: &'a Arc<AtomicBool>,
    budget: Budget,
}

impl Worker<'_> {
    /// Whether an earlier run has made the output and it still stands.
    fn is_made(&self, task: &Task<'_>) -> bool {
        let (Some(target), Some(ledger)) = (&task.target, self.ledger) else { return false };
        let Ok(meta) = std::fs::metadata(&task.checked.source.path) else { return false };
        let key = FixRecordKey::new(&meta, &plan_text(&task.plan, self.settings.verify), target);
        ledger.find(&key).is_some()
    }

    /// Does the tasks of one batch, and tells what came of each as soon as it is known.
    fn carry_out(&self, work: usize, batch: &[&Task<'_>], tell: &mut dyn FnMut(&Task<'_>, FixOutcome)) {
        let mut ready = Vec::new();
        let mut claimed = 0;
        for task in batch {
            match self.prepare(task, &mut claimed) {
                Ok(next) => ready.push(next),
                Err(fix) => tell(task, *fix),
            }
        }
        self.produce(work, &ready, tell);
    }

    /// Looks at what can be known before anything is made; that may settle it.
    fn prepare<'t>(&self, task: &'t Task<'t>, claimed: &mut u64) -> Result<Ready<'t>, Box<FixOutcome>> {
        let Some(target) = &task.target else { return Err(Box::new(outcome(&task.plan, None))) };
        match self.look(task, &task.plan, target, claimed) {
            Ok((ready, None)) => Ok(ready),
            Ok((ready, Some(report))) => Err(Box::new(stands(&ready, proof(report), true))),
            Err(failure) => Err(Box::new(outcome(&task.plan, Some(failure)))),
        }
    }

    /// Opens the source, and looks for what an earlier run made of it.
    fn look<'t>(
        &self,
        task: &'t Task<'t>,
        plan: &'t FixPlan,
        target: &'t Path,
        claimed: &mut u64,
    ) -> Result<(Ready<'t>, Option<Option<FixReport>>), Failure> {
        let source = &task.checked.source.path;
        let input = open_regular(source)?;
        let meta = input.metadata().map_err(|error| operation(source, &error))?;
        let key = FixRecordKey::new(&meta, &plan_text(plan, self.settings.verify), target);
        let earlier = self.ledger.and_then(|ledger| ledger.find(&key));
        if earlier.is_none() {
            may_write(target, &meta, self.ledger)?;
            *claimed = room_for(target, plan.spec.as_deref(), meta.len(), *claimed)?;
        }
        Ok((Ready { task, plan, target, input, key }, earlier))
    }

    /// Makes the outputs of a batch, proves them, and tells what came of each.
    fn produce(&self, work: usize, ready: &[Ready<'_>], tell: &mut dyn FnMut(&Task<'_>, FixOutcome)) {
        let Some(Ready { task: Task { checked, .. }, plan, input, .. }) = ready.first() else { return };
        let path = &checked.source.path;
        let efforts = || ready.iter().map(|ready| ready.task.effort);
        let _share = self.budget.take(Means {
            cores: efforts().map(|effort| effort.threads).sum(),
            bytes: efforts().map(|effort| effort.memory_bytes).sum(),
        });
        self.observer.notice(Event::Started {
            work,
            path,
            what: plan.action.name(),
            media_s: Some(efforts().map(|effort| effort.media_s).sum()),
            core_s: efforts().map(|effort| effort.core_s).sum(),
        });
        let making = Making {
            runner: self.runner,
            observer: self.observer,
            cancel: self.cancel,
            verify: self.settings.verify,
            work,
        };
        let mut attempts = Vec::new();
        if ready.len() > 1 {
            let wanted: Vec<_> = ready.iter().filter_map(|ready| self.wanted(ready)).collect();
            attempts = make_together(&making, path, input, &wanted);
        }
        let attempts = attempts.into_iter().chain(std::iter::repeat_with(|| None));
        // What is good gets its name before others are tried again, which may take long.
        let (good, rest): (Vec<_>, Vec<_>) = ready.iter().zip(attempts).partition(|(ready, attempt)| {
            let wanted = self.wanted(ready);
            attempt.as_ref().zip(wanted).is_some_and(|(attempt, wanted)| attempt.is_good(&wanted))
        });
        let mut made = 0;
        for (ready, attempt) in good.into_iter().chain(rest) {
            let fix = match self.finish(&making, ready, attempt) {
                Ok(report) => stands(ready, proof(report), false),
                Err(failure) => self.encode_instead(&making, ready, failure),
            };
            made += usize::from(fix.output.is_some());
            tell(ready.task, fix);
        }
        self.observer.notice(Event::Finished { work, made });
    }

    /// What is to be made, unless it is a plain copy.
    fn wanted<'t>(&'t self, ready: &'t Ready<'_>) -> Option<Wanted<'t>> {
        let Ready { task, plan, target, .. } = ready;
        let (spec, profile) = (plan.spec.as_deref()?, self.profiles.get(task.profile_index)?);
        Some(Wanted { spec, profile, target })
    }

    /// Brings one output under its name.
    fn finish(
        &self,
        making: &Making<'_>,
        ready: &Ready<'_>,
        attempt: Option<Attempt>,
    ) -> Result<Option<FixReport>, Failure> {
        let Ready { task, target, input, key, .. } = ready;
        let remember = |made: &Metadata, report: Option<&FixReport>| self.remember(key, made, report);
        match self.wanted(ready) {
            None => copy(input, target, &remember).map(|()| None),
            Some(wanted) => {
                let source = &task.checked.source.path;
                make_output(making, source, input, &wanted, attempt, &remember).map(Some)
            }
        }
    }

    /// Encodes what was copied and did not pass: another container says other things of the same packets. What
    /// cannot be mended that way fails as it did.
    fn encode_instead(&self, making: &Making<'_>, copied: &Ready<'_>, failure: Failure) -> FixOutcome {
        let Some(plan) = self.plan_encode(copied, &failure) else {
            return outcome(copied.plan, Some(failure));
        };
        let made = self.look(copied.task, &plan, copied.target, &mut 0).and_then(|(ready, earlier)| {
            let reused = earlier.is_some();
            let report = earlier.map_or_else(|| self.finish(making, &ready, None), Ok)?;
            Ok(stands(&ready, proof(report), reused))
        });
        made.unwrap_or_else(|failure| outcome(&plan, Some(failure)))
    }

    /// The plan that encodes what a plan copied; `None` where that is not what failed.
    fn plan_encode(&self, copied: &Ready<'_>, failure: &Failure) -> Option<FixPlan> {
        let Task { checked, profile_index, .. } = copied.task;
        let copies = matches!(copied.plan.spec.as_deref()?.video, Some(VideoPlan::Copy { .. }));
        if !copies || failure.kind != FailureKind::Unproven {
            return None;
        }
        let why = failure.message.strip_prefix(THROWN_AWAY).unwrap_or(&failure.message);
        let options = FixOptions { copy_failed: Some(why.to_owned()), ..self.settings.options.clone() };
        let facts = checked.result.as_ref().ok()?;
        let (assessment, profile) =
            checked.assessments.get(*profile_index).zip(self.profiles.get(*profile_index))?;
        let plan = plan(facts, assessment, profile, &options, &self.settings.machine);
        plan.spec.is_some().then_some(plan)
    }

    /// Writes down what is about to get its name. Without a record the output could never be
    /// replaced by a later run, so it is not made.
    fn remember(&self, key: &FixRecordKey, made: &Metadata, report: Option<&FixReport>) -> io::Result<()> {
        self.ledger.map_or(Ok(()), |ledger| ledger.record(key.clone(), made, report))
    }
}

/// A task that can begin.
struct Ready<'t> {
    task: &'t Task<'t>,
    plan: &'t FixPlan,
    target: &'t Path,
    input: File,
    key: FixRecordKey,
}

/// An output that has its name.
fn stands(ready: &Ready<'_>, proof: Proof, reused: bool) -> FixOutcome {
    FixOutcome {
        plan: ready.plan.clone(),
        output: Some(ready.target.to_owned()),
        proof: Some(proof),
        failure: None,
        reused,
    }
}

/// Nothing gets its final name without complying.
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
    use crate::plan::{Action, VideoEncoder, sample};

    /// Proves no copy of a picture.
    struct NoCopies(InProcessRunner);

    impl Runner for NoCopies {
        fn run(&self, request: JobRequest, tell: &mut dyn FnMut(Progress)) -> Result<JobOutput, JobError> {
            let copies = |spec: &crate::plan::OutputSpec| matches!(spec.video, Some(VideoPlan::Copy { .. }));
            let copied = matches!(&request.job, Job::Fix { specs, .. } if specs.iter().any(copies));
            let mut output = self.0.run(request, tell)?;
            if let (true, JobOutput::Fixed { results }) = (copied, &mut output) {
                results.iter_mut().flatten().for_each(|report| report.verify.failures.push("odd".into()));
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
    fn what_no_copy_passes_for_is_encoded_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        // Its index lies behind the media data.
        let path = dir.path().join("film.mov");
        std::fs::copy(fixtures.join("npm-vide-ocean.mp4"), &path).unwrap();
        let sources = [Source { path, relative: "film.mov".into(), named: true }];
        let text = "id = \"house\"\nextends = \"tiktok-ads\"\n[rule.container]\nallow = [\"mp4\"]\n\
                    [rule.extension]\nallow = [\"mp4\"]\n[rule.metadata-privacy]\nseverity = \"error\"\n";
        let profiles = [Profile::parse(text, &Profile::builtin).unwrap()];
        let settings = FixSettings {
            options: FixOptions { upscale: true, ..FixOptions::default() },
            machine: Machine { cores: 2 },
            memory_bytes: 1 << 32,
            verify: VerifyLevel::Structure,
            out: Some(dir.path().join("out")),
            layout: Layout::Mirror,
        };
        let ledger = FixRecord::open(&dir.path().join("fix.jsonl")).unwrap();
        let fixed = || {
            let (runner, cancel) = (NoCopies(InProcessRunner::new(1)), Arc::default());
            let options = CheckOptions::default();
            let all = fix(
                &sources,
                &profiles,
                &options,
                &settings,
                Some(&ledger),
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
        assert!(first.plan.reason.unwrap().contains("a copy does not pass: odd"));
        let again = fixed();
        assert_eq!((again.plan.action, again.reused), (Action::Reencode, true));
    }

    #[test]
    fn an_output_of_another_encoder_is_another_output() {
        let text = |encoder| {
            let encode = crate::plan::VideoEncode { encoder, ..sample::video_encode(640, 360, 30) };
            let spec = sample::output(VideoPlan::Encode(Box::new(encode)), None);
            let plan = FixPlan {
                action: Action::Reencode,
                spec: Some(Box::new(spec)),
                steps: Vec::new(),
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
