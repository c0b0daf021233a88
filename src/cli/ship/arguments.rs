//! What is asked for: as typed, or as a plan kept it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::cli::args::{CommonArgs, DestinationArgs, FixChoices, ShipArgs, TrialArgs, UntilArg};
use crate::cli::error::CliError;
use crate::ship::Until;

/// Everything that decides what a run of `ship` does, apart from the configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShipArguments {
    /// Folders and files, or one manifest.
    pub paths: Vec<PathBuf>,
    /// The destination's name.
    pub to: String,
    /// The profile, where one was named.
    pub profile: Option<String>,
    /// Whether new ads run at once.
    pub enable: bool,
    /// How far to go.
    pub until: UntilArg,
    /// Consents and choices for fixing.
    pub choices: FixChoices,
    /// Overrides of the destination.
    pub destination: DestinationArgs,
    /// The trial sandbox.
    pub trial: TrialArgs,
}

impl ShipArguments {
    /// What was typed.
    pub fn typed(common: &CommonArgs, args: &ShipArgs) -> Result<ShipArguments, CliError> {
        let profile = match common.profile.as_slice() {
            [] => None,
            [one] => Some(one.clone()),
            _ => return Err(CliError::Usage("ship takes one profile, that of the destination".into())),
        };
        Ok(ShipArguments {
            paths: args.paths.clone(),
            to: args.to.clone().unwrap_or_default(),
            profile,
            enable: args.enable,
            until: args.until,
            choices: args.choices.clone(),
            destination: args.destination.clone(),
            trial: args.trial.clone(),
        })
    }

    /// Whether something was typed that a plan already says.
    pub fn says_more_than_a_plan(common: &CommonArgs, args: &ShipArgs) -> bool {
        !common.profile.is_empty()
            || args.choices != FixChoices::default()
            || args.destination != DestinationArgs::default()
            || args.trial != TrialArgs::default()
    }
}

impl From<UntilArg> for Until {
    fn from(until: UntilArg) -> Until {
        match until {
            UntilArg::Uploaded => Until::Uploaded,
            UntilArg::Ready => Until::Ready,
            UntilArg::Published => Until::Published,
        }
    }
}
