//! Why a job gave no result.

use serde::{Deserialize, Serialize};

/// Why a job gave no result, by cause.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "error", content = "detail", rename_all = "kebab-case")]
pub enum JobError {
    /// The media library cannot read the bytes.
    #[error("cannot be read as media: {0}")]
    Unreadable(String),
    /// Like [`JobError::Unreadable`], because data that the file declares is missing.
    #[error("cannot be read as media: {0}")]
    Truncated(String),
    /// The worker crashed, hung, or exceeded its limits.
    #[error("{message}")]
    WorkerLost {
        /// What became of it.
        death: WorkerDeath,
        /// The same for people, with the time and the limit.
        message: String,
    },
    /// The file needs more processor time than its declared size, length and codecs allow.
    #[error("{0}")]
    ProcessorTime(String),
    /// The jobs of the file did not end within the time limit that the user set.
    #[error("{0}")]
    TimeLimit(String),
    /// The input is fine; making the output failed.
    #[error("{0}")]
    Failed(String),
    /// Reading or writing failed: device, disk full, permission.
    #[error("{0}")]
    Io(String),
    /// The submitter cancelled the job.
    #[error("cancelled; run the same command again to resume")]
    Cancelled,
    /// No worker is available: binary missing, version different, spawn refused.
    #[error("{0}")]
    Unavailable(String),
    /// A worker lacks a barrier that this run requires ([`Isolation`](crate::worker::Isolation)).
    #[error("{0}")]
    NotIsolated(String),
}

/// What became of a worker that gave no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkerDeath {
    /// It crashed: the kernel or the process itself ended it because of a fault in it.
    Crashed,
    /// The system or a user killed it, possibly because memory ran out.
    Killed,
    /// It exited by itself.
    Exited,
    /// The process that started it has died, and it with it.
    TemplateDied,
    /// It ended, and nothing is known about how.
    Vanished,
    /// It closed the connection, or the connection failed.
    Disconnected,
    /// It sent what no worker sends.
    Protocol,
    /// It sent nothing for longer than a job may be silent.
    Stalled,
    /// Its job took longer than any of its kind may.
    TimedOut,
}
