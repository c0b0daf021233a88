//! Plan, make, prove, rename.
//!
//! All files are checked and planned first: probing costs milliseconds, and only the whole list
//! tells which outputs would collide and which jobs are the longest. After that every file goes its
//! own way to the end.

use std::collections::HashSet;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::job::{FixReport, Job, JobError, JobFiles, JobOutput, JobRequest, Runner, VerifyLevel};
use crate::plan::{
    Action, Effort, FixOptions, FixPlan, Machine, OutputSpec, Refusal, VideoEncoder, VideoPlan, plan,
};
use crate::profile::Profile;
use crate::rules::{Severity, Subject, Verdict, assess};

use super::budget::{Budget, Means};
use super::check::{CheckOptions, Checked, check, open_regular, shown_name};
use super::discover::{Source, plain};
use super::events::{Event, Observer};
use super::ledger::{FixLedger, LedgerKey};
use super::names::{find_collisions, output_name};
use super::outcome::{Failure, FailureKind, FixOutcome, Outcome, Proof};
use super::side_by_side::side_by_side;
use super::space::room_for;
use super::staging::Staging;

/// How much better the second try after a failed picture comparison is, in steps of x264's CRF.
const BETTER_BY_CRF: f32 = 4.0;

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

/// One output to make: a file under one profile.
struct Task<'a> {
    checked: &'a Checked,
    profile_index: usize,
    plan: FixPlan,
    effort: Effort,
    /// Final path; `None` when there is nothing to write.
    target: Option<PathBuf>,
}

/// Checks and fixes `sources` under every profile. One outcome for each pair, in the order of the
/// sources, then of the profiles; `done` is told each as soon as it is there.
#[allow(clippy::too_many_arguments)]
pub fn fix(
    sources: &[Source],
    profiles: &[Profile],
    check_options: &CheckOptions,
    settings: &FixSettings,
    ledger: Option<&FixLedger>,
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
    let order = longest_first(&tasks);
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
    let made = side_by_side(order.len(), runner.width(), |position| {
        let task = &tasks[order[position]];
        let at = position_of(task, &checked, profiles.len());
        let outcome = Outcome { fix: Some(worker.carry_out(task)), ..outcomes[at].clone() };
        done(&outcome);
        (at, outcome.fix)
    });
    for (at, fix) in made {
        outcomes[at].fix = fix;
    }
    outcomes
}

fn position_of(task: &Task<'_>, checked: &[Checked], profiles: usize) -> usize {
    // Tasks borrow from `checked`, so the distance of the references is the index.
    let index = checked.iter().position(|file| std::ptr::eq(file, task.checked)).unwrap_or(0);
    index * profiles + task.profile_index
}

fn plan_all<'a>(checked: &'a [Checked], profiles: &[Profile], settings: &FixSettings) -> Vec<Task<'a>> {
    let mut tasks = Vec::new();
    for file in checked {
        let Ok(facts) = &file.result else { continue };
        for (profile_index, profile) in profiles.iter().enumerate() {
            let Some(assessment) = file.assessments.get(profile_index) else { continue };
            let plan = plan(facts, assessment, profile, &settings.options, &settings.machine);
            let target = target_of(file, profile, profiles.len(), &plan, settings);
            let proven = settings.verify == VerifyLevel::Full;
            let effort = plan.spec.as_ref().map_or(Effort::NONE, |spec| Effort::of(spec, facts, proven));
            tasks.push(Task { checked: file, profile_index, plan, effort, target });
        }
    }
    tasks
}

fn target_of(
    file: &Checked,
    profile: &Profile,
    profiles: usize,
    plan: &FixPlan,
    settings: &FixSettings,
) -> Option<PathBuf> {
    let out = settings.out.as_ref()?;
    if plan.action == Action::Refused {
        return None;
    }
    let name = output_name(&file.source.relative, plan.output_extension.as_deref(), plan.max_name_chars);
    match settings.layout {
        Layout::Mirror if profiles > 1 => Some(out.join(profile.id()).join(name)),
        Layout::Mirror => Some(out.join(name)),
        Layout::BySource if plan.spec.is_none() => None,
        Layout::BySource => {
            let path = file.source.path.as_os_str().as_encoded_bytes();
            let folder = format!("{}-r{}", &blake3::hash(path).to_hex()[..16], settings.options.recipe);
            Some(out.join(folder).join(name.file_name().unwrap_or(name.as_os_str())))
        }
    }
}

