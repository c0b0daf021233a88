//! The outcome of a run for each file.

use std::path::PathBuf;

use crate::cache::FileState;
use crate::job::{JobError, VerifyReport};
use crate::model::MediaFacts;
use crate::plan::{FixPlan, Refusal, VideoEncoder};
use crate::rules::{Assessment, RuleId, Verdict};

use super::discover::SourceFile;

/// The outcome for one file under one profile.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The file.
    pub source: SourceFile,
    /// The profile's id.
    pub profile: String,
    /// The verdict on the source.
    pub verdict: Verdict,
    /// The facts, if the file could be probed.
    pub facts: Option<MediaFacts>,
    /// The findings, if the file could be assessed.
    pub assessment: Option<Assessment>,
    /// The failure of the check, if any.
    pub failure: Option<Failure>,
    /// Why the file was not decoded although that was asked for.
    pub not_decoded: Option<String>,
    /// The state of the source when it was probed; `None` if it could not be opened.
    pub state: Option<FileState>,
    /// The outcome of the fix, if the command fixes.
    pub fix: Option<FixOutcome>,
}

impl Outcome {
    /// Returns whether the file is no media and was only found in a folder, so that nothing was asked of it.
    pub fn is_incidental(&self) -> bool {
        self.verdict == Verdict::Skipped && !self.source.named
    }
}

/// A failure with one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The cause, which decides the exit code.
    pub kind: FailureKind,
    /// What happened and what to do, in one or two sentences.
    pub message: String,
}

/// The cause of a [`Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The file cannot be read as media, or a decoder crashed on it. Exit code 1.
    Input,
    /// The source is damaged: data is lost for good. Exit code 1.
    Damaged,
    /// A little of the source is damaged, and `--conceal` was not given. Reported as the refusal
    /// [`Refusal::NeedsConceal`](crate::plan::Refusal::NeedsConceal). Exit code 1.
    LittleDamage,
    /// The file needs more processor time than its declared size, length and codecs allow. Exit code 1.
    ProcessorTime,
    /// The file was not finished within `--time-limit`. Exit code 2.
    TimeLimit,
    /// The frame size changes within a copied video, which shows only in its packets. Exit code 2.
    SeveralSizes,
    /// An output failed verification, and the source is not the cause. Exit code 2.
    Unproven,
    /// The machine failed, for example permission, disk or device. Exit code 2.
    Operation,
    /// The run was stopped before this file was reached.
    Interrupted,
}

impl FailureKind {
    /// All kinds with a class of their own in reports.
    pub const ALL: [FailureKind; 7] = [
        FailureKind::Input,
        FailureKind::Damaged,
        FailureKind::ProcessorTime,
        FailureKind::TimeLimit,
        FailureKind::Unproven,
        FailureKind::Operation,
        FailureKind::Interrupted,
    ];

    /// Returns the name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            FailureKind::Input => "unreadable",
            FailureKind::Damaged => "damaged-source",
            FailureKind::LittleDamage => Refusal::NeedsConceal.name(),
            FailureKind::ProcessorTime => "processor-time",
            FailureKind::TimeLimit => "time-limit",
            FailureKind::SeveralSizes | FailureKind::Unproven => "not-proven",
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
            | JobError::WorkerLost { .. }
            | JobError::Failed(_) => FailureKind::Input,
            JobError::ProcessorTime(_) => FailureKind::ProcessorTime,
            JobError::TimeLimit(_) => FailureKind::TimeLimit,
            JobError::Io(_) | JobError::Unavailable(_) | JobError::NotIsolated(_) => FailureKind::Operation,
            JobError::Cancelled => FailureKind::Interrupted,
        };
        Failure { kind, message: error.to_string() }
    }
}

/// The outcome of fixing one file.
#[derive(Clone, Debug)]
pub struct FixOutcome {
    /// The executed plan, or the refusal.
    pub plan: FixPlan,
    /// The output, if it has its final name.
    pub output: Option<PathBuf>,
    /// The verification result, if there is an output.
    pub proof: Option<Proof>,
    /// The failure, if any.
    pub failure: Option<Failure>,
    /// Whether the output was there already, made by an earlier run or with the same bytes, and was kept.
    pub reused: bool,
    /// The source with the same bytes for which the output was made, if this one is a copy of that.
    pub same_as: Option<PathBuf>,
}

/// The verification result of an output that complies and has the same content.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The verdict on the output.
    pub verdict: Verdict,
    /// What verification found; `None` for a plain copy.
    pub verify: Option<VerifyReport>,
    /// The facts of the output; `None` for a plain copy, which has the facts of the source.
    pub facts: Option<MediaFacts>,
    /// The encoder of the video; `None` for a copy.
    pub encoder: Option<VideoEncoder>,
    /// The rules whose findings the output still has; none of them is an error.
    pub remaining: Vec<RuleId>,
}
