//! What the use cases get from outside: profiles, options, settings and ports.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::job::Runner;
use crate::profile::Profile;

use super::check_options::CheckOptions;
use super::events::Observer;
use super::fix_record::FixRecord;
use super::fix_settings::FixSettings;
use super::store::Store;

/// The profiles and options of a run, and what it needs from outside.
#[derive(Clone, Copy)]
pub struct Pipeline<'a> {
    /// The profiles. Each file has one assessment, plan and outcome for each, in this order.
    pub profiles: &'a [Profile],
    /// The options of checks.
    pub options: &'a CheckOptions,
    /// The files.
    pub store: &'a dyn Store,
    /// Runs the jobs that touch media.
    pub runner: &'a dyn Runner,
    /// Is told about progress.
    pub observer: &'a dyn Observer,
    /// Ends the run as soon as it is set.
    pub cancel: &'a Arc<AtomicBool>,
}

impl fmt::Debug for Pipeline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let profiles: Vec<&str> = self.profiles.iter().map(Profile::id).collect();
        f.debug_struct("Pipeline").field("profiles", &profiles).field("options", self.options).finish()
    }
}

/// How outputs are made, and the record of those that were made before.
#[derive(Clone, Copy, Debug)]
pub struct Fixing<'a> {
    /// The settings.
    pub settings: &'a FixSettings,
    /// The record; `None` makes every output anew.
    pub record: Option<&'a FixRecord>,
}

impl Pipeline<'_> {
    /// Returns whether the run is to end.
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }
}
