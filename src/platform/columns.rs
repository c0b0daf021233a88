//! Checks that the columns of a row belong to its destination.

use super::{COVER, Platform, RowProblems};

/// Adds an error for each column of a row that belongs to others of `all` destinations.
pub(super) fn check_columns(platform: &dyn Platform, all: &[&dyn Platform], report: &mut RowProblems<'_>) {
    for column in report.row.filled().filter(|column| !takes(platform, column)) {
        let owners: Vec<&str> =
            all.iter().filter(|other| takes(**other, column)).map(|other| other.id()).collect();
        let message = format!(
            "this column belongs to {}, not to {}: remove it, or choose a destination that has it",
            owners.join(" and "),
            platform.id()
        );
        report.error(column, message);
    }
}

fn takes(platform: &dyn Platform, column: &str) -> bool {
    platform.columns().contains(&column) || column == COVER && platform.cover().is_some()
}
