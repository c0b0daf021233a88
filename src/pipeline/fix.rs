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

use crate::job::{FixReport, MOST_OUTPUTS, Runner, VerifyLevel};
use crate::plan::{Action, Effort, FixOptions, FixPlan, Machine, Refusal, plan};
use crate::profile::Profile;
use crate::rules::Verdict;

use super::budget::{Budget, Means};
use super::check::{CheckOptions, Checked, check, open_regular};
use super::discover::Source;
use super::events::{Event, Observer};
use super::ledger::{FixLedger, LedgerKey};
use super::make::{Attempt, Making, Wanted, copy, make_output, make_together, may_write, operation};
use super::names::{find_collisions, output_name};
use super::outcome::{Failure, FixOutcome, Outcome, Proof};
use super::side_by_side::side_by_side;
use super::space::room_for;

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
    let films = longest_first(&tasks);
    let made = side_by_side(films.len(), runner.width(), |position| {
        let mut made = Vec::new();
        for batch in batches(films[position], settings.memory_bytes) {
            for (task, fix) in batch.iter().zip(worker.carry_out(&batch)) {
                let at = position_of(task, &checked, profiles.len());
                let outcome = Outcome { fix: Some(fix), ..outcomes[at].clone() };
                done(&outcome);
                made.push((at, outcome.fix));
            }
        }
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

/// The tasks of each film, re-encodes before copies, long before short: the last job to end should be a small
/// one.
fn longest_first<'t, 'a>(tasks: &'t [Task<'a>]) -> Vec<&'t [Task<'a>]> {
    let work = |film: &[Task<'_>]| film.iter().map(|task| task.effort.core_s).sum::<f64>();
    let mut films: Vec<_> = tasks.chunk_by(|one, other| std::ptr::eq(one.checked, other.checked)).collect();
    films.sort_by(|one, other| work(other).total_cmp(&work(one)));
    films
}

/// The tasks of one film in groups that one job makes: outputs of one plan, which are made once, and encodes
/// that need the same pictures, as far as memory allows.
fn batches<'t, 'a>(film: &'t [Task<'a>], memory_bytes: u64) -> Vec<Vec<&'t Task<'a>>> {
    let mut batches: Vec<Vec<&Task<'_>>> = Vec::new();
    for task in film {
        let fits = |batch: &&mut Vec<&Task<'_>>| fits(task, batch, memory_bytes);
        match batches.iter_mut().find(fits) {
            Some(batch) => batch.push(task),
            None => batches.push(vec![task]),
        }
    }
    batches
}

