//! Checks before anything is sent that need a worker or the journal: covers, and the number of ads.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::cli::error::CliError;
use crate::cli::sandbox::operation;
use crate::job::Runner;
use crate::pipeline::{CheckOptions, Pipeline};
use crate::platform::{Platform, Problem, PublicationKind, Row};
use crate::profile::Profile;
use crate::ship::{AdLimitError, CheckedCovers, Journal, Until, ads_to_create, check_ad_limit};

use super::ship_run::ShipRun;

/// Checks the covers of all rows before anything is sent.
pub fn check_covers(
    platform: &dyn Platform,
    rows: &[Row],
    profile: &Profile,
    runner: &dyn Runner,
    cancel: &Arc<AtomicBool>,
) -> (CheckedCovers, Vec<Problem>) {
    let Some(limits) = platform.cover() else { return Default::default() };
    let options = CheckOptions::default();
    let pipeline = Pipeline::over_local_files(std::slice::from_ref(profile), &options, runner, cancel);
    CheckedCovers::check(rows, limits.bytes, &|image| {
        let remarks = pipeline.check_image(image, profile)?;
        Ok(remarks.into_iter().map(|remark| (remark.is_warning, remark.message)).collect())
    })
}

impl ShipRun<'_> {
    /// Checks the number of ads that the run would create.
    pub fn check_ad_limit(
        &self,
        journal: Option<&Journal>,
        max: Option<u32>,
    ) -> Result<Result<(), AdLimitError>, CliError> {
        let creates_ads = self.destination.publication_kind() == PublicationKind::Ad
            && self.ship_arguments.until == Until::Published;
        if !creates_ads {
            return Ok(Ok(()));
        }
        let account = self.destination.journal_account();
        let ads = ads_to_create(
            journal,
            self.destination.platform,
            (&self.origin()?, &account),
            &self.ship_input.rows,
        )
        .map_err(|source| operation("cannot read the journal", source))?;
        Ok(check_ad_limit(ads, self.ship_arguments.enable, max))
    }
}
