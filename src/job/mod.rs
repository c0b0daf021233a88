//! A unit of work on one file, as data, and the port for its runners.
//!
//! A job carries no path: the submitter opens the files and passes descriptors, so that a worker process
//! need not open anything after its start. Names are for messages only.

mod error;
pub(crate) mod mapped_file;
mod memory_file;
mod pictures;
pub mod processor_time;
mod protocol;
mod source_decode;
pub(crate) mod time_budget;
mod verify_report;

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub use error::{JobError, WorkerDeath};
pub use memory_file::memory_file;
pub use pictures::{BitRatePlot, MediaPictures, Picture, PictureChoice};
pub use protocol::{
    CoverReport, DecodeExtent, DecodeScope, FixReport, Job, JobOutput, MappedFile, OutputProof, ProbeDepth,
    Progress, WorkerInfo,
};
pub use source_decode::SourceDecode;
pub use time_budget::{FileClock, TimeBudget};
pub use verify_report::{
    FailureCause, Similarity, SimilarityMetric, VerifyFailure, VerifyLevel, VerifyReport,
};

/// The largest number of outputs of one job.
pub const MAX_OUTPUTS: usize = 4;

/// The descriptors of a job.
#[derive(Debug)]
pub struct JobFiles {
    /// The media to read. Its file position does not matter; it is read by offset.
    pub input: File,
    /// Empty staging files for the outputs of a fix or a cover image, readable and writable, at most
    /// [`MAX_OUTPUTS`].
    pub outputs: Vec<File>,
}

/// A job with its files, its name and its cancel flag.
#[derive(Debug)]
pub struct JobRequest {
    /// What to do.
    pub job: Job,
    /// The files to do it on.
    pub files: JobFiles,
    /// A short name for messages, already escaped; also gives the extension.
    pub name: String,
    /// Set by the submitter to cancel; the job then ends with [`JobError::Cancelled`].
    pub cancel: Arc<AtomicBool>,
    /// How much time it may take; the default leaves it to the runner.
    pub time: TimeBudget,
}

/// Runs jobs. One call is one job; calls from several threads run in parallel.
///
/// The contract: `run` never panics because of the contents of a file, always returns, and leaves the
/// runner ready for the next job. It reports progress from the calling thread. After an error the job
/// may be run again with an empty output file.
pub trait Runner: Send + Sync {
    /// Runs one job and returns its result.
    fn run(&self, request: JobRequest, progress: &mut dyn FnMut(Progress)) -> Result<JobOutput, JobError>;

    /// Returns the number of jobs that run in parallel.
    fn width(&self) -> usize;

    /// Returns the version of the media libraries and the isolation in force.
    fn describe(&self) -> Result<WorkerInfo, JobError>;
}
