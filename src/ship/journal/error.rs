//! Why a call to the journal failed.

use std::error::Error;
use std::path::PathBuf;

use rusqlite::ErrorCode;

/// Why a call to the journal failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Another process uses the journal.
    #[error("{}: another run uses this journal; wait until it ends (`ship --wait` does)", path.display())]
    Held {
        /// The journal.
        path: PathBuf,
    },
    /// The file or its folder cannot be opened.
    #[error("{}: the journal cannot be opened", path.display())]
    Open {
        /// The journal.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// A database operation failed.
    #[error(
        "{doing} failed; earlier entries are kept. Check that the disk of the journal has free space and run again"
    )]
    Database {
        /// The operation.
        doing: &'static str,
        /// The error of the database.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The file is not a journal, or parts of it are unreadable.
    #[error(
        "the journal is damaged ({doing} failed). Move it away, with the files of the same name that end in -wal and \
         -shm, and run again. Without it, greenlit no longer knows what it sent: it asks the platform for \
         its videos and ads, and waits for the visibility_window before it creates an ad; posts and drafts cannot be \
         found, so that `ship` asks for --fresh before it makes them again"
    )]
    Damaged {
        /// The operation.
        doing: &'static str,
        /// The error of the database.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A later version wrote the journal.
    #[error("{}: written by a later version of greenlit (schema {found}, supported up to {supported}); update greenlit", path.display())]
    TooNew {
        /// The journal.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The latest schema that this version reads.
        supported: i64,
    },
    /// A version of SQLite that can lose committed rows.
    #[error("SQLite {found} can lose committed rows; 3.51.3 or later is needed")]
    OldLibrary {
        /// Its version.
        found: String,
    },
    /// The state of an effect forbids a transition.
    #[error("journal: effect {key} is {state} and cannot become {wanted}")]
    Forbidden {
        /// The effect.
        key: String,
        /// Its state.
        state: String,
        /// The requested state.
        wanted: &'static str,
    },
    /// No open question has that id.
    #[error("journal: no open question has the id {id}; see `greenlit status`")]
    NoQuestion {
        /// As given.
        id: String,
    },
}

/// Wraps a database error with the operation that failed.
pub(super) fn database(doing: &'static str) -> impl Fn(rusqlite::Error) -> JournalError {
    move |error| {
        let code = error.sqlite_error_code();
        let source = Box::new(error);
        match code {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                JournalError::Damaged { doing, source }
            }
            _ => JournalError::Database { doing, source },
        }
    }
}
