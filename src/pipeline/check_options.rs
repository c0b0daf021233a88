//! The options of a check.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::cache::{Depth, ProbeCache};
use crate::job::FileClock;
use crate::rules::Selection;

/// How the facts of files are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum ProbeMode {
    /// From the headers, and with FFmpeg where they do not settle the facts.
    #[default]
    Auto,
    /// From the headers only: no worker starts, and files that need one are indeterminate.
    Headers,
    /// With FFmpeg only.
    Ffmpeg,
}

/// Decides which profiles of a run apply to a file.
pub trait ProfileScope: fmt::Debug + Send + Sync {
    /// Returns whether the profile with this id applies to the file at a path.
    fn applies(&self, file: &Path, profile: &str) -> bool;
}

/// The options of a check.
#[derive(Clone, Debug, Default)]
pub struct CheckOptions {
    /// The selected rules.
    pub selection: Selection,
    /// How the facts of files are read.
    pub probe: ProbeMode,
    /// Whether to decode and analyse all frames.
    pub deep: bool,
    /// The cached results of earlier runs; `None` probes every file.
    pub probe_cache: Option<Arc<dyn ProbeCache>>,
    /// Which profiles apply to which files; `None` applies each to every file. A fix leaves the other pairs out; a check
    /// assesses them too, and [`applies`](CheckOptions::applies) tells them.
    pub scope: Option<Arc<dyn ProfileScope>>,
    /// The most time for all jobs of one file, without waiting; `None` for limits by what the file declares.
    pub time_limit: Option<Duration>,
}

impl CheckOptions {
    /// Returns whether the profile with this id applies to the file at a path.
    pub fn applies(&self, file: &Path, profile: &str) -> bool {
        self.scope.as_ref().is_none_or(|scope| scope.applies(file, profile))
    }

    /// Returns the clock of a file, if there is a time limit.
    pub(super) fn clock(&self) -> Option<Arc<FileClock>> {
        self.time_limit.map(|limit| Arc::new(FileClock::new(limit)))
    }

    /// Returns the probe depth of this check.
    pub(super) fn depth(&self) -> Depth {
        if self.deep { Depth::Deep } else { Depth::Probe }
    }
}
