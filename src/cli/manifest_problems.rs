//! Words for the problems of a manifest, each once for the rows that have it.

use std::collections::BTreeMap;

use crate::platform::{Problem, ProblemKind};
use crate::ship::ManifestProblem;

/// The problems of a manifest, in words.
pub struct ManifestProblems {
    /// The warnings.
    pub warnings: Vec<String>,
    /// What forbids shipping.
    pub errors: Vec<String>,
}

impl ManifestProblems {
    /// Describes the parts that cannot be read and the problems of rows. `columns` are those that the file has.
    pub fn of(
        unreadable: &[ManifestProblem],
        mut problems: Vec<Problem>,
        columns: &[&str],
    ) -> ManifestProblems {
        problems.sort_by_key(|problem| problem.row);
        let (mut absent, mut warned) = (Grouped::default(), Grouped::default());
        let mut of_rows = Vec::new();
        for problem in &problems {
            let key = (problem.field, problem.message.as_str());
            match problem.kind {
                // Without its column, every row lacks the value.
                ProblemKind::Missing if !columns.contains(&problem.field) => {
                    absent.entry(key).or_default().push(problem);
                }
                ProblemKind::Warning => warned.entry(key).or_default().push(problem),
                _ => {
                    of_rows.push(format!("{}, {}: {}", problem.place(), problem.field, problem.message));
                }
            }
        }
        let absent = absent
            .iter()
            .map(|((field, message), rows)| format!("missing column {field}: {message} ({})", lines(rows)));
        let errors = unreadable.iter().map(ToString::to_string).chain(absent).chain(of_rows).collect();
        let warnings =
            warned.iter().map(|((field, message), rows)| format!("{}, {field}: {message}", lines(rows)));
        ManifestProblems { warnings: warnings.collect(), errors }
    }

    /// Returns how many errors there are: `the manifest has 2 problems`.
    pub fn count(&self) -> String {
        let count = self.errors.len();
        format!("the manifest has {count} problem{}", if count == 1 { "" } else { "s" })
    }
}

type Grouped<'a> = BTreeMap<(&'a str, &'a str), Vec<&'a Problem>>;

/// Returns the places of rows: `line 3`, or `lines 2, 3, 4, 5, 6 and 12 more`.
fn lines(problems: &[&Problem]) -> String {
    const NAMED: usize = 5;
    if let [one] = problems {
        return one.place();
    }
    let number = |problem: &&Problem| problem.line.unwrap_or(problem.row).to_string();
    let named: Vec<String> = problems.iter().take(NAMED).map(number).collect();
    match problems.len().saturating_sub(NAMED) {
        0 => format!("lines {}", named.join(", ")),
        more => format!("lines {} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_column_is_told_once_and_an_empty_cell_with_its_line() {
        let problem = |row: u32, field, kind| Problem {
            row,
            line: Some(row + 1),
            field,
            message: "required".to_owned(),
            kind,
        };
        let mut problems: Vec<Problem> =
            (1..=25).map(|row| problem(row, "ad_name", ProblemKind::Missing)).collect();
        problems.push(problem(3, "identity_id", ProblemKind::Missing));
        problems.extend([1, 2].map(|row| problem(row, "display_name", ProblemKind::Warning)));
        let found = ManifestProblems::of(&[], problems, &["video", "identity_id"]);
        assert_eq!(
            found.errors,
            [
                "missing column ad_name: required (lines 2, 3, 4, 5, 6 and 20 more)",
                "line 4, identity_id: required"
            ]
        );
        assert_eq!(found.warnings, ["lines 2, 3, display_name: required"]);
        assert_eq!(found.count(), "the manifest has 2 problems");
    }
}
