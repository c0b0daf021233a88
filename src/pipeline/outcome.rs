//! What came of each file.

use std::path::PathBuf;

use crate::job::{JobError, VerifyReport};
use crate::model::MediaFacts;
use crate::plan::{FixPlan, VideoEncoder};
use crate::rules::{Assessment, Verdict};

use super::discover::Source;

/// What is known about one file under one profile when the run ends.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The file.
    pub source: Source,
    /// The profile's id.
    pub profile: String,
    /// The judgement over the source.
    pub verdict: Verdict,
    /// The facts, where there are any.
    pub facts: Option<MediaFacts>,
    /// The findings, where the file could be read.
    pub assessment: Option<Assessment>,
    /// Why there is no judgement, or what went wrong.
    pub failure: Option<Failure>,
    /// What was done, where the command fixes.
    pub fix: Option<FixOutcome>,
}

/// Something that went wrong with one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whose fault it is: decides the exit code.
    pub kind: FailureKind,
    /// What happened and what to do, in a sentence or two.
    pub message: String,
}

/// Whose fault a [`Failure`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The file's: it cannot be read as media, or made a decoder fall over. Exit code 1.
    Input,
    /// The file's: the video has lost something that nobody can bring back. Exit code 1.
    Damaged,
    /// An output was made and did not pass. Exit code 1.
    Unproven,
    /// The machine's: permission, disk, device. Exit code 2.
    Operation,
    /// Nobody's: the run was stopped before it came to this file.
    Interrupted,
}

impl FailureKind {
    /// Every kind.
    pub const ALL: [FailureKind; 5] = [
        FailureKind::Input,
        FailureKind::Damaged,
        FailureKind::Unproven,
        FailureKind::Operation,
        FailureKind::Interrupted,
    ];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            FailureKind::Input => "unreadable",
            FailureKind::Damaged => "damaged-source",
            FailureKind::Unproven => "not-proven",
            FailureKind::Operation => "machine",
            FailureKind::Interrupted => "interrupted",
        }
    }
}

impl From<&JobError> for Failure {
    fn from(error: &JobError) -> Failure {
        let kind = match error {
            JobError::Unreadable(_)
            | JobError::Truncated(_)
            | JobError::WorkerLost(_)
            | JobError::Failed(_) => FailureKind::Input,
            JobError::Io(_) | JobError::Unavailable(_) => FailureKind::Operation,
            JobError::Cancelled => FailureKind::Interrupted,
        };
        Failure { kind, message: error.to_string() }
    }
}

/// What was done about a file.
#[derive(Clone, Debug)]
pub struct FixOutcome {
    /// The plan that was carried out, or that says why not.
    pub plan: FixPlan,
    /// The output, where one stands under its final name.
    pub output: Option<PathBuf>,
    /// The proof, where an output was made.
    pub proof: Option<Proof>,
    /// What went wrong, where something did.
    pub failure: Option<Failure>,
    /// Whether the output was there already, made by an earlier run from the same bytes.
    pub reused: bool,
}

/// The proof that an output complies and is the same video.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The judgement over the output.
    pub verdict: Verdict,
    /// What verification found; `None` for a plain copy.
    pub verify: Option<VerifyReport>,
    /// The facts of the output; `None` for a plain copy, whose facts are the source's.
    pub facts: Option<MediaFacts>,
    /// Who encoded the picture; `None` when it is a copy.
    pub encoder: Option<VideoEncoder>,
}
