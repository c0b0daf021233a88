//! Checks the values of the configuration when it is read, whatever the command: a wrong value never waits for the command
//! that uses it.

use super::args::FixChoices;
use super::choice::choice;
use super::config::Config;
use super::destination;
use super::error::CliError;
use super::fix_options::{fix_options, verify_level};
use super::settings::time_limit;
use crate::pipeline::ProbeMode;
use crate::plan::EncodeMode;
use crate::rules::Selection;
use crate::worker::Isolation;

/// Checks every value with a closed list or a format of its own.
///
/// # Errors
/// The first wrong value, with its place.
pub fn check_values(config: &Config) -> Result<(), CliError> {
    let check = &config.check;
    let within = |table: &str, result: Result<(), CliError>| {
        result.map_err(|error| CliError::from(config.wrong(table, super::error::chain(&error))))
    };
    let choices = FixChoices::default();
    within("fix", fix_options(&choices, &config.fix, EncodeMode::Planned).map(drop))?;
    within("fix", verify_level(&choices, &config.fix).map(drop))?;
    within("check", choice::<Isolation>(None, check.isolation.as_deref(), "check.isolation").map(drop))?;
    within("check", choice::<ProbeMode>(None, check.probe.as_deref(), "check.probe").map(drop))?;
    within("check", time_limit(None, check.time_limit.as_deref()).map(drop))?;
    let selection = Selection::new(&check.select, &check.ignore);
    within("check", selection.map(drop).map_err(|source| CliError::Selection { source }))?;
    for (name, table) in &config.destination {
        within(&format!("destination.{name}"), destination::check_table(table))?;
    }
    Ok(())
}
