//! Problems of rows that are told before anything is sent, in runs and dry runs.

use std::sync::Arc;

use crate::cli::destination::Destination;
use crate::cli::error::CliError;
use crate::cli::notices;
use crate::cli::sandbox::operation;
use crate::platform::Row;
use crate::ship::{
    HttpPageVisitor, Journal, LandingMode, LandingVisits, RowNotice, RowProblem, Until, known_row_problems,
    visit_landing_pages,
};

use super::ship_run::ShipRun;

/// Compares the rows with what is published, and visits the landing pages.
pub async fn find(
    ship_run: &ShipRun<'_>,
    journal: Option<&Journal>,
) -> Result<(Vec<RowNotice>, LandingVisits), CliError> {
    let (destination, rows) = (&ship_run.destination, &ship_run.ship_input.rows);
    let mut notices = Vec::new();
    if let Some(journal) = journal {
        let hash = |path: &std::path::Path| ship_run.contents.blake3_of(path).ok();
        let account = destination.journal_account();
        let known =
            known_row_problems(journal, destination.platform, (&ship_run.origin()?, &account), rows, &hash);
        notices.extend(known.map_err(|source| operation("cannot read the journal", source))?);
    }
    if destination.landing == LandingMode::Off || ship_run.ship_arguments.until < Until::Published {
        return Ok((notices, LandingVisits::default()));
    }
    let pages = Arc::new(HttpPageVisitor { allow_private: destination.allow_private });
    let visits = visit_landing_pages(destination.platform, rows, pages).await;
    for row in rows {
        if let Some(Err(error)) = visits.get(destination.platform.landing_page(row)) {
            let message = error.to_string();
            notices.push(RowNotice {
                row: row.row,
                line: row.line,
                problem: RowProblem::LandingPage,
                message,
            });
        }
    }
    notices.sort_by_key(|notice| notice.row);
    Ok((notices, visits))
}

/// Finds and prints the problems before anything is sent, and returns the visits.
pub async fn tell(ship_run: &ShipRun<'_>, journal: &Journal) -> Result<LandingVisits, CliError> {
    let (notices, visits) = find(ship_run, Some(journal)).await?;
    print(&notices, &ship_run.ship_input.rows, &ship_run.destination);
    Ok(visits)
}

/// Returns whether a problem is more than a warning.
pub fn is_problem(notice: &RowNotice, destination: &Destination) -> bool {
    notice.problem != RowProblem::LandingPage || destination.landing == LandingMode::Require
}

/// Prints the problems to standard error.
pub fn print(notices: &[RowNotice], rows: &[Row], destination: &Destination) {
    for notice in notices {
        let warning = if is_problem(notice, destination) { "" } else { "warning: " };
        let row = rows.iter().find(|row| row.row == notice.row);
        let name =
            row.and_then(|row| destination.platform.publication(row)).map(|publication| publication.name);
        let name = name.filter(|name| !name.is_empty()).map_or(String::new(), |name| format!(" ({name})"));
        let message = &notice.message;
        let unsent = match notice.problem {
            RowProblem::LandingPage if warning.is_empty() => "; its ad is not created",
            _ => "",
        };
        notices::say(&format!("{warning}{}{name}: {message}{unsent}", notice.place()));
    }
}