/// Whether a task can be done by the same job as those.
fn fits(task: &Task<'_>, batch: &[&Task<'_>], memory_bytes: u64) -> bool {
    let spec = |task: &&Task<'_>| task.target.as_ref().and(task.plan.spec.clone());
    let (Some(wanted), Some(first)) = (spec(&task), batch.first().and_then(spec)) else { return false };
    if batch.iter().filter_map(spec).any(|other| other == wanted) {
        return true;
    }
    let memory = batch.iter().map(|task| task.effort.memory_bytes).sum::<u64>();
    batch.len() < MOST_OUTPUTS
        && wanted.can_share_decode(&first)
        && memory + task.effort.memory_bytes <= memory_bytes
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

    /// Does the tasks of one batch. What came of each.
    fn carry_out(&self, batch: &[&Task<'_>]) -> Vec<FixOutcome> {
        let mut ready = Vec::new();
        let mut settled = Vec::new();
        for task in batch {
            match self.prepare(task) {
                Ok(next) => {
                    ready.push(next);
                    settled.push(None);
                }
                Err(fix) => settled.push(Some(*fix)),
            }
        }
        let mut made = self.produce(&ready).into_iter();
        settled.into_iter().filter_map(|settled| settled.or_else(|| made.next())).collect()
    }

    /// Looks at what can be known before anything is made; that may settle it.
    fn prepare<'t>(&self, task: &'t Task<'t>) -> Result<Ready<'t>, Box<FixOutcome>> {
        let Some(target) = &task.target else { return Err(Box::new(outcome(&task.plan, None))) };
        match self.look(task, target) {
            Ok((ready, None)) => Ok(ready),
            Ok((ready, Some(report))) => Err(Box::new(stands(&ready, proof(report), true))),
            Err(failure) => Err(Box::new(outcome(&task.plan, Some(failure)))),
        }
    }

    /// Opens the source, and looks for what an earlier run made of it.
    fn look<'t>(
        &self,
        task: &'t Task<'t>,
        target: &'t Path,
    ) -> Result<(Ready<'t>, Option<Option<FixReport>>), Failure> {
        let source = &task.checked.source.path;
        let input = open_regular(source)?;
        let meta = input.metadata().map_err(|error| operation(source, &error))?;
        let key = LedgerKey::new(&meta, &plan_text(&task.plan, self.settings.verify), target);
        let earlier = self.ledger.and_then(|ledger| ledger.find(&key));
        if earlier.is_none() {
            may_write(target, &meta, self.ledger)?;
            room_for(target, task.plan.spec.as_deref(), meta.len())?;
        }
        Ok((Ready { task, target, input, key }, earlier))
    }

    /// Makes the outputs of a batch and proves them. What came of each.
    fn produce(&self, ready: &[Ready<'_>]) -> Vec<FixOutcome> {
        let Some(Ready { task: Task { checked, plan, .. }, input, .. }) = ready.first() else {
            return Vec::new();
        };
        let path = &checked.source.path;
        let efforts = || ready.iter().map(|ready| ready.task.effort);
        let _share = self.budget.take(Means {
            cores: efforts().map(|effort| effort.threads).sum(),
            bytes: efforts().map(|effort| effort.memory_bytes).sum(),
        });
        self.observer.notice(Event::Started {
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
        };
        let mut attempts = Vec::new();
        if ready.len() > 1 {
            let wanted: Vec<_> = ready.iter().filter_map(|ready| self.wanted(ready)).collect();
            attempts = make_together(&making, path, input, &wanted);
        }
        let mut attempts = attempts.into_iter();
        let finish = |ready| match self.finish(&making, ready, attempts.next().flatten()) {
            Ok(report) => stands(ready, proof(report), false),
            Err(failure) => outcome(&ready.task.plan, Some(failure)),
        };
        let fixes: Vec<FixOutcome> = ready.iter().map(finish).collect();
        let made = fixes.iter().filter(|fix| fix.output.is_some()).count();
        self.observer.notice(Event::Finished { path, made });
        fixes
    }

    /// What is to be made, unless it is a plain copy.
    fn wanted<'t>(&'t self, ready: &'t Ready<'_>) -> Option<Wanted<'t>> {
        let Ready { task, target, .. } = ready;
        let (spec, profile) = (task.plan.spec.as_deref()?, self.profiles.get(task.profile_index)?);
        Some(Wanted { spec, profile, target })
    }

    /// Brings one output under its name.
    fn finish(
        &self,
        making: &Making<'_>,
        ready: &Ready<'_>,
        attempt: Option<Attempt>,
    ) -> Result<Option<FixReport>, Failure> {
        let Ready { task, target, input, key } = ready;
        let remember = |made: &Metadata, report: Option<&FixReport>| self.remember(key, made, report);
        match self.wanted(ready) {
            None => copy(input, target, &remember).map(|()| None),
            Some(wanted) => {
                let source = &task.checked.source.path;
                make_output(making, source, input, &wanted, attempt, &remember).map(Some)
            }
        }
    }

    /// Writes down what is about to get its name. Without a record the output could never be
    /// replaced by a later run, so it is not made.
    fn remember(&self, key: &LedgerKey, made: &Metadata, report: Option<&FixReport>) -> io::Result<()> {
        self.ledger.map_or(Ok(()), |ledger| ledger.record(key.clone(), made, report))
    }
}

/// A task that can begin.
struct Ready<'t> {
    task: &'t Task<'t>,
    target: &'t Path,
    input: File,
    key: LedgerKey,
}

/// An output that has its name.
fn stands(ready: &Ready<'_>, proof: Proof, reused: bool) -> FixOutcome {
    FixOutcome {
        plan: ready.task.plan.clone(),
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
    use super::*;
    use crate::plan::{VideoEncoder, VideoPlan, sample};

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
}
