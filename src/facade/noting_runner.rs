//! A runner that remembers why no worker could be used.

use std::sync::OnceLock;

use crate::job::{JobError, JobOutput, JobRequest, Progress, Runner, WorkerInfo};

use super::error::{Error, ErrorKind};

/// Passes jobs on, and remembers the first error that would fail every other job, too.
pub(super) struct NotingRunner<'a> {
    runner: &'a dyn Runner,
    unusable: OnceLock<JobError>,
}

impl<'a> NotingRunner<'a> {
    pub(super) fn new(runner: &'a dyn Runner) -> NotingRunner<'a> {
        NotingRunner { runner, unusable: OnceLock::new() }
    }

    /// Fails if a job found that no worker can be used.
    pub(super) fn finish(self) -> Result<(), Error> {
        match self.unusable.into_inner() {
            None => Ok(()),
            Some(error) => Err(Error::with_source(ErrorKind::Worker, "no media worker can be used", error)),
        }
    }
}

impl Runner for NotingRunner<'_> {
    fn run(&self, request: JobRequest, progress: &mut dyn FnMut(Progress)) -> Result<JobOutput, JobError> {
        let result = self.runner.run(request, progress);
        if let Err(error @ (JobError::Unavailable(_) | JobError::NotIsolated(_))) = &result {
            let _ = self.unusable.set(error.clone());
        }
        result
    }

    fn width(&self) -> usize {
        self.runner.width()
    }

    fn describe(&self) -> Result<WorkerInfo, JobError> {
        self.runner.describe()
    }
}