fn refuse_collisions(tasks: &mut [Task<'_>], sources: &[Source], profiles: usize) {
    let claims = tasks.iter().enumerate().filter_map(|(index, task)| Some((index, task.target.as_deref()?)));
    for collision in find_collisions(claims) {
        let names: Vec<String> = collision
            .sources
            .iter()
            .map(|&index| tasks[index].checked.source.path.display().to_string())
            .collect();
        let reason = format!(
            "{} would all be written to {}: rename one of them, or fix them into different folders",
            names.join(" and "),
            collision.target.display()
        );
        for index in collision.sources {
            tasks[index].plan.refuse(Refusal::SameName, reason.clone());
            tasks[index].target = None;
        }
    }
    debug_assert!(tasks.len() <= sources.len() * profiles);
}

fn announce<'a>(tasks: impl Iterator<Item = &'a Task<'a>>, observer: &dyn Observer) {
    let to_make = tasks.filter(|task| task.target.is_some());
    let (outputs, media_s, core_s) = to_make.fold((0, 0.0, 0.0), |(count, media_s, core_s), task| {
        (count + 1, media_s + task.effort.media_s, core_s + task.effort.core_s)
    });
    observer.notice(Event::Planned { outputs, media_s, core_s });
}

/// Re-encodes before copies, long before short: the last job to end should be a small one.
fn longest_first(tasks: &[Task<'_>]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..tasks.len()).collect();
    order.sort_by(|&a, &b| tasks[b].effort.core_s.total_cmp(&tasks[a].effort.core_s).then(a.cmp(&b)));
    order
}

struct Worker<'a> {
    settings: &'a FixSettings,
    profiles: &'a [Profile],
    ledger: Option<&'a FixLedger>,
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
        let key = LedgerKey::new(&meta, &plan_text(&task.plan, self.settings.verify), target);
        ledger.find(&key).is_some()
    }

    fn carry_out(&self, task: &Task<'_>) -> FixOutcome {
        let Some(target) = &task.target else { return outcome(&task.plan, None) };
        let path = &task.checked.source.path;
        match self.produce(task, target) {
            Ok((proof, reused)) => FixOutcome {
                plan: task.plan.clone(),
                output: Some(target.clone()),
                proof: Some(proof),
                failure: None,
                reused,
            },
            Err(failure) => {
                self.observer.notice(Event::Finished { path, made: false });
                outcome(&task.plan, Some(failure))
            }
        }
    }

    fn produce(&self, task: &Task<'_>, target: &Path) -> Result<(Proof, bool), Failure> {
        let source = &task.checked.source.path;
        let input = open_regular(source)?;
        let meta = input.metadata().map_err(|error| operation(source, &error))?;
        let key = LedgerKey::new(&meta, &plan_text(&task.plan, self.settings.verify), target);
        if let Some(report) = self.ledger.and_then(|ledger| ledger.find(&key)) {
            return Ok((proof(report), true));
        }
        may_write(target, &meta, self.ledger)?;
        room_for(target, task.plan.spec.as_deref(), meta.len())?;
        let profile = &self.profiles[task.profile_index];
        let what = task.plan.action.name();
        let Effort { media_s, core_s, threads, memory_bytes } = task.effort;
        let _share = self.budget.take(Means { cores: threads, bytes: memory_bytes });
        self.observer.notice(Event::Started { path: source, what, media_s: Some(media_s), core_s });
        let report = match &task.plan.spec {
            None => copy(&input, target, &|made| self.remember(&key, made, None)).map(|()| None),
            Some(spec) => make_output(
                &Making {
                    runner: self.runner,
                    observer: self.observer,
                    cancel: self.cancel,
                    verify: self.settings.verify,
                },
                source,
                input,
                spec,
                profile,
                target,
                &|made, report| self.remember(&key, made, Some(report)),
            )
            .map(Some),
        }?;
        self.observer.notice(Event::Finished { path: source, made: true });
        Ok((proof(report), false))
    }

    /// Writes down what is about to get its name. Without a record the output could never be
    /// replaced by a later run, so it is not made.
    fn remember(&self, key: &LedgerKey, made: &Metadata, report: Option<&FixReport>) -> io::Result<()> {
        self.ledger.map_or(Ok(()), |ledger| ledger.record(key.clone(), made, report))
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

/// What to do about a disk that takes no more.
const MAKE_ROOM: &str = "free some space, or choose another disk with --out";

fn operation(path: &Path, error: &io::Error) -> Failure {
    let mut message = format!("{}: {}", path.display(), plain(error));
    if let io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge =
        error.kind()
    {
        message.push_str(&format!(": {MAKE_ROOM}"));
    }
    Failure { kind: FailureKind::Operation, message }
}

/// An output may not replace what we did not make, and never the source itself.
fn may_write(target: &Path, source: &Metadata, ledger: Option<&FixLedger>) -> Result<(), Failure> {
    let there = match std::fs::symlink_metadata(target) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(operation(target, &error)),
    };
    if (there.dev(), there.ino()) == (source.dev(), source.ino()) {
        let message = format!("{} is the source itself: choose another folder with --out", target.display());
        return Err(Failure { kind: FailureKind::Operation, message });
    }
    if ledger.is_some_and(|ledger| ledger.is_ours(target, &there)) {
        return Ok(());
    }
    let message = format!(
        "{} is there already and was not made by an earlier run from this file: \
         move it away, or choose another folder with --out",
        target.display()
    );
    Err(Failure { kind: FailureKind::Operation, message })
}

