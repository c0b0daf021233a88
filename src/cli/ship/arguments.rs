//! The arguments of `ship`: from the command line or from a plan.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::cli::args::{CommonArgs, DestinationArgs, FixChoices, ShipArgs, TrialArgs};
use crate::cli::config_file::FILE_NAME;
use crate::cli::destination::SANDBOX;
use crate::cli::error::CliError;
use crate::ship::Until;

/// Everything that determines a run of `ship`, apart from the configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShipArguments {
    /// Folders and files, or one manifest.
    pub paths: Vec<PathBuf>,
    /// The destination's name.
    pub to: String,
    /// The profile, if one was given.
    pub profile: Option<String>,
    /// Whether ads are created enabled.
    pub enable: bool,
    /// The state at which the run stops.
    pub until: Until,
    /// Options for fixing.
    pub choices: FixChoices,
    /// Options that override the destination's table.
    pub destination: DestinationArgs,
    /// Options of the trial sandbox.
    pub trial: TrialArgs,
    /// The given-up videos that are uploaded again; a plan of an earlier version has none.
    #[serde(default)]
    pub retry: Vec<PathBuf>,
}

impl ShipArguments {
    /// Returns the arguments of the command line.
    pub fn from_command_line(common: &CommonArgs, args: &ShipArgs) -> Result<ShipArguments, CliError> {
        let profile = match common.profile.as_slice() {
            [] => None,
            [one] => Some(one.clone()),
            _ => return Err(CliError::Usage("ship takes only one --profile".into())),
        };
        let Some(to) = args.to.clone() else {
            return Err(CliError::Usage(format!(
                "ship needs a destination: give --to the name of a [destination.NAME] table of {FILE_NAME}, or try \
                 it with `--to {SANDBOX}`, which needs no account"
            )));
        };
        Ok(ShipArguments {
            paths: args.paths.clone(),
            to,
            profile,
            enable: args.enable,
            until: args.until,
            choices: args.choices.clone(),
            destination: args.destination.clone(),
            trial: args.trial.clone(),
            retry: args.retry.clone(),
        })
    }

    /// Returns whether options were given that a plan already contains.
    pub fn conflict_with_plan(common: &CommonArgs, args: &ShipArgs) -> bool {
        !common.profile.is_empty()
            || args.choices != FixChoices::default()
            // A base URL that is typed again is the consent to a foreign host.
            || DestinationArgs { base_url: None, ..args.destination.clone() } != DestinationArgs::default()
            || args.trial != TrialArgs::default()
            || !args.retry.is_empty()
    }
}
