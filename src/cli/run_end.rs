//! The end of a run: its status, and what its report says on the whole.

use super::exit_code::RunStatus;
use crate::report::{Report, Summary};

/// The end of a run.
#[derive(Debug)]
pub struct RunEnd {
    /// The status.
    pub status: RunStatus,
    /// The totals of the report; `None` if the command wrote none, as a dry run of `ship`.
    pub totals: Option<RunTotals>,
}

/// What a report says on the whole.
#[derive(Debug)]
pub struct RunTotals {
    /// The profiles of the run.
    pub profiles: Vec<String>,
    /// The counts.
    pub summary: Summary,
}

impl RunEnd {
    /// Returns the end of a run that wrote `report`.
    pub fn of(status: RunStatus, report: Report) -> RunEnd {
        let totals = RunTotals { profiles: report.profiles, summary: report.summary };
        RunEnd { status, totals: Some(totals) }
    }
}

impl From<RunStatus> for RunEnd {
    fn from(status: RunStatus) -> RunEnd {
        RunEnd { status, totals: None }
    }
}
