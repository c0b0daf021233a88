//! A unit of work on one file, as data, and the port of those who run it.
//!
//! A job carries no path: whoever submits it opens the files and hands over descriptors, so that a
//! worker process can do without opening anything after its start. Paths are for people only.

pub mod execute;
pub mod in_process;
mod protocol;
pub mod worker;
mod worker_info;

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub use protocol::{
    CoverReport, FixReport, Job, JobOutput, MappedFile, ProbeDepth, Progress, Similarity, VerifyLevel,
    VerifyReport, WorkerInfo,
};

/// Outputs that one job can make.
pub const MOST_OUTPUTS: usize = 4;

/// The descriptors a job works on.
#[derive(Debug)]
pub struct JobFiles {
    /// The media to read, positioned anywhere; it is read by offset.
    pub input: File,
    /// Where outputs of a fix, or a cover picture, are written: empty staging files, readable and writable, at
    /// most [`MOST_OUTPUTS`].
    pub outputs: Vec<File>,
}

/// A job with what belongs to it.
#[derive(Debug)]
pub struct JobRequest {
    /// What to do.
    pub job: Job,
    /// On what.
    pub files: JobFiles,
    /// A short name for messages, already safe to show; also gives the extension.
    pub name: String,
    /// Raised by the submitter to give up; the job then ends with [`JobError::Cancelled`].
    pub cancel: Arc<AtomicBool>,
}

/// Why a job gave no result. Split by whose fault it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
#[serde(tag = "error", content = "detail", rename_all = "kebab-case")]
pub enum JobError {
    /// The bytes are not media that the library can read.
    #[error("cannot be read as media: {0}")]
    Unreadable(String),
    /// As [`JobError::Unreadable`], because data that the file declares is not there.
    #[error("cannot be read as media: {0}")]
    Truncated(String),
    /// Decoding made the worker crash, hang, or reach its limits.
    #[error("{0}")]
    WorkerLost(String),
    /// The input is fine, the output did not come out as planned.
    #[error("{0}")]
    Failed(String),
    /// Reading or writing failed: device, disk full, permission.
    #[error("{0}")]
    Io(String),
    /// The submitter gave up.
    #[error("stopped before it was done; the same command goes on from here")]
    Cancelled,
    /// No worker can be had: binary missing, version different, spawn refused.
    #[error("{0}")]
    Unavailable(String),
}

/// Runs jobs. One call is one job; calls from several threads run side by side.
///
/// The contract: `run` never panics because of what is in the file, always returns, and leaves the
/// runner ready for the next job whatever happened. Progress is reported from the calling thread.
/// A job may be run again after an error, except that its output file must be empty again.
pub trait Runner: Send + Sync {
    /// Runs one job to its end.
    fn run(&self, request: JobRequest, progress: &mut dyn FnMut(Progress)) -> Result<JobOutput, JobError>;

    /// Runs short jobs one after the other and gives away the result of each, in their order, as soon as
    /// it is there. Cheaper than [`Runner::run`] for each; the same otherwise.
    fn run_in_turn(&self, requests: Vec<JobRequest>, give: &mut dyn FnMut(Result<JobOutput, JobError>)) {
        for request in requests {
            give(self.run(request, &mut |_| {}));
        }
    }

    /// How many jobs run side by side without waiting for one another.
    fn width(&self) -> usize;

    /// The version of the media libraries, and what isolation is in force.
    fn describe(&self) -> Result<WorkerInfo, JobError>;
}
