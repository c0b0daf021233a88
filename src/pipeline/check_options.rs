//! The options of a check.

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
    /// The most time for all jobs of one file, without waiting; `None` for limits by what the file declares.
    pub time_limit: Option<Duration>,
}

impl CheckOptions {
    /// Returns the clock of a file, if there is a time limit.
    pub(super) fn clock(&self) -> Option<Arc<FileClock>> {
        self.time_limit.map(|limit| Arc::new(FileClock::new(limit)))
    }

    /// Returns the probe depth of this check.
    pub(super) fn depth(&self) -> Depth {
        if self.deep { Depth::Deep } else { Depth::Probe }
    }
}
