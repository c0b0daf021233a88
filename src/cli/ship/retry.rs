//! `--retry`: which given-up videos are uploaded again.

use std::path::{Path, PathBuf};

use crate::cli::error::CliError;
use crate::cli::notices;
use crate::cli::sandbox::operation;
use crate::ship::{DeliveryState, Journal, Retry, destination_key};

use super::input::ShipInput;
use super::ship_run::ShipRun;

/// Parses the option.
///
/// # Errors
/// Fails for a file that is not among the files to ship.
pub fn parse(given: &[PathBuf], ship_input: &ShipInput) -> Result<Retry, CliError> {
    let (all, files): (Vec<&PathBuf>, Vec<&PathBuf>) =
        given.iter().partition(|file| **file == Path::new("all"));
    for file in &files {
        let one = Retry::Files(vec![(*file).clone()]);
        if !ship_input.found.sources.iter().any(|source| one.includes(&source.path)) {
            return Err(CliError::Usage(format!(
                "--retry {}: this file is not among the files to ship; name one of them, or `all`",
                file.display()
            )));
        }
    }
    Ok(match (all.is_empty(), files.is_empty()) {
        (false, _) => Retry::All,
        (true, false) => Retry::Files(files.into_iter().cloned().collect()),
        (true, true) => Retry::None,
    })
}

/// Says for which files the option changes nothing, because their videos were not given up.
pub fn tell_without_effect(ship_run: &ShipRun<'_>, journal: Option<&Journal>) -> Result<(), CliError> {
    let failed = |source| operation("cannot read the journal", source);
    let destination = destination_key(&ship_run.origin()?, &ship_run.destination.journal_account());
    if ship_run.retry == Retry::All {
        let lines = journal.map(Journal::status).transpose().map_err(failed)?.unwrap_or_default();
        let is_given_up = |line: &crate::ship::StatusLine| {
            line.state == DeliveryState::GivenUp && line.destination == destination
        };
        if !lines.iter().any(is_given_up) {
            notices::say("--retry all changes nothing: no video was given up");
        }
        return Ok(());
    }
    let profile_hash = ship_run.profile.hash();
    let named =
        ship_run.ship_input.found.sources.iter().filter(|source| ship_run.retry.includes(&source.path));
    for source in named {
        // A file that cannot be read is reported when it is prepared.
        let Ok(blake3) = ship_run.contents.blake3_of(&source.path) else { continue };
        let known = journal.map(|journal| journal.lookup(&blake3, &profile_hash, &destination));
        let known = known.transpose().map_err(failed)?.flatten();
        if known.is_none_or(|known| known.state != DeliveryState::GivenUp) {
            notices::say(&format!(
                "--retry {} changes nothing: its video was not given up",
                source.path.display()
            ));
        }
    }
    Ok(())
}
