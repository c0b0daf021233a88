//! Why a run or a task of it ends early.

use super::journal::JournalError;

/// Why a task ends early.
#[derive(Debug)]
pub(super) enum Abort {
    /// The run stops; a later run can resume.
    Stopped,
    /// The journal failed.
    Journal(JournalError),
}

impl From<JournalError> for Abort {
    fn from(error: JournalError) -> Abort {
        Abort::Journal(error)
    }
}

/// Why the run stops before all files are done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StopReason {
    Cancelled,
    Auth(String),
    Configuration(String),
    Broken,
}

impl StopReason {
    pub(super) fn message(&self) -> String {
        match self {
            StopReason::Cancelled => "cancelled; run the same command again to resume".to_owned(),
            StopReason::Auth(error) => format!("stopped: {error}; renew the token and run again"),
            StopReason::Configuration(error) => {
                format!("stopped: {error}; correct the destination and run again")
            }
            StopReason::Broken => "stopped: the journal failed".to_owned(),
        }
    }
}
