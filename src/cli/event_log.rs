//! Events as lines of JSON: of a run while it goes on, and of the journal afterwards.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::ship::{Journal, ShipEvent};

use super::error::CliError;
use super::sandbox::operation;

/// The form of a line of a run.
const RUN_SCHEMA: &str = "greenlit.ship-event/1";
/// The form of a line of the journal.
const JOURNAL_SCHEMA: &str = "greenlit.journal-event/1";
/// How often one file's bytes are told of.
const EVERY: Duration = Duration::from_secs(1);

/// The event log of a run, appended to a file line by line.
#[derive(Debug)]
pub struct EventLog {
    file: Mutex<File>,
    told: Mutex<HashMap<PathBuf, Instant>>,
}

impl EventLog {
    /// Opens the file for appending.
    pub fn open(path: &Path) -> Result<EventLog, CliError> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(|source| {
            operation(&format!("the event log {} cannot be written", path.display()), source)
        })?;
        Ok(EventLog { file: Mutex::new(file), told: Mutex::default() })
    }

    /// Appends an event. Bytes of one file are told of once a second, and at its end.
    pub fn write(&self, event: &ShipEvent) {
        let line = match event {
            ShipEvent::State { source, state } => {
                json!({"event": "state", "source": source.to_string_lossy(), "state": state})
            }
            ShipEvent::Sent { source, bytes, total } => {
                if bytes < total && !self.is_due(source) {
                    return;
                }
                json!({"event": "sent", "source": source.to_string_lossy(), "bytes": bytes, "total": total})
            }
            ShipEvent::Paused { seconds } => json!({"event": "paused", "seconds": seconds}),
        };
        let now = jiff::Timestamp::now().as_millisecond();
        let line = stamped(RUN_SCHEMA, now, line).to_string() + "\n";
        // A log that cannot be written must not stop what it tells of.
        let _ = self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
    }

    fn is_due(&self, source: &Path) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let due = told.get(source).is_none_or(|last| last.elapsed() >= EVERY);
        if due {
            told.insert(source.to_owned(), Instant::now());
        }
        due
    }
}

/// Prints every event of a journal.
pub fn print_journal(journal: &Journal) -> Result<(), CliError> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let written = journal
        .read_log(0, &mut |event| {
            let line = serde_json::to_value(&event).map_err(std::io::Error::other)?;
            writeln!(out, "{}", stamped(JOURNAL_SCHEMA, event.at_ms, line))
        })
        .map_err(|source| operation("the journal cannot be read", source))?;
    written
        .and_then(|()| out.flush())
        .map_err(|source| CliError::WriteReport { place: "standard output".into(), source })
}

/// The form and the time in front of what happened.
fn stamped(schema: &str, at_ms: i64, event: Value) -> Value {
    let at = jiff::Timestamp::from_millisecond(at_ms)
        .map(|at| at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
        .unwrap_or_default();
    let mut line = json!({"schema": schema, "at": at});
    if let (Some(line), Value::Object(fields)) = (line.as_object_mut(), event) {
        line.extend(fields);
    }
    line
}
