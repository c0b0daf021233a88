//! The counts of a report.

use serde::Serialize;

use super::FileEntry;
use crate::ending::Ending;
use crate::rules::Verdict;

/// Counts of entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
pub struct Summary {
    /// Number of entries.
    pub files: u64,
    /// Sources that comply.
    pub compliant: u64,
    /// Sources with an error.
    pub noncompliant: u64,
    /// Of the sources with an error, those whose errors are all accepted.
    pub accepted: u64,
    /// Sources with too few known facts to decide.
    pub indeterminate: u64,
    /// Files that cannot be read as media.
    pub unreadable: u64,
    /// Files that are not media, by content and by extension.
    pub skipped: u64,
    /// Outputs that were written and verified.
    pub fixed: u64,
    /// Files that cannot be fixed with the given options.
    pub refused: u64,
    /// Files on which an operation failed.
    pub failed: u64,
    /// Files that comply but were not delivered, or whose ads or posts were not all created
    /// or need a decision.
    pub undelivered: u64,
    /// Rows that changed since their ads or posts were published; the changes are not sent.
    pub unsent_changes: u64,
    /// The uploads; absent for commands that upload nothing.
    #[cfg_attr(all(test, feature = "report"), schemars(with = "DoneCount"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uploads: Option<DoneCount>,
    /// The ads; absent where none are created.
    #[cfg_attr(all(test, feature = "report"), schemars(with = "DoneCount"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ads: Option<DoneCount>,
    /// The posts and drafts; absent where none are created.
    #[cfg_attr(all(test, feature = "report"), schemars(with = "DoneCount"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub posts: Option<DoneCount>,
    /// The entries of a list of files; absent where none are written.
    #[cfg_attr(all(test, feature = "report"), schemars(with = "DoneCount"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Option<DoneCount>,
    /// Wall time of the run in seconds.
    #[cfg_attr(all(test, feature = "report"), schemars(range(min = 0)))]
    pub elapsed_s: f64,
}

impl Summary {
    /// Counts `files`; the elapsed time stays zero.
    pub fn of(files: &[FileEntry]) -> Summary {
        let mut summary = Summary::default();
        files.iter().for_each(|file| summary.count(file));
        summary
    }

    /// Adds one file to the counts.
    pub fn count(&mut self, file: &FileEntry) {
        self.files += 1;
        *match file.verdict {
            Verdict::Compliant => &mut self.compliant,
            Verdict::Noncompliant => &mut self.noncompliant,
            Verdict::Indeterminate => &mut self.indeterminate,
            Verdict::Unreadable => &mut self.unreadable,
            Verdict::Skipped => &mut self.skipped,
        } += 1;
        self.undelivered += u64::from(file.is_undelivered());
        let ads = file.delivery.iter().flat_map(|delivery| &delivery.ads);
        self.unsent_changes += ads.filter(|ad| ad.is_unsent_change()).count() as u64;
        match file.ending {
            Ending::Fixed => self.fixed += 1,
            Ending::Accepted => self.accepted += 1,
            Ending::Refused(_) => self.refused += 1,
            // A failed check is counted by its verdict.
            Ending::Failed(_) => self.failed += u64::from(file.fix.is_some()),
            _ => {}
        }
    }
}

/// How many of the things asked for are done, by this run or before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
pub struct DoneCount {
    /// On the platform.
    pub done: u64,
    /// Of those, by this run.
    pub by_this_run: u64,
    /// Of those, before this run: by an earlier one, or found on the platform.
    pub before: u64,
    /// Not on the platform, or not known to be.
    pub undone: u64,
    /// Of `undone`, those that the platform did not confirm, so that they may exist; absent if there are none.
    #[cfg_attr(all(test, feature = "report"), schemars(with = "u64", range(min = 1)))]
    #[serde(skip_serializing_if = "is_zero")]
    pub unconfirmed: u64,
}

/// Returns whether a count is zero; serde passes a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl DoneCount {
    /// Returns the count of what was done by this run and before it, out of what was asked for.
    pub fn new(by_this_run: u64, before: u64, asked: u64) -> DoneCount {
        let done = by_this_run + before;
        DoneCount { done, by_this_run, before, undone: asked.saturating_sub(done), unconfirmed: 0 }
    }

    /// Returns the count with the number of those that may exist; at most all that are not done.
    #[must_use]
    pub fn with_unconfirmed(self, unconfirmed: u64) -> DoneCount {
        DoneCount { unconfirmed: unconfirmed.min(self.undone), ..self }
    }
}
