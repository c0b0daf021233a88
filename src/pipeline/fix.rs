//! Plans, produces, verifies and renames outputs.
//!
//! All files are checked and planned first: probing takes milliseconds, and only the complete list shows which
//! outputs would collide and which jobs are the longest. After that, the batches are processed independently.

use std::collections::HashSet;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::cache::content_hash;
use crate::job::Runner;
use crate::profile::Profile;

use super::check::{CheckOptions, check};
use super::checked_file::CheckedFile;
use super::discover::SourceFile;
use super::events::Observer;
use super::fix_executor::FixExecutor;
use super::fix_record::FixRecord;
use super::fix_settings::FixSettings;
use super::outcome::Outcome;
use super::parallel::run_in_parallel;
use super::resource_budget::{Budget, Resources};
use super::shared_names::give_longer_names;
use super::source_decode::SourceDecoder;
use super::tasks::{Task, announce, in_work_order, plan_all, refuse_collisions};
use super::twins::by_content;

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
    let resources = Resources { cores: settings.machine.cores, bytes: settings.memory_bytes };
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
            fix_record,
        },
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
    let content_of =
        |file: &File| fix_record.map_or_else(|| content_hash(file), |record| record.content_of(file));
    let batches = in_work_order(&by_content(&tasks, &content_of), runner.width(), resources);
    let fixes = run_in_parallel(batches.len(), runner.width(), |work| {
        let batch = &batches[work];
        let mut fixes = Vec::new();
        executor.execute(work, batch, &mut |task, fix| {
            let index = position_of(task, &checked, profiles.len());
            let outcome = outcomes[index].clone().with_fix(fix);
            done(&outcome);
            fixes.push((index, outcome));
        });
        fixes
    });
    for (index, fixed) in fixes.into_iter().flatten() {
        outcomes[index] = fixed;
    }
    outcomes
}

/// Returns the index of the outcome of a task.
fn position_of(task: &Task<'_>, checked: &[CheckedFile], profiles: usize) -> usize {
    // Tasks borrow from `checked`, so the file is found by its address.
    let index = checked.iter().position(|file| std::ptr::eq(file, task.checked)).unwrap_or(0);
    index * profiles + task.profile_index
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use super::super::events::Silent;
    use super::super::fix_settings::OutputLayout;
    use super::*;
    use crate::job::in_process::InProcessRunner;
    use crate::job::{Job, JobError, JobOutput, JobRequest, Progress, VerifyLevel, WorkerInfo};
    use crate::pipeline::FixOutcome;
    use crate::plan::{Action, FixOptions, Machine, VideoPlan};

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
                results.iter_mut().flatten().for_each(|report| report.verify.fail("timestamps differ"));
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
        let reused = |fix: &FixOutcome| fix.output().map(|output| output.reused);
        assert_eq!((first.plan.action, reused(&first)), (Action::Reencode, Some(false)), "{first:?}");
        assert!(
            first.plan.reason.unwrap().contains("the stream copy failed verification: timestamps differ")
        );
        let again = fixed();
        assert_eq!((again.plan.action, reused(&again)), (Action::Reencode, Some(true)));
    }
}
