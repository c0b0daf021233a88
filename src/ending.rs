//! How a file ended under one profile: one type, set once, from which the report, the exit code and the summary
//! derive.

use serde::{Deserialize, Serialize};

use crate::plan::Refusal;

/// How a file ended under one profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Complies without changes.
    Compliant,
    /// Breaks a rule, and no fix was asked for.
    Noncompliant,
    /// Breaks a rule, but each of its errors is accepted: see [`Acceptance`](crate::rules::Acceptance).
    Accepted,
    /// Too few facts are known for a verdict, and no fix was asked for.
    Undecided,
    /// Can be fixed; nothing was written.
    Fixable,
    /// The output complies and has its final name.
    Fixed,
    /// Cannot be fixed with the given options.
    Refused(RefusalClass),
    /// Cannot be read as media.
    Unreadable(FailureKind),
    /// An operation failed.
    Failed(FailureKind),
    /// The run was cancelled before the file was done.
    Interrupted,
    /// Is not media.
    Skipped,
}

/// Why a file is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalClass {
    /// The planner refuses it.
    Plan(Refusal),
    /// Reading or decoding it showed that the file is at fault.
    File(FailureKind),
}

impl RefusalClass {
    /// Returns the name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            RefusalClass::Plan(refusal) => refusal.name(),
            RefusalClass::File(kind) => kind.name(),
        }
    }
}

/// The cause of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The file cannot be read as media, or a decoder crashed on it.
    Input,
    /// The source is damaged: data is lost for good.
    Damaged,
    /// A little of the source is damaged, and `--conceal` was not given. Reported as the refusal
    /// [`Refusal::NeedsConceal`].
    LittleDamage,
    /// The file needs more processor time than its declared size, length and codecs allow.
    ProcessorTime,
    /// The file was not finished within `--time-limit`.
    TimeLimit,
    /// The frame size changes within a copied video, which shows only in its packets.
    SeveralSizes,
    /// An output failed verification, and the source is not the cause.
    Unproven,
    /// The machine failed, for example permission, disk or device.
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

    /// Returns whether the file itself is at fault, so that another run with the same options fails, too.
    pub fn is_fault_of_file(self) -> bool {
        match self {
            FailureKind::Input
            | FailureKind::Damaged
            | FailureKind::LittleDamage
            | FailureKind::ProcessorTime => true,
            FailureKind::SeveralSizes
            | FailureKind::Unproven
            | FailureKind::Operation
            | FailureKind::TimeLimit
            | FailureKind::Interrupted => false,
        }
    }

    /// Returns how a file ends that was planned, but could not be fixed for this cause.
    pub fn ending_of_fix(self) -> Ending {
        match self {
            FailureKind::Interrupted => Ending::Interrupted,
            kind if kind.is_fault_of_file() => Ending::Refused(RefusalClass::File(kind)),
            kind => Ending::Failed(kind),
        }
    }
}

/// What a file ends with, by who or what has to act: the exit code of a run is the worst of its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// None: everything asked for is done.
    None,
    /// The file.
    File,
    /// The machine, or greenlit.
    Operation,
    /// The user ended the run.
    Interrupted,
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl Ending {
    /// Returns the name, without the class of a refusal or the cause of a failure.
    pub fn name(self) -> &'static str {
        match self {
            Ending::Compliant => "compliant",
            Ending::Noncompliant => "noncompliant",
            Ending::Accepted => "accepted",
            Ending::Undecided => "undecided",
            Ending::Fixable => "fixable",
            Ending::Fixed => "fixed",
            Ending::Refused(_) => "refused",
            Ending::Unreadable(_) => "unreadable",
            Ending::Failed(_) => "failed",
            Ending::Interrupted => "interrupted",
            Ending::Skipped => "skipped",
        }
    }

    /// Returns what is at fault if the file did not end as asked.
    pub fn fault(self) -> Fault {
        match self {
            Ending::Compliant | Ending::Accepted | Ending::Fixable | Ending::Fixed | Ending::Skipped => {
                Fault::None
            }
            Ending::Noncompliant | Ending::Undecided | Ending::Refused(_) => Fault::File,
            Ending::Unreadable(kind) | Ending::Failed(kind) if kind.is_fault_of_file() => Fault::File,
            Ending::Unreadable(_) | Ending::Failed(_) => Fault::Operation,
            Ending::Interrupted => Fault::Interrupted,
        }
    }
}

/// Why no file could be prepared for an upload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// No encode mode is left, or the rules refuse the file.
    #[error("{0}")]
    Refused(String),
    /// The preparation failed; a retry may succeed.
    #[error("{0}")]
    Failed(String),
    /// The file is not the one that was checked any more; another run checks it anew.
    #[error("{0}")]
    Changed(String),
    /// The run was cancelled before the file was done.
    #[error("cancelled")]
    Cancelled,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_lies_in_the_file_refuses_it_and_any_other_fails() {
        for kind in FailureKind::ALL {
            let ending = kind.ending_of_fix();
            let expected = match kind {
                FailureKind::Interrupted => Ending::Interrupted,
                FailureKind::Input | FailureKind::Damaged | FailureKind::ProcessorTime => {
                    Ending::Refused(RefusalClass::File(kind))
                }
                _ => Ending::Failed(kind),
            };
            assert_eq!(ending, expected);
            let fault = if kind.is_fault_of_file() { Fault::File } else { Fault::Operation };
            assert_eq!(Ending::Unreadable(kind).fault(), fault, "the same cause in a check");
            assert_eq!(ending.fault() == Fault::File, kind.is_fault_of_file());
        }
    }

    #[test]
    fn survives_being_stored() {
        for ending in [Ending::Fixed, Ending::Refused(RefusalClass::Plan(Refusal::NeedsTrim))] {
            let text = serde_json::to_string(&ending).expect("serializable");
            assert_eq!(serde_json::from_str::<Ending>(&text).ok(), Some(ending), "{text}");
        }
    }
}
