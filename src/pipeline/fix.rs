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
use crate::plan::{FixOptions, FixPlan, Machine};
use crate::profile::Profile;
use crate::rules::Verdict;

use super::budget::{Budget, Means};
use super::check::{CheckOptions, Checked, check, open_regular};
use super::discover::Source;
use super::events::{Event, Observer};
use super::ledger::{FixLedger, LedgerKey};
use super::make::{Attempt, Making, Wanted, copy, make_output, make_together, may_write, operation};
use super::outcome::{Failure, FixOutcome, Outcome, Proof};
use super::side_by_side::side_by_side;
use super::space::room_for;
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
    let batches = longest_first(&tasks, settings.memory_bytes);
    let made = side_by_side(batches.len(), runner.width(), |work| {
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
        match self.look(task, target, claimed) {
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
        claimed: &mut u64,
    ) -> Result<(Ready<'t>, Option<Option<FixReport>>), Failure> {
        let source = &task.checked.source.path;
        let input = open_regular(source)?;
        let meta = input.metadata().map_err(|error| operation(source, &error))?;
        let key = LedgerKey::new(&meta, &plan_text(&task.plan, self.settings.verify), target);
        let earlier = self.ledger.and_then(|ledger| ledger.find(&key));
        if earlier.is_none() {
            may_write(target, &meta, self.ledger)?;
            *claimed = room_for(target, task.plan.spec.as_deref(), meta.len(), *claimed)?;
        }
        Ok((Ready { task, target, input, key }, earlier))
    }

    /// Makes the outputs of a batch, proves them, and tells what came of each.
    fn produce(&self, work: usize, ready: &[Ready<'_>], tell: &mut dyn FnMut(&Task<'_>, FixOutcome)) {
        let Some(Ready { task: Task { checked, plan, .. }, input, .. }) = ready.first() else { return };
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
                Err(failure) => outcome(&ready.task.plan, Some(failure)),
            };
            made += usize::from(fix.output.is_some());
            tell(ready.task, fix);
        }
        self.observer.notice(Event::Finished { work, made });
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
    use crate::plan::{Action, VideoEncoder, VideoPlan, sample};

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
