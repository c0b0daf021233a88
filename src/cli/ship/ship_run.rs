//! A run of `ship` whose arguments are resolved.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use crate::cache::Contents;
use crate::cli::cache;
use crate::cli::destination::{Destination, SANDBOX};
use crate::cli::error::CliError;
use crate::cli::fix_options::verify_level;
use crate::cli::progress::ProgressDisplay;
use crate::cli::sandbox::operation;
use crate::cli::settings::Settings;
use crate::facade::LocalAssetPreparer;
use crate::host_memory;
use crate::job::Runner;
use crate::pipeline::{CheckOptions, FixRecord, FixSettings, OutputLayout};
use crate::plan::FixOptions;
use crate::profile::Profile;
use crate::ship::{CheckedCovers, Retry};

use super::arguments::ShipArguments;
use super::input::ShipInput;

/// A resolved run, for a dry run or a real one.
pub struct ShipRun<'a> {
    pub settings: &'a Settings,
    pub ship_arguments: ShipArguments,
    /// The options for fixing, with an encoder that works on this machine.
    pub options: FixOptions,
    pub destination: Destination,
    pub profile: Profile,
    pub ship_input: ShipInput,
    pub runner: Arc<dyn Runner>,
    pub cancel: Arc<AtomicBool>,
    /// The given-up videos that are uploaded again.
    pub retry: Retry,
    /// The covers that were checked.
    pub covers: CheckedCovers,
    /// The hashes of the files, each read once.
    pub contents: Arc<Contents>,
}

impl ShipRun<'_> {
    /// Returns the settings for fixing. `out` is the folder for outputs; with `None`, fixes are only planned.
    pub fn fix_settings(&self, out: Option<PathBuf>) -> Result<FixSettings, CliError> {
        let (choices, config) = (&self.ship_arguments.choices, &self.settings.config.fix);
        Ok(FixSettings {
            options: self.options.clone(),
            machine: self.settings.machine(),
            memory_bytes: host_memory::memory_bytes(),
            verify: verify_level(choices, config)?,
            out,
            layout: OutputLayout::BySource { base: self.settings.config.folder() },
            libraries: None,
        })
    }

    /// Returns what prepares the files, with their outputs in the folder `artifacts`.
    pub fn preparer(
        &self,
        artifacts: PathBuf,
        progress: &Arc<ProgressDisplay>,
    ) -> Result<LocalAssetPreparer, CliError> {
        let path = self.settings.state_folder().join("fix.jsonl");
        let record = FixRecord::open_with(&path, Arc::clone(&self.contents));
        Ok(LocalAssetPreparer {
            runner: Arc::clone(&self.runner),
            observer: progress.clone(),
            settings: self.fix_settings(Some(artifacts))?,
            profile: self.profile.clone(),
            platform: self.destination.platform,
            fix_record: record
                .map_err(|source| operation("cannot open the record of earlier fixes", source))?,
            cancel: Arc::clone(&self.cancel),
            options: CheckOptions {
                probe_cache: cache::open(self.settings, false),
                time_limit: self.settings.time_limit,
                ..CheckOptions::default()
            },
            outcomes: Mutex::new(HashMap::new()),
            covers: self.covers.clone(),
        })
    }

    /// Returns the origin of the destination: the key of its effects in the journal.
    pub fn origin(&self) -> Result<String, CliError> {
        match self.trial_origin() {
            Some(origin) => Ok(origin),
            None => {
                let origin = self.destination.platform.origin_of(&self.destination.base_url);
                origin.map_err(|source| operation("the destination cannot be used", source))
            }
        }
    }

    /// Returns the origin of the trial sandbox; `None` for other destinations.
    pub fn trial_origin(&self) -> Option<String> {
        // The port changes from run to run, the folder of the sandbox's state does not. A journal inside this folder
        // knows no other sandbox, and moves with it.
        let mut folder = self.settings.state_folder();
        if self.destination.journal.starts_with(&folder) {
            folder = PathBuf::from(".greenlit");
        }
        (self.destination.name == SANDBOX).then(|| format!("sandbox:{}", folder.display()))
    }
}