/// Copies a compliant file, sharing its blocks where the file system can.
fn copy(input: &File, target: &Path, remember: &dyn Fn(&Metadata) -> io::Result<()>) -> Result<(), Failure> {
    let failed = |error: io::Error| operation(target, &error);
    let staging = Staging::new(target).map_err(failed)?;
    let mut output = staging.descriptor().map_err(failed)?;
    if rustix::fs::ioctl_ficlone(&output, input).is_err() {
        io::copy(&mut &*input, &mut output).map_err(failed)?;
    }
    let (wanted, got) = (input.metadata().map_err(failed)?.len(), output.metadata().map_err(failed)?.len());
    if wanted != got {
        let message =
            format!("{}: copied {got} of {wanted} bytes, the source changed meanwhile", target.display());
        return Err(Failure { kind: FailureKind::Operation, message });
    }
    let made = output.metadata().map_err(failed)?;
    remember(&made).map_err(|error| unrecorded(target, &error))?;
    staging.publish().map_err(failed)
}

fn unrecorded(target: &Path, error: &io::Error) -> Failure {
    let message = format!(
        "{}: the record of earlier fixes cannot be written, so the output was not kept: {}; \
         free some space beside the configuration",
        target.display(),
        plain(error)
    );
    Failure { kind: FailureKind::Operation, message }
}

/// What making an output needs besides the plan.
#[derive(Clone, Copy)]
pub struct Making<'a> {
    /// Who runs the job.
    pub runner: &'a dyn Runner,
    /// Who is told.
    pub observer: &'a dyn Observer,
    /// Raised to give up.
    pub cancel: &'a Arc<AtomicBool>,
    /// How far the output is proven.
    pub verify: VerifyLevel,
}

/// Makes one output from `input` by `spec`, proves it and puts it at `target`. When only the
/// likeness of the picture fails, it is made once more at higher quality. `remember` is told of the
/// proven file before it gets its name.
pub fn make_output(
    making: &Making<'_>,
    source: &Path,
    input: File,
    spec: &OutputSpec,
    profile: &Profile,
    target: &Path,
    remember: &dyn Fn(&Metadata, &FixReport) -> io::Result<()>,
) -> Result<FixReport, Failure> {
    let mut spec = spec.clone();
    let mut second = false;
    loop {
        let staging = Staging::new(target).map_err(|error| operation(target, &error))?;
        let report = match run_fix(making, source, &input, &spec, &staging) {
            Ok(report) => report,
            // The trial at the start does not show that a device takes every picture, or several at once.
            Err(failure) if may_be_the_encoder(&failure) && in_software(&mut spec) => continue,
            Err(failure) => return Err(failure),
        };
        let problems = problems_of(&report, &shown_name(target), profile);
        if problems.is_empty() {
            let made = staging.descriptor().and_then(|file| file.metadata());
            let made = made.map_err(|error| operation(target, &error))?;
            remember(&made, &report).map_err(|error| unrecorded(target, &error))?;
            staging.publish().map_err(|error| operation(target, &error))?;
            return Ok(report);
        }
        if in_software(&mut spec) {
            continue;
        }
        let improvable = report.verify.quality_only && !second && better(&mut spec);
        if !improvable {
            let message = format!("the output did not pass and was thrown away: {}", problems.join("; "));
            let damaged = report.verify.damaged_source;
            let kind = if damaged { FailureKind::Damaged } else { FailureKind::Unproven };
            return Err(Failure { kind, message });
        }
        second = true;
    }
}

