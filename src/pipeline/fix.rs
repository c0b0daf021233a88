//! Fixes a batch of files: checks and plans all, then produces the outputs batch by batch.
//!
//! All files are checked and planned first: probing takes milliseconds, and only the complete list shows which
//! outputs would collide and which jobs are the longest. After that, the batches are processed independently.

use super::discover::SourceFile;
use super::fix_executor::FixExecutor;
use super::inputs::{Fixing, Pipeline};
use super::outcome::Outcome;
use super::parallel::run_in_parallel;
use super::planned_output::{plan_all, refuse_collisions};
use super::shared_names::give_longer_names;
use super::twins::by_content;
use super::work_batches::{announce, in_work_order};

impl<'a> Pipeline<'a> {
    /// Checks and fixes `sources` under every profile that applies to them. Returns one outcome for each pair, in the
    /// order of the sources, then of the profiles; `done` gets each outcome as soon as it is available.
    pub fn fix(
        &self,
        sources: &[SourceFile],
        fixing: Fixing<'a>,
        done: &(dyn Fn(&Outcome) + Sync),
    ) -> Vec<Outcome> {
        let checked = self.check(sources);
        let mut outcomes: Vec<Outcome> =
            checked.iter().flat_map(|file| file.clone().into_outcomes(self.profiles)).collect();
        let mut outputs = plan_all(self.profiles, &checked, fixing.settings);
        let applies = |outcome: &Outcome| self.options.applies(&outcome.source.path, &outcome.profile);
        let applying: Vec<bool> = outcomes.iter().map(applies).collect();
        outputs.retain(|output| applying[output.position]);
        give_longer_names(&mut outputs, fixing.record);
        refuse_collisions(&mut outputs);
        let executor = FixExecutor::new(*self, fixing);
        announce(outputs.iter().filter(|output| !executor.is_produced(output)), self.observer);
        let mut is_pending = applying.clone();
        outputs.iter().for_each(|output| is_pending[output.position] = false);
        outcomes
            .iter()
            .zip(&is_pending)
            .filter(|(_, pending)| **pending)
            .for_each(|(outcome, _)| done(outcome));
        let videos = by_content(&outputs, self.store, &executor.contents);
        let batches = in_work_order(&videos, self.runner.width(), executor.budget.total());
        let fixes = run_in_parallel(batches.len(), self.runner.width(), |work| {
            let mut fixes = Vec::new();
            executor.execute(work, &batches[work], &mut |output, fix| {
                let outcome = outcomes[output.position].clone().with_fix(fix);
                done(&outcome);
                fixes.push((output.position, outcome));
            });
            fixes
        });
        for (position, fixed) in fixes.into_iter().flatten() {
            outcomes[position] = fixed;
        }
        outcomes
            .into_iter()
            .zip(applying)
            .filter(|(_, applies)| *applies)
            .map(|(outcome, _)| outcome)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;
    use std::sync::Arc;

    use super::super::{CheckOptions, FixOutcome, FixRecord, FixSettings, OutputLayout};
    use super::*;
    use crate::execute::InProcessRunner;
    use crate::job::{Job, JobError, JobOutput, JobRequest, Progress, Runner, VerifyLevel, WorkerInfo};
    use crate::plan::{Action, FixOptions, Machine, VideoPlan};
    use crate::profile::Profile;

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
            libraries: None,
        };
        let fix_record = FixRecord::open(&dir.path().join("fix.jsonl")).unwrap();
        let fixed = || {
            let (options, cancel) = (CheckOptions::default(), Arc::default());
            let runner = FailingCopies(InProcessRunner::new(1));
            let pipeline = Pipeline::over_local_files(&profiles, &options, &runner, &cancel);
            let fixing = Fixing { settings: &settings, record: Some(&fix_record) };
            let all = pipeline.fix(&sources, fixing, &|_| {});
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
