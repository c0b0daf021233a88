//! Runs jobs in the caller's thread, for library users who trust their files.

use super::run_job::{describe, execute};
use crate::job::{JobError, JobOutput, JobRequest, Progress, Runner, WorkerInfo};

/// Runs jobs without isolation: a decoder that crashes terminates this process.
#[derive(Clone, Debug)]
pub struct InProcessRunner {
    width: usize,
}

impl InProcessRunner {
    /// Creates a runner for `width` threads, at least one.
    pub fn new(width: usize) -> InProcessRunner {
        InProcessRunner { width: width.max(1) }
    }
}

impl Runner for InProcessRunner {
    fn run(&self, request: JobRequest, progress: &mut dyn FnMut(Progress)) -> Result<JobOutput, JobError> {
        execute(&request.job, request.files, &request.name, request.cancel, progress)
    }

    fn width(&self) -> usize {
        self.width
    }

    fn describe(&self) -> Result<WorkerInfo, JobError> {
        Ok(describe())
    }
}
