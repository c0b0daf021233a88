//! The status of a run and its exit code.

/// The status of a run. If several apply, the last in this order is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunStatus {
    /// Everything asked for is done and compliant.
    #[default]
    Done,
    /// No media was found.
    NoMedia,
    /// At least one file is refused by the rules.
    Refused,
    /// An output is missing or outdated, and the run was only to check that.
    Outdated,
    /// An operation failed; the files are not the cause.
    Failed,
    /// The run was cancelled.
    Interrupted,
}

impl RunStatus {
    /// Returns the worse of two statuses.
    #[must_use]
    pub fn and(self, other: RunStatus) -> RunStatus {
        self.max(other)
    }

    /// Returns the documented exit code.
    pub fn code(self) -> u8 {
        match self {
            RunStatus::Done => 0,
            RunStatus::Refused => 1,
            RunStatus::Failed => 2,
            RunStatus::NoMedia => 3,
            RunStatus::Outdated => 4,
            RunStatus::Interrupted => 130,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RunStatus::{Done, Failed, Interrupted, NoMedia, Outdated, Refused};

    #[test]
    fn and_returns_the_worse_status() {
        let all = [Done, NoMedia, Refused, Outdated, Failed, Interrupted];
        for (rank, status) in all.into_iter().enumerate() {
            for (other_rank, other) in all.into_iter().enumerate() {
                assert_eq!(status.and(other), all[rank.max(other_rank)]);
            }
        }
    }

    #[test]
    fn exit_codes_are_the_documented_ones() {
        assert_eq!(
            [Done, Refused, Failed, NoMedia, Outdated, Interrupted].map(super::RunStatus::code),
            [0, 1, 2, 3, 4, 130]
        );
    }
}
