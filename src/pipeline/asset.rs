//! The use cases of one asset: check it, plan its fix, prepare it. Batches schedule the same use cases for many.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::job::Runner;
use crate::plan::FixPlan;
use crate::profile::Profile;

use super::asset_check::AssetCheck;
use super::check_options::CheckOptions;
use super::checked_file::CheckedFile;
use super::discover::SourceFile;
use super::events::Silent;
use super::fix_executor::FixExecutor;
use super::fix_settings::FixSettings;
use super::inputs::{Fixing, Pipeline};
use super::local_files::LocalFiles;
use super::outcome::Outcome;
use super::planned_output::{PlannedOutput, plan_outputs};
use super::work_batches::batches;

impl<'a> Pipeline<'a> {
    /// Returns a pipeline over the files of this machine, without an observer.
    pub fn over_local_files(
        profiles: &'a [Profile],
        options: &'a CheckOptions,
        runner: &'a dyn Runner,
        cancel: &'a Arc<AtomicBool>,
    ) -> Pipeline<'a> {
        Pipeline { profiles, options, store: &LocalFiles, runner, observer: &Silent, cancel }
    }

    /// Probes one file, without the cache, and assesses it under each profile.
    pub fn check_asset(&self, source: &SourceFile) -> CheckedFile {
        AssetCheck::new(*self, None).check(source)
    }

    /// Plans the fix of one checked file under each profile; a file without facts has no plans. Ask the same of many
    /// files in one batch to keep their outputs from sharing a name.
    pub fn plan_asset(&self, checked: &CheckedFile, settings: &FixSettings) -> Vec<FixPlan> {
        plan_outputs(self.profiles, checked, settings).into_iter().map(|output| output.plan).collect()
    }

    /// Carries out the plans of one checked file: makes and verifies the outputs and gives them their names. Returns
    /// one outcome for each profile. The file must still be the one that was checked.
    pub fn prepare_asset(
        &self,
        checked: &CheckedFile,
        plans: Vec<FixPlan>,
        fixing: Fixing<'a>,
    ) -> Vec<Outcome> {
        let mut outcomes = checked.clone().into_outcomes(self.profiles);
        let executor = FixExecutor::new(*self, fixing);
        let planned: Vec<PlannedOutput<'_>> = plans
            .into_iter()
            .enumerate()
            .map(|(index, plan)| PlannedOutput::new(self.profiles, checked, index, plan, fixing.settings))
            .collect();
        let all: Vec<_> = planned.iter().collect();
        for (work, batch) in batches(&all, fixing.settings.memory_bytes).iter().enumerate() {
            executor.execute(work, batch, &mut |output, fix| {
                let outcome = &mut outcomes[output.profile_index];
                *outcome = outcome.clone().with_fix(fix);
            });
        }
        outcomes
    }
}
