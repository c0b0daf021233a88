//! How a run ended, and the one place that turns it into an exit code.

/// How a run ended. Ordered by what wins when several are true.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunStatus {
    /// Everything asked for is done and compliant.
    #[default]
    Done,
    /// There was nothing to look at.
    NoMedia,
    /// At least one file is refused by the rules.
    Refused,
    /// Something the files are not to blame for went wrong.
    Failed,
    /// Stopped from outside.
    Interrupted,
}

impl RunStatus {
    /// The worse of two.
    #[must_use]
    pub fn and(self, other: RunStatus) -> RunStatus {
        self.max(other)
    }

    /// The exit code of the contract.
    pub fn code(self) -> u8 {
        match self {
            RunStatus::Done => 0,
            RunStatus::Refused => 1,
            RunStatus::Failed => 2,
            RunStatus::NoMedia => 3,
            RunStatus::Interrupted => 130,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RunStatus::{Done, Failed, Interrupted, NoMedia, Refused};

    #[test]
    fn the_worse_wins_and_failure_beats_refusal() {
        let all = [Done, NoMedia, Refused, Failed, Interrupted];
        for (rank, status) in all.into_iter().enumerate() {
            for (other_rank, other) in all.into_iter().enumerate() {
                assert_eq!(status.and(other), all[rank.max(other_rank)]);
            }
        }
    }

    #[test]
    fn codes_are_those_of_the_contract() {
        assert_eq!(
            [Done, Refused, Failed, NoMedia, Interrupted].map(super::RunStatus::code),
            [0, 1, 2, 3, 130]
        );
    }
}
