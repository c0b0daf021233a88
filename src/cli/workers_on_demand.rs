//! The workers of a run, which start only when a file needs one.

use std::sync::OnceLock;

use crate::job::{JobError, JobOutput, JobRequest, Progress, Runner, WorkerInfo};
use crate::worker::{Isolation, WorkerPool};

use super::error::CliError;
use super::isolation;
use super::settings::Settings;

/// The workers of a run. Before the first job it tests their isolation; until then, no process is started.
#[derive(Debug)]
pub struct WorkersOnDemand {
    pool: WorkerPool,
    isolation: Isolation,
    quiet: bool,
    /// What is missing of the isolation, or why no worker may be used.
    tested: OnceLock<Result<Vec<String>, String>>,
}

impl WorkersOnDemand {
    /// Returns workers whose isolation is not tested yet.
    pub fn new(settings: &Settings, pool: WorkerPool) -> WorkersOnDemand {
        let (isolation, quiet) = (settings.isolation, settings.human.quiet);
        WorkersOnDemand { pool, isolation, quiet, tested: OnceLock::new() }
    }

    /// Starts the first worker in the background.
    pub fn warm_up(&self) {
        self.pool.warm_up();
    }

    /// Returns what is missing of the isolation of the workers; nothing if none was needed.
    pub fn refused(&self) -> &[String] {
        self.tested.get().and_then(|tested| tested.as_ref().ok()).map_or(&[], Vec::as_slice)
    }

    /// Describes the workers; `None` if no file needed one.
    pub fn describe_used(&self) -> Option<WorkerInfo> {
        self.tested.get().and_then(|_| self.describe().ok())
    }

    /// Fails if a file needed a worker, and the system does not give the isolation that the run requires.
    pub fn require_isolated(&self) -> Result<(), CliError> {
        match self.tested.get() {
            Some(Err(reason)) => Err(CliError::NotIsolated(reason.clone())),
            _ => Ok(()),
        }
    }

    /// Like [`require_isolated`](Self::require_isolated), before the first file.
    pub fn require_isolated_now(&self) -> Result<(), CliError> {
        let _ = self.test_isolation();
        self.require_isolated()
    }

    /// Tests the isolation, once in a run.
    ///
    /// # Errors
    /// If the system does not give the isolation that the run requires.
    pub fn test_isolation(&self) -> Result<(), JobError> {
        let tested = self.tested.get_or_init(|| {
            isolation::ensure(self.isolation, self.quiet, &self.pool).map_err(|error| match error {
                CliError::NotIsolated(reason) => reason,
                other => other.to_string(),
            })
        });
        tested.as_ref().map(drop).map_err(|reason| JobError::NotIsolated(reason.clone()))
    }

    fn tested_pool(&self) -> Result<&WorkerPool, JobError> {
        self.test_isolation().map(|()| &self.pool)
    }
}

impl Runner for WorkersOnDemand {
    fn run(&self, request: JobRequest, progress: &mut dyn FnMut(Progress)) -> Result<JobOutput, JobError> {
        self.tested_pool()?.run(request, progress)
    }

    fn width(&self) -> usize {
        self.pool.width()
    }

    fn describe(&self) -> Result<WorkerInfo, JobError> {
        self.tested_pool()?.describe()
    }
}
