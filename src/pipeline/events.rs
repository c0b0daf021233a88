//! Progress events of a run.

use std::path::Path;

use crate::job::Progress;

/// A progress event. It borrows its data, so an observer that stores it must copy.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The files are known and will be checked.
    Found {
        /// Number of files.
        files: usize,
    },
    /// A file was assessed under every profile.
    Checked {
        /// The file.
        path: &'a Path,
    },
    /// All outputs are planned.
    Planned {
        /// Number of outputs to produce.
        outputs: usize,
        /// Total duration of the outputs in seconds, as far as known.
        media_s: f64,
        /// Estimated processor time in seconds.
        core_s: f64,
    },
    /// A job for one or several outputs of one source started.
    Started {
        /// The number of the job, used by the later events of the job.
        work: usize,
        /// The source.
        path: &'a Path,
        /// The action to display, such as `reencode`.
        what: &'a str,
        /// Duration of the media in seconds, if known.
        media_s: Option<f64>,
        /// Estimated processor time in seconds.
        core_s: f64,
    },
    /// A job progressed.
    Advanced {
        /// The number of the job.
        work: usize,
        /// The progress.
        progress: Progress,
    },
    /// A job ended.
    Finished {
        /// The number of the job.
        work: usize,
        /// Number of outputs that have their final names.
        outputs: usize,
    },
}

/// Receives the events, on any thread. The events of one file arrive in order.
pub trait Observer: Sync {
    /// Handles `event`. Must return quickly, because the job waits for it.
    fn notice(&self, event: Event<'_>);
}

/// An observer that ignores all events.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn notice(&self, _event: Event<'_>) {}
}
