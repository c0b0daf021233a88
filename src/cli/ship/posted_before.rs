//! Remembers outside the journal that this machine posted to an account: posts cannot be searched for, so a run whose
//! journal is lost would post everything again.

use std::fs::OpenOptions;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Once;

use serde::{Deserialize, Serialize};

use crate::cli::destination::SANDBOX;
use crate::cli::error::CliError;
use crate::cli::journal_file::create_inside;
use crate::cli::sandbox::operation;
use crate::platform::PublicationTime;
use crate::ship::{Journal, destination_key};
use crate::state_folder::{StateError, open_file};

use super::ship_run::ShipRun;

/// The folder of the notes in the user's state folder.
const FOLDER: &str = "posted";
/// Number of digits of a note's name.
const NAME_DIGITS: usize = 32;

/// A note that this machine posted to an account.
#[derive(Serialize, Deserialize)]
struct Note {
    origin: String,
    account: String,
    /// The journal that knows the posts.
    journal: PathBuf,
    /// When the note was written, RFC 3339.
    at: String,
}

/// The note of a run's account, which does not exist before the first run that posts.
pub struct PostingNote {
    state: PathBuf,
    origin: String,
    account: String,
    journal: PathBuf,
    written: Once,
}

impl PostingNote {
    /// Returns the note for a run; `None` where posts can be searched for, in trials, whose state is deleted together
    /// with their journal, and without a folder for the user's state.
    pub fn of(ship_run: &ShipRun<'_>) -> Result<Option<PostingNote>, CliError> {
        let destination = &ship_run.destination;
        let applies = destination.platform.publication_time() == PublicationTime::WithUpload
            && destination.name != SANDBOX;
        let Some(state) = ship_run.settings.user_state_folder().filter(|_| applies) else { return Ok(None) };
        let journal = std::path::absolute(&destination.journal);
        Ok(Some(PostingNote {
            state,
            origin: ship_run.origin()?,
            account: destination.journal_account(),
            journal: journal.unwrap_or_else(|_| destination.journal.clone()),
            written: Once::new(),
        }))
    }

    /// Returns why the run would post again what an earlier run with another journal posted; `None` if `journal` knows
    /// the account, or if this machine never posted to it.
    pub fn refusal(&self, journal: Option<&Journal>) -> Result<Option<String>, CliError> {
        if journal.map_or(Ok(false), |journal| self.is_known_to(journal))? {
            return Ok(None);
        }
        Ok(self.read()?.map(|note| {
            format!(
                "this machine posted to the account {} before, with the journal {}, and the journal {} knows nothing \
                 of it. Posts cannot be searched for, so every video would be posted again: nothing was sent. Use \
                 that journal with --journal, or post again with --fresh",
                self.account,
                note.journal.display(),
                self.journal.display()
            )
        }))
    }

    /// Returns whether a run with this journal began to post to the account.
    fn is_known_to(&self, journal: &Journal) -> Result<bool, CliError> {
        let failed = |source| operation("cannot read the journal", source);
        let destination = destination_key(&self.origin, &self.account);
        // A run that was killed between its note and its first effect has only an attempt.
        let began = |lines: Vec<crate::ship::StatusLine>| {
            lines.iter().any(|line| line.destination == destination && line.attempts > 0)
        };
        Ok(journal.has_effects(&self.origin, &self.account).map_err(failed)?
            || began(journal.status().map_err(failed)?))
    }

    /// Writes the note, once in a run.
    ///
    /// # Errors
    /// [`StateError`] if it cannot be written; without it, a run whose journal is lost would post again.
    pub fn write(&self) -> Result<(), StateError> {
        let mut written = Ok(());
        self.written.call_once(|| written = self.write_now());
        written
    }

    fn write_now(&self) -> Result<(), StateError> {
        let path = self.path();
        let folder = self.state.join(FOLDER);
        create_inside(&self.state, &folder)?;
        let note = Note {
            origin: self.origin.clone(),
            account: self.account.clone(),
            journal: self.journal.clone(),
            at: jiff::Timestamp::now().to_string(),
        };
        let write = || -> std::io::Result<()> {
            let file = tempfile::NamedTempFile::new_in(&folder)?;
            serde_json::to_writer(&file, &note)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(|source| StateError::Io { path: path.clone(), source })
    }

    fn read(&self) -> Result<Option<Note>, CliError> {
        let path = self.path();
        let failed = |path: &Path| {
            format!("cannot read {}; remove it if you know that nothing was posted", path.display())
        };
        let mut text = String::new();
        match open_file(&path, OpenOptions::new().read(true)) {
            Err(StateError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                return Ok(None);
            }
            opened => opened
                .map_err(std::io::Error::from)
                .and_then(|mut file| file.read_to_string(&mut text))
                .map_err(|source| operation(&failed(&path), source))?,
        };
        serde_json::from_str(&text).map(Some).map_err(|source| operation(&failed(&path), source))
    }

    fn path(&self) -> PathBuf {
        let key = blake3::hash(destination_key(&self.origin, &self.account).as_bytes()).to_hex();
        self.state.join(FOLDER).join(format!("{}.json", &key[..NAME_DIGITS]))
    }
}
