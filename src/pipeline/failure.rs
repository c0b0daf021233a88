//! Why nothing is known about a file, or why its output was not made.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::ending::{Ending, FailureKind};
use crate::job::JobError;
use crate::probe::header_probe::Reason;
use crate::rules::Verdict;

/// Why a file has no facts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoFacts {
    /// How the file ended: skipped, unreadable, failed or interrupted.
    pub ending: Ending,
    /// What happened.
    pub failure: Failure,
}

impl NoFacts {
    /// The file is not media.
    pub(super) fn skipped(failure: Failure) -> NoFacts {
        NoFacts { ending: Ending::Skipped, failure }
    }

    /// The bytes of the file are at fault.
    pub(super) fn unreadable(failure: Failure) -> NoFacts {
        NoFacts { ending: Ending::Unreadable(failure.kind), failure }
    }

    /// Nothing is known about the bytes.
    pub(super) fn failed(failure: Failure) -> NoFacts {
        let ending = match failure.kind {
            FailureKind::Interrupted => Ending::Interrupted,
            kind => Ending::Failed(kind),
        };
        NoFacts { ending, failure }
    }

    /// The headers of the file do not settle its facts, and nothing else was to be asked.
    pub(super) fn undecided(reason: Reason) -> NoFacts {
        let message = format!("the headers do not settle the facts: {reason}; check it with `--probe auto`");
        NoFacts { ending: Ending::Undecided, failure: Failure::input(message) }
    }

    /// The run ended before the file was read.
    pub(super) fn interrupted() -> NoFacts {
        NoFacts::failed(Failure::from(&JobError::Cancelled))
    }

    /// Returns the verdict on the file.
    pub fn verdict(&self) -> Verdict {
        match self.ending {
            Ending::Skipped => Verdict::Skipped,
            Ending::Unreadable(_) => Verdict::Unreadable,
            _ => Verdict::Indeterminate,
        }
    }
}

/// A failure with one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The cause, which decides the exit code.
    pub kind: FailureKind,
    /// What happened and what to do, in one or two sentences.
    pub message: String,
    /// Only what was found, where the message says more: what happened to the output, or what to do.
    pub found: Option<String>,
}

impl Failure {
    /// Returns a failure whose message says only what was found.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Failure {
        Failure { kind, message: message.into(), found: None }
    }

    /// Returns a failure of the machine.
    pub(super) fn operation(message: impl Into<String>) -> Failure {
        Failure::new(FailureKind::Operation, message)
    }

    /// Returns a failure with the file itself.
    pub(super) fn input(message: impl Into<String>) -> Failure {
        Failure::new(FailureKind::Input, message)
    }

    /// Returns only what was found.
    pub(super) fn found(&self) -> &str {
        self.found.as_deref().unwrap_or(&self.message)
    }
}

impl From<&JobError> for Failure {
    fn from(error: &JobError) -> Failure {
        let kind = match error {
            JobError::Unreadable(_)
            | JobError::Truncated(_)
            | JobError::WorkerLost { .. }
            | JobError::Failed(_) => FailureKind::Input,
            JobError::ProcessorTime(_) => FailureKind::ProcessorTime,
            JobError::TimeLimit(_) => FailureKind::TimeLimit,
            JobError::Io(_) | JobError::Unavailable(_) | JobError::NotIsolated(_) => FailureKind::Operation,
            JobError::Cancelled => FailureKind::Interrupted,
        };
        Failure::new(kind, error.to_string())
    }
}

/// The advice for a full disk.
pub(super) const DISK_FULL_ADVICE: &str = "free some space, or choose another disk with --out";

/// Returns the failure of an I/O operation on `path`.
pub(super) fn operation(path: &Path, error: &io::Error) -> Failure {
    let mut message = format!("{}: {}", path.display(), plain(error));
    if let io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge =
        error.kind()
    {
        message.push_str(&format!(": {DISK_FULL_ADVICE}"));
    }
    Failure::operation(message)
}

/// Returns the failure to record an output.
pub(super) fn unrecorded(target: &Path, error: &io::Error) -> Failure {
    let message = format!(
        "{}: the output was discarded, because the record of fixes cannot be written: {}; \
         free some space on the disk of the configuration",
        target.display(),
        plain(error)
    );
    Failure::operation(message)
}

/// Returns the failure for a worker that answers something else than it was asked.
pub(super) fn unexpected_result() -> Failure {
    Failure::operation("the media worker sent an unexpected result: this is a bug, please report it")
}

/// Returns the message of an I/O error without the `(os error N)` suffix.
pub(crate) fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}
