//! Checks the number of ads before anything is sent.

use crate::cli::error::CliError;
use crate::cli::sandbox::operation;
use crate::platform::PublicationKind;
use crate::ship::{AdLimitError, Journal, Until, ads_to_create, check_ad_limit};

use super::ship_run::ShipRun;

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