fn run_fix(
    making: &Making<'_>,
    source: &Path,
    input: &File,
    spec: &OutputSpec,
    staging: &Staging,
) -> Result<FixReport, Failure> {
    let files = JobFiles {
        input: input.try_clone().map_err(|error| operation(source, &error))?,
        output: Some(staging.descriptor().map_err(|error| operation(staging.path(), &error))?),
    };
    let job = Job::Fix { spec: Box::new(spec.clone()), verify: making.verify };
    let request = JobRequest { job, files, name: shown_name(source), cancel: Arc::clone(making.cancel) };
    let mut notice = |progress| making.observer.notice(Event::Advanced { path: source, progress });
    match making.runner.run(request, &mut notice) {
        Ok(JobOutput::Fixed(report)) => Ok(*report),
        Ok(_) => Err(super::check::wrong_answer()),
        Err(error) => Err(fix_failure(&error, source, staging)),
    }
}

fn fix_failure(error: &JobError, source: &Path, staging: &Staging) -> Failure {
    let mut failure = Failure::from(error);
    match error {
        JobError::Unreadable(_) | JobError::Cut(_) => failure.message = format!("the source {error}"),
        JobError::Io(_) => {
            let folder = staging.path().parent().unwrap_or(staging.path());
            failure.message = format!(
                "{} into {}: {error}; nothing was kept. Is the disk full? Then {MAKE_ROOM}",
                source.display(),
                folder.display()
            );
        }
        _ => {}
    }
    failure
}

/// Everything that stands against an output: what verification found, and what the rules say.
fn problems_of(report: &FixReport, name: &str, profile: &Profile) -> Vec<String> {
    let mut problems = report.verify.failures.clone();
    let subject = Subject { facts: &report.facts, file_name: name, deep: None };
    let assessment = assess(&subject, profile, &CheckOptions::default().selection);
    if assessment.verdict() != Verdict::Compliant {
        let errors = assessment.findings().iter().filter(|finding| finding.severity == Severity::Error);
        problems.extend(errors.map(|finding| format!("{}: {}", finding.rule, finding.message)));
        if assessment.verdict() == Verdict::Indeterminate {
            problems.push("too little is known about the output to call it compliant".to_owned());
        }
    }
    problems
}

/// Whether a failure may be that of an encoder in hardware.
fn may_be_the_encoder(failure: &Failure) -> bool {
    !matches!(failure.kind, FailureKind::Input | FailureKind::Interrupted)
}

/// Lets x264 encode what a device did not; whether that changes anything.
fn in_software(spec: &mut OutputSpec) -> bool {
    match &mut spec.video {
        Some(VideoPlan::Encode(encode)) if encode.encoder.is_hardware() => {
            encode.encoder = VideoEncoder::X264;
            true
        }
        _ => false,
    }
}

fn better(spec: &mut OutputSpec) -> bool {
    match &mut spec.video {
        Some(VideoPlan::Encode(encode)) => {
            encode.rate.crf = (encode.rate.crf - BETTER_BY_CRF).max(1.0);
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::sample;

    #[test]
    fn an_output_of_another_encoder_is_another_output() {
        let text = |encoder| {
            let encode = crate::plan::VideoEncode { encoder, ..sample::picture(640, 360, 30) };
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

    #[test]
    fn x264_takes_over_once() {
        let mut encode = sample::picture(640, 360, 30);
        encode.encoder = VideoEncoder::Qsv;
        let mut spec = sample::output(VideoPlan::Encode(Box::new(encode)), None);
        assert!(in_software(&mut spec));
        assert_eq!(spec, sample::output(VideoPlan::Encode(Box::new(sample::picture(640, 360, 30))), None));
        assert!(!in_software(&mut spec));
    }
}
